"""Which arithmetic a trial runs in."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from simcvd.errors import UserError


@dataclass(frozen=True)
class Precision:
    """Arithmetic of the networks' forward and backward passes; parameters and losses stay float32.

    Attributes:
        name: `float32` or `bfloat16`.
        device_type: `cpu` or `cuda`.
    """

    name: str
    device_type: str

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


def choose_precision(wanted: str, device: torch.device) -> Precision:
    """Resolve `training.precision` for a device: `auto` is bfloat16 where it is fast.

    Raises:
        UserError: bfloat16 asked of a device that has none.
    """
    fast = has_fast_bfloat16(device)
    if wanted == "bfloat16" and not fast:
        raise UserError(
            f"training.precision is bfloat16, but this {device.type} device has no bfloat16 arithmetic and would be "
            "tens of times slower; use auto or float32."
        )
    if wanted == "auto":
        wanted = "bfloat16" if fast else "float32"
    return Precision(wanted, device.type)
