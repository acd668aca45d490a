"""Memory that a training step of each method takes, counted from its networks' shapes."""

from simcvd.config import TrialConfig
from simcvd.config.network import VNET
from simcvd.networks.memory import vnet_memory

PROCESS_BYTES = 350 * 10**6
"""A Python process with torch and a data set open."""
_TRAINED_COPIES = 3
"""Of trained weights: themselves, their gradients and their momentum."""
_TEACHERS = {"simcvd": 1, "mean_teacher": 1, "ua_mt": 1, "ict": 1, "bcp": 1, "ad_mt": 2}
_DECODED_AGAIN = {"unimatch": (1, 0), "crossmatch": (2, 2)}
"""How often unlabelled crops as they are, and their strong views, go through the decoder with channels dropped; the two
strong views are a pass of their own."""
_ON_GPU = {"float32": 1.0, "bfloat16": 0.5}
_ON_CPU = {"float32": 1.5, "bfloat16": 1.0}
"""What maps take, of their float32. On the CPU a process keeps what it frees, in pieces (`host_memory.keep_freed`):
measured with the Left Atrium's crops, SimCVD, 6.1 and 4.1 GiB in all."""


def step_bytes(
    config: TrialConfig, image_channels: int, classes: int, precision: str = "float32", *, on_gpu: bool = True
) -> int:
    """Return about how much memory a step takes at its height; a few tenths more or less in truth.

    Args:
        config: the trial's settings.
        image_channels: I, channels of the image.
        classes: C, classes with background.
        precision: arithmetic of the maps; weights and outputs are float32 always.
        on_gpu: whether a GPU computes; else the CPU.
    """
    training, network, method = config.training, config.network, config.method
    memory = vnet_memory(config.data.crop_vox, network.strides, network.width, image_channels, 2 * classes - 1)
    labeled, unlabeled = config.labeled_crops, training.batch_unlabeled
    crops = training.batch_labeled + unlabeled
    networks = 2 if method == "cps" else 1
    if method == "supervised":
        maps = labeled * (memory.kept + memory.backward)
    elif method == "chaitanya":  # two views of all crops through the encoder, or the labelled crops through everything
        encoder = 2 * crops * (memory.encoder + memory.backward // 2)  # its first level has one convolution
        maps = max(encoder, labeled * (memory.kept + memory.backward))
    elif method == "bcp":  # every pair of crops pasted both ways
        maps = 2 * max(labeled, unlabeled) * (memory.kept + memory.backward)
    elif method == "ad_mt":  # unlabelled crops as they are, too
        maps = (crops + unlabeled) * (memory.kept + memory.backward)
    elif method in _DECODED_AGAIN:
        weak, strong = _DECODED_AGAIN[method]
        kept = memory.kept - (memory.backward // 2 if method == "crossmatch" else 0)  # no dropout after the last level
        again = (weak + strong) * unlabeled * (kept - memory.encoder)
        maps = (crops + 2 * unlabeled) * kept + again + (2 + strong) * unlabeled * memory.backward
    else:
        maps = crops * (networks * memory.kept + memory.backward)
    if method == "ua_mt":
        maps += (1 + config.ua_mt.passes) * training.batch_unlabeled * memory.forward
    weights = memory.weights * (networks * _TRAINED_COPIES + _TEACHERS.get(method, 0))
    return round(maps * (_ON_GPU if on_gpu else _ON_CPU)[precision]) + weights + PROCESS_BYTES


def memory_notice(
    config: TrialConfig,
    image_channels: int,
    classes: int,
    available: int | None,
    gpu: str | None,
    precision: str = "float32",
) -> str | None:
    """Say that a step most likely does not fit into memory; none where it does, or where that is not known.

    Of the V-Net alone it is known: other networks' maps are not counted.

    Args:
        config: the trial's settings.
        image_channels: I, channels of the image.
        classes: C, classes with background.
        available: bytes that a trial may take.
        gpu: what has them, such as `cuda:0`; none: this machine, whose CPU computes.
        precision: arithmetic of the maps.
    """
    needed = step_bytes(config, image_channels, classes, precision, on_gpu=gpu is not None)
    if available is None or needed <= available or config.network.name != VNET:
        return None
    crops = config.labeled_crops + (config.training.batch_unlabeled if config.method != "supervised" else 0)
    where = gpu or "this machine"
    return (
        f"A step of {config.method} with {crops} crops of {' x '.join(map(str, config.data.crop_vox))} voxels takes "
        f"about {needed / 1e9:.1f} GB, and {where} has {available / 1e9:.1f} GB for a trial; lower data.crop_vox, "
        "training.batch_labeled, training.batch_unlabeled or network.width."
    )
