"""What people call settings, after other programs and papers, and the keys that they mean."""

from collections.abc import Iterable, Mapping
from typing import Final

_LEARNING_RATE: Final = ("training.learning_rate",)
_BATCH: Final = ("training.batch_labeled", "training.batch_unlabeled")
_STEPS: Final = ("training.steps",)
_LABELED: Final = ("data.labeled",)
_CROP: Final = ("data.crop_vox",)
_DROPOUT: Final = ("projection.dropout", "network.dropout_bottleneck", "network.dropout_last")
_STRIDE: Final = ("inference.stride_vox", "network.strides")

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("lr", "eta", "base_lr", "init_lr", "initial_lr", "learningrate"), _LEARNING_RATE),
    **dict.fromkeys(("lr_decay", "lr_drop", "lr_schedule", "scheduler"), ("training.learning_rate_drop_fraction",)),
    **dict.fromkeys(("bs", "batch", "batchsize", "batch_size"), _BATCH),
    **dict.fromkeys(("labeled_bs", "labeled_batch_size", "batch_size_labeled"), _BATCH[:1]),
    **dict.fromkeys(("unlabeled_bs", "unlabeled_batch_size", "batch_size_unlabeled"), _BATCH[1:]),
    **dict.fromkeys(("epoch", "epochs", "max_epochs", "num_epochs", "n_epochs"), _STEPS),
    **dict.fromkeys(("step", "max_steps", "num_steps", "n_steps", "iterations", "iters", "max_iter"), _STEPS),
    **dict.fromkeys(("max_iterations", "max_iters", "num_iterations", "train_steps"), _STEPS),
    **dict.fromkeys(("wd", "l2", "decay_weight"), ("training.weight_decay",)),
    "mom": ("training.momentum",),
    **dict.fromkeys(("amp", "fp16", "bf16", "mixed_precision", "dtype", "autocast"), ("training.precision",)),
    **dict.fromkeys(("val_every", "eval_every", "validation_every"), ("training.validate_every_steps",)),
    **dict.fromkeys(("save_every", "checkpoint_every", "ckpt_every"), ("training.checkpoint_every_steps",)),
    "log_every": ("training.log_every_steps",),
    **dict.fromkeys(("dropout", "drop", "p", "dropout_rate", "dropout_p"), _DROPOUT),
    **dict.fromkeys(("labels", "labelled", "labelnum", "label_num", "n_labeled", "n_labelled"), _LABELED),
    **dict.fromkeys(("num_labeled", "labeled_num", "num_labels", "n_labels", "label_ratio"), _LABELED),
    **dict.fromkeys(("label_seed", "split_seed", "draw"), ("data.label_split",)),
    **dict.fromkeys(("folds", "cv", "kfold", "k_fold", "cross_validation"), ("data.fold",)),
    **dict.fromkeys(("crop", "crop_size", "patch", "patch_size", "roi", "roi_size", "input_size", "window"), _CROP),
    **dict.fromkeys(("stride", "stride_xy", "stride_z", "overlap"), _STRIDE),
    **dict.fromkeys(("sw_batch_size", "val_batch_size", "test_batch_size"), ("inference.batch_windows",)),
    **dict.fromkeys(("channels", "base_channels", "n_filters", "filters", "base_width"), ("network.width",)),
    **dict.fromkeys(("alpha", "sdm_weight", "sdf"), ("loss.sdm",)),
    **dict.fromkeys(("lambda", "lambda_contrast", "contrastive", "contrast_weight"), ("loss.contrast",)),
    **dict.fromkeys(("beta", "distill", "kd", "pairwise"), ("loss.distillation",)),
    **dict.fromkeys(("gamma", "consistency_weight", "lambda_u", "unsup_weight"), ("loss.consistency",)),
    **dict.fromkeys(("tau", "temp", "t"), ("loss.temperature",)),
    **dict.fromkeys(("rampup", "ramp_up", "warmup", "consistency_rampup"), ("loss.ramp_up_fraction",)),
    **dict.fromkeys(("ema_decay", "ema", "teacher_decay", "momentum_teacher"), ("ema.decay",)),
    **dict.fromkeys(("pool", "pooling_size", "pool_s"), ("projection.pool_size",)),
    **dict.fromkeys(("embedding", "embed_dim", "embedding_dim", "feat_dim", "feature_dim"), ("projection.features",)),
    **dict.fromkeys(("noise_std", "sigma"), ("noise.std",)),
    **dict.fromkeys(("random_seed", "rng", "manual_seed"), ("seed",)),
    **dict.fromkeys(("model", "algorithm", "algo", "trainer"), ("method",)),
    **dict.fromkeys(("mirror", "flips", "flipping"), ("augment.flip",)),
    **dict.fromkeys(("rotation", "rotations", "rot90"), ("augment.rotate",)),
}
"""Words in small letters, with underscores, to keys of settings; the likeliest first."""


def meant_keys(word: str, known: Iterable[str]) -> list[str]:
    """Return the keys that a word of other programs means; where it names a section, those of that section if any.

    >>> from simcvd.config.edit import dotted_keys
    >>> meant_keys("training.lr", dotted_keys())
    ['training.learning_rate']
    >>> meant_keys("network.dropout", dotted_keys())
    ['network.dropout_bottleneck', 'network.dropout_last']
    """
    *sections, last = word.lower().replace("-", "_").split(".")
    names = set(known)
    keys = [key for key in KEYS.get(last, ()) if key in names]
    inside = [key for key in keys if sections and key.split(".")[:-1] == sections]
    return inside or keys
