"""One arithmetic for all trials of a sweep, so that no table compares bfloat16 with float32 by which GPU was free."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from simcvd.config import TrialConfig
from simcvd.errors import UserError
from sweeps.preflight.gpu import GpuDevice, GpuReport
from sweeps.status.trial import recorded_precision

PrecisionName = Literal["bfloat16", "float32"]
_WITHOUT = "without that machine they would run in bfloat16"


@dataclass(frozen=True)
class SweepPrecision:
    """What `training.precision=auto` is for all trials of a command.

    Attributes:
        name: none where no trial has `auto`.
        why: what decided it.
        notices: sentences on what the user would not expect.
    """

    name: PrecisionName | None
    why: str
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hindrance:
    """Why trials can't run in bfloat16 on a node.

    Attributes:
        kind: `unknown` where it could not be found out.
        what: names the node.
        advice: what would change it.
    """

    kind: Literal["absent", "wrong", "unknown"]
    what: str
    advice: str


def of_processors(fast: Mapping[str, bool]) -> dict[str, Hindrance | None]:
    """Return what hinders bfloat16 on nodes whose trials compute on the CPU.

    Args:
        fast: whether the CPU of each node multiplies bfloat16 in hardware.
    """
    return {
        name: None if has else Hindrance("absent", f"the CPU of {name} has no bfloat16 arithmetic", _WITHOUT)
        for name, has in fast.items()
    }


def of_gpus(reports: Mapping[str, GpuReport]) -> dict[str, Hindrance | None]:
    """Return what hinders bfloat16 on nodes whose trials compute on GPUs."""
    return {
        name: next((found for device in report.devices if (found := _of_gpu(device, name, report))), None)
        for name, report in reports.items()
    }


def resolve(
    wanted: Collection[str], hindrances: Mapping[str, Hindrance | None], recorded: Mapping[str, int]
) -> SweepPrecision:
    """Return what `auto` is for all trials: bfloat16 where every node computes it fast and right.

    Args:
        wanted: `training.precision` of the trials to run.
        hindrances: of each node that trials may run on; none where nothing hinders.
        recorded: how many trials of the sweep with `auto` ran before, by what they ran in.

    Raises:
        UserError: bfloat16 is asked for by name, and a node can't do it.
    """
    found = [hindrance for hindrance in hindrances.values() if hindrance is not None]
    if "bfloat16" in wanted and (certain := [hindrance for hindrance in found if hindrance.kind != "unknown"]):
        raise UserError(
            f"training.precision is bfloat16, but {certain[0].what}; use auto or float32, or other machines."
        )
    if "auto" not in wanted:
        return SweepPrecision(None, f"as the trials set it: {', '.join(sorted(set(wanted))) or 'nothing to run'}")
    if not found:
        where = "this machine computes" if len(hindrances) == 1 else f"all {len(hindrances)} machines compute"
        return _match(SweepPrecision("bfloat16", f"{where} it fast and right"), recorded)
    first = found[0]
    choice = SweepPrecision("float32", first.what)
    # No word where nothing could be otherwise: a machine without bfloat16 has always computed in float32.
    if len(found) < len(hindrances) or first.kind != "absent":
        choice = replace(choice, notices=(f"All trials run in float32, since {first.what}; {first.advice}.",))
    return _match(choice, recorded)


def recorded_precisions(runs: Path, configs: Mapping[str, TrialConfig]) -> Counter[str]:
    """Count what a sweep's trials with `training.precision=auto` ran in before.

    Args:
        runs: runs folder.
        configs: settings of the sweep's trials by id.
    """
    automatic = [trial_id for trial_id, config in configs.items() if config.training.precision == "auto"]
    return Counter(name for trial_id in automatic if (name := recorded_precision(runs, trial_id)) is not None)


def _match(choice: SweepPrecision, recorded: Mapping[str, int]) -> SweepPrecision:
    """Return the choice that goes with the trials that are there: float32 can always be matched, bfloat16 not."""
    halves, singles = recorded.get("bfloat16", 0), recorded.get("float32", 0)
    notices = choice.notices
    if singles and choice.name == "bfloat16":
        why = f"{singles} trial(s) of this sweep ran in float32 before"
        choice = SweepPrecision("float32", why)
        notices = (*notices, f"All trials run in float32, since {why}; bfloat16 would be faster here.")
    if halves and choice.name == "float32":
        mixed = (
            f"{halves} trial(s) of this sweep ran in bfloat16 and the others run in float32, so its table mixes both; "
            "the same command with --set training.precision=float32 runs all of them in float32."
        )
        notices = (*notices, mixed)
    return replace(choice, notices=notices)


def _of_gpu(device: GpuDevice, node: str, report: GpuReport) -> Hindrance | None:
    name = f"GPU {device.label} ({device.name}) of {node}"
    told = " ".join(device.bfloat16_told.split())[:200]
    if device.bfloat16 == "absent":
        return Hindrance("absent", f"{name} has no bfloat16 arithmetic", _WITHOUT)
    if device.bfloat16 == "wrong":
        what = f"{name} computes bfloat16 wrong with cuDNN {report.cudnn} ({told})"
        return Hindrance("wrong", what, "another version of cuDNN may compute it right")
    if device.bfloat16 == "unknown":
        what = f"whether {name} computes bfloat16 right could not be found out ({told})"
        return Hindrance("unknown", what, "they may run in bfloat16 once that is put right")
    return None
