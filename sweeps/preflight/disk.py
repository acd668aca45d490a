"""How many bytes a sweep will write, and whether they are free."""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simcvd.config import TrialConfig
from simcvd.config.edit import flatten
from simcvd.errors import UserError
from sweeps.storage.data_source import gigabytes

if TYPE_CHECKING:
    from simcvd.data.dataset_info import DatasetInfo

_MASK_BYTES_PER_VOXEL = 1 / 50  # compressed: a hundredth is usual
_LOG_BYTES_PER_LINE = 2_000  # log.jsonl and TensorBoard's events
_OTHER_BYTES_PER_TRIAL = 200_000  # settings, environment, records, files of Ray
_SHAPING: Final = {"method", "network", "projection", "ema"}
"""Settings that the size of a checkpoint depends on, beside the method's own and the weight of the contrast."""


@dataclass(frozen=True)
class DiskNeed:
    """Bytes that are still to be written.

    Attributes:
        running: checkpoints of trials side by side: of each the last two, and the one that is being written.
        kept: what stays of all trials.
        side_by_side: trials that run at a time.
        trials: trials to run.
    """

    running: int
    kept: int
    side_by_side: int
    trials: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.running + self.kept


def disk_need(configs: Sequence[TrialConfig], info: "DatasetInfo", slots: int, *, with_test: bool) -> DiskNeed:
    """Estimate what trials write.

    Args:
        configs: settings of the trials to run.
        info: the data set.
        slots: trials side by side.
        with_test: whether test cases are scored, whose masks are kept; a search keeps checkpoints of what it stops
            instead.
    """
    sizes: dict[str, tuple[int, int]] = {}
    checkpoints: list[int] = []
    kept = 0
    voxels = sum(_voxels(info, case_id) for case_id in info.splits.test) if with_test else 0
    for config in configs:
        key = _shape_key(config)
        if key not in sizes:
            sizes[key] = state_bytes(config, len(info.channels), len(info.classes) + 1)
        checkpoint, student = sizes[key]
        checkpoints.append(checkpoint)
        lines = config.training.steps // config.training.log_every_steps + 1
        kept += student + round(voxels * _MASK_BYTES_PER_VOXEL) + lines * _LOG_BYTES_PER_LINE + _OTHER_BYTES_PER_TRIAL
        kept += 0 if with_test else 2 * checkpoint
    largest = sorted(checkpoints, reverse=True)[:slots]
    return DiskNeed(3 * sum(largest), kept, len(largest), len(configs))


def state_bytes(config: TrialConfig, image_channels: int, classes: int) -> tuple[int, int]:
    """Return the bytes of a trial's checkpoint and of its student's weights; nothing is allocated."""
    import torch

    from simcvd.config import apply_settings
    from simcvd.methods.registry import create

    with torch.device("meta"):
        method = create(apply_settings(config, {"training.compile": False}), image_channels, classes)
    networks = _bytes(method.networks.state_dict().values())
    states = 0
    for optimiser in method.optimisers.values():
        weights = _bytes(tensor for group in optimiser.param_groups for tensor in group["params"])
        states += weights * (2 if isinstance(optimiser, torch.optim.Adam) else 1)
    student = next(iter(method.segmenters().values()))
    return networks + states, _bytes(student.state_dict().values())


def judge_disk(runs: Path, need: DiskNeed, free: int) -> None:
    """Refuse a sweep that the disk can't take.

    Raises:
        UserError: with what is needed and what is free.
    """
    if need.total <= free:
        return
    raise UserError(
        f"The runs folder {runs} has {gigabytes(free)} free, but {gigabytes(need.total)} are needed: "
        f"{gigabytes(need.running)} for checkpoints of {need.side_by_side} trial(s) side by side, "
        f"{gigabytes(need.kept)} for what {need.trials} trial(s) leave; free some, lower --max-concurrent, or choose "
        "another --out."
    )


def free_bytes(runs: Path) -> int:
    """Return what may still be written where the runs folder is or will be."""
    there = next(path for path in (runs, *runs.parents) if path.exists())
    return shutil.disk_usage(there).free


def _shape_key(config: TrialConfig) -> str:
    """Return the same for trials whose checkpoints are equally large; numbers with a fraction only switch parts on."""
    sections = {*_SHAPING, config.method}
    deciding = {key: value for key, value in flatten(config).items() if key.split(".")[0] in sections}
    deciding["loss.contrast"] = config.loss.contrast
    return json.dumps({key: value > 0 if isinstance(value, float) else value for key, value in deciding.items()})


def _bytes(tensors: Iterable[Any]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _voxels(info: "DatasetInfo", case_id: str) -> int:
    x, y, z = info.shapes[case_id]
    return x * y * z
