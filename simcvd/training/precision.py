"""Which arithmetic a trial runs in."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch

from simcvd.config import TrialConfig
from simcvd.errors import UserError
from simcvd.training.convolution_check import wrong_convolution
from simcvd.training.distributed import any_worker


@dataclass(frozen=True)
class Precision:
    """Arithmetic of the networks' forward and backward passes; parameters and losses stay float32.

    Attributes:
        name: `float32` or `bfloat16`.
        device_type: `cpu` or `cuda`.
        may_change: whether it was chosen for this device alone, so that float32 may take its place.
    """

    name: str
    device_type: str
    may_change: bool = False

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which networks run."""
        return torch.autocast(self.device_type, torch.bfloat16, enabled=self.name == "bfloat16")


def has_fast_bfloat16(device: torch.device) -> bool:
    """Tell whether the device multiplies bfloat16 in hardware.

    A CPU without AVX512-BF16 or AMX computes bfloat16 convolutions by a reference path, seen to be 60 to 100 times
    slower than float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return False


def choose_precision(wanted: str, device: torch.device, *, resolved: str | None = None) -> Precision:
    """Resolve `training.precision` for a device: `auto` is bfloat16 where it is fast.

    Args:
        wanted: the setting.
        device: from `choose_device`.
        resolved: what `auto` is for all trials of a sweep; none asks the device.

    Raises:
        UserError: bfloat16 asked of a device that has none.
    """
    fast = has_fast_bfloat16(device)
    if wanted == "auto" and resolved is not None:
        wanted = resolved
    if wanted == "bfloat16" and not fast:
        raise UserError(
            f"training.precision is bfloat16, but this {device.type} device has no bfloat16 arithmetic and would be "
            "tens of times slower; use auto or float32."
        )
    if wanted == "auto":
        return Precision("bfloat16" if fast else "float32", device.type, may_change=True)
    return Precision(wanted, device.type)


def confirmed_precision(
    precision: Precision,
    config: TrialConfig,
    image_channels: int,
    classes: int,
    device: torch.device,
    tell: Callable[[str], None] = lambda sentence: None,
    *,
    trains: bool = True,
) -> Precision:
    """Return an arithmetic whose convolutions this device gets right, the same on every worker.

    Args:
        precision: what was chosen.
        config: the trial's settings.
        image_channels: I, channels of the image.
        classes: C, classes with background.
        device: from `choose_device`.
        tell: gets a sentence where float32 takes the place of bfloat16.
        trains: whether gradients are computed; a CPU was seen to get those alone wrong.

    Raises:
        UserError: bfloat16 was asked for, or is what a sweep's other trials run in, and this device gets it wrong.
    """
    reduced = precision.name == "bfloat16" and (device.type == "cuda" or trains)
    wrong = wrong_convolution(config, image_channels, classes, device) if reduced else None
    if not any_worker(wrong is not None, device):
        return precision
    version = f"cuDNN {torch.backends.cudnn.version()}" if device.type == "cuda" else f"torch {torch.__version__}"  # type: ignore[no-untyped-call]
    what = f"{wrong or 'another worker gets it wrong'}, with {version}"
    if not precision.may_change:
        mend = "install another version of cuDNN, or use" if device.type == "cuda" else "use"
        raise UserError(f"bfloat16 can't be used on {device}: {what}; {mend} training.precision=float32.")
    tell(f"bfloat16 can't be used on {device}: {what}. This runs in float32.")
    return replace(precision, name="float32")
