"""What one mask for all cases scores, the average of the labelled ones: `RUNS/sweeps/NAME/average_mask.json`.

It never looks at an image, so a network that is not better has learned nothing. The only writer and reader.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from analysis.errors import AnalysisError
from simcvd.files import write_file


@dataclass(frozen=True)
class AverageMask:
    """The average mask of some labelled cases on others.

    Attributes:
        dataset_digest: of the data set.
        labeled: ids of the cases that were averaged.
        dice: by case, from 0 to 1, the mean over the foreground classes.
    """

    dataset_digest: str
    labeled: tuple[str, ...]
    dice: Mapping[str, float]


def write_average_mask(runs: Path, sweep_name: str, mask: AverageMask) -> None:
    """Write what the average mask scores beside a sweep."""
    write_file(average_mask_file(runs, sweep_name), json.dumps(asdict(mask), indent=1))


def read_average_mask(runs: Path, sweep_name: str) -> AverageMask | None:
    """Read what the average mask scores; None where that was not measured.

    Raises:
        AnalysisError: the file is damaged.
    """
    file = average_mask_file(runs, sweep_name)
    if not file.is_file():
        return None
    try:
        found = json.loads(file.read_text())
        dice = {str(case): _checked(float(value)) for case, value in found["dice"].items()}
        return AverageMask(str(found["dataset_digest"]), tuple(map(str, found["labeled"])), dice)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnalysisError(
            f"The file {file} can't be read ({type(error).__name__}: {error}); delete it, and the sweep's command "
            "writes it anew."
        ) from error


def _checked(dice: float) -> float:
    if not 0 <= dice <= 1:  # JSON as Python reads it may hold NaN and Infinity
        raise ValueError(f"a Dice of {dice}, which is not from 0 to 1")
    return dice


def average_mask_file(runs: Path, sweep_name: str) -> Path:
    """Return `RUNS/sweeps/NAME/average_mask.json`."""
    return runs / "sweeps" / sweep_name / "average_mask.json"
