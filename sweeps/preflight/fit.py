"""Whether what a step sees fits the data, and what it takes fits into memory; said before anything starts."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from simcvd.config import TrialConfig

if TYPE_CHECKING:
    from simcvd.data.dataset_info import DatasetInfo


def fit_notices(
    info: "DatasetInfo",
    configs: Iterable[TrialConfig],
    available: int | None = None,
    gpu: str | None = None,
    auto: str | None = None,
) -> tuple[str, ...]:
    """Return a sentence for each crop that is larger than the data, and one on the trial that takes too much memory.

    Args:
        info: the data set.
        configs: settings of the trials.
        available: bytes that a trial may take; none: not known.
        gpu: what has them; none: this machine, whose CPU computes.
        auto: what `training.precision=auto` is for all trials; none: not known, and float32 is counted.
    """
    from simcvd.data.checks import crop_notice
    from simcvd.methods.memory import memory_notice, step_bytes

    channels, classes = len(info.channels), len(info.classes) + 1
    kinds = list({config.model_copy(update={"seed": 0}): config for config in configs}.values())
    crops = dict.fromkeys(config.data.crop_vox for config in kinds)
    found = [crop_notice(info, crop) for crop in crops]
    if kinds:
        hungriest = max(kinds, key=lambda config: step_bytes(config, channels, classes))
        own = hungriest.training.precision
        precision = own if own != "auto" else auto or "float32"
        found.append(memory_notice(hungriest, channels, classes, available, gpu, precision))
    return tuple(notice for notice in found if notice is not None)
