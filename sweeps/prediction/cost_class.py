"""Which trials cost the same: a few steps of one of them tell the time of all.

The settings that cost nothing are listed; every other one, a new one too, makes a class of its own.
"""

from simcvd.config import TrialConfig, apply_settings, config_hash
from simcvd.config.edit import dotted_keys, flatten

WITHOUT_COST = frozenset(
    {
        "seed",
        *("data.labeled", "data.label_split", "data.fold", "data.train_on_val"),
        *("training.steps", "training.learning_rate", "training.learning_rate_drop_fraction"),
        # What these add is counted apart, or is too little to count.
        *("training.validate_every_steps", "training.gradient_norms_every_steps"),
        *("training.checkpoint_every_steps", "training.log_every_steps"),
        *("loss.temperature", "loss.ramp_up_fraction"),
        *("simcvd.ramp_on", "simcvd.feature", "simcvd.shared_head", "simcvd.positions"),
        "ema.decay",
        *("inference.stride_vox", "inference.batch_windows"),
        "mean_teacher.ramp_up_fraction",
        *("ua_mt.ramp_up_fraction", "ua_mt.first_threshold"),
        *("cps.ramp_up_fraction", "entropy_min.ramp_up_fraction"),
        *("ict.ramp_up_fraction", "ict.alpha"),
        *("dan.ramp_up_fraction", "dan.discriminator_learning_rate"),
        *("sassnet.ramp_up_fraction", "sassnet.discriminator_learning_rate"),
        *("dtc.ramp_up_fraction", "dtc.steepness"),
        *("chaitanya.temperature", "chaitanya.pretraining_learning_rate"),
        "unimatch.threshold",
        *("bcp.box_side", "bcp.teacher_decay"),
        *("ad_mt.ramp_up_fraction", "ad_mt.threshold", "ad_mt.teacher_decay", "ad_mt.box_beta"),
        *("crossmatch.first_threshold", "crossmatch.last_threshold"),
    }
)
"""Settings whose values don't change the time of a step.

The parts of Chaitanya's stages are not among them: stages differ in cost, and a class shares out its steps alike.
"""

SWITCHES = frozenset(
    {
        *("training.momentum", "training.weight_decay"),
        *("loss.sdm", "loss.contrast", "loss.distillation", "loss.consistency"),
        *("projection.dropout", "network.dropout_bottleneck", "network.dropout_last"),
        "mean_teacher.consistency",
        "ua_mt.consistency",
        "entropy_min.entropy",
        "cps.cross",
        "ict.consistency",
        "dan.adversarial",
        *("sassnet.sdm", "sassnet.adversarial"),
        *("dtc.sdm", "dtc.consistency"),
        *("chaitanya.global_contrast", "chaitanya.local_contrast"),
        *("unimatch.strong", "unimatch.feature"),
        "bcp.unlabeled",
        "ad_mt.unlabeled",
        *("crossmatch.image", "crossmatch.teacher_distillation", "crossmatch.decoder_distillation"),
    }
)
"""Settings that cost something or nothing: 0 switches off what they weigh, all other values cost the same."""

OF_INFERENCE = frozenset(
    {
        *("data.crop_vox", "inference.stride_vox", "inference.batch_windows"),
        *("network.name", "network.width", "network.strides", "training.precision"),
    }
)
"""All that the time of a prediction depends on, beside the network's own section: every method is scored by the class
head of its network."""

_ON = 0.5


def training_class(config: TrialConfig) -> str:
    """Return what is equal for trials whose steps take the same time."""
    values, defaults = flatten(config), dotted_keys()
    alike = {key: defaults[key] for key in WITHOUT_COST} | {"inference.stride_vox": [1, 1, 1]}  # fits every crop
    alike |= {key: _ON if values[key] else 0.0 for key in SWITCHES}
    return config_hash(apply_settings(config, alike), "")


def inference_class(config: TrialConfig) -> str:
    """Return what is equal for trials whose predictions of a case take the same time."""
    values = flatten(config)
    own = {key for key in values if key.startswith(f"{config.network.name}.")}
    return "; ".join(f"{key}={values[key]}" for key in sorted(OF_INFERENCE | own))
