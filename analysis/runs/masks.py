"""The predicted masks of a trial's test cases: `results/masks/ID.h5`, one compressed data set a case.

What pictures are drawn from. Scores are never read from here, and a runs folder without these files is complete.
"""

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from analysis.errors import AnalysisError, reason
from simcvd.errors import UserError
from simcvd.files import write_file
from simcvd.hdf5 import held

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Mask = npt.NDArray[np.uint8]

_DEFLATE: Final = {"compression": "gzip", "compression_opts": 1}
"""Masks are long runs of few values: the fastest level takes them to about a hundredth already."""


class MaskWriter:
    """Write the masks of one trial, case by case; the file appears when the `with` block ends without an error.

    One process at a time may write those of a trial.
    """

    def __init__(self, runs: Path, trial_id: str) -> None:
        self._path = masks_path(runs, trial_id)
        self._file: Any = None

    def __enter__(self) -> Self:
        import h5py

        # In memory, where the compressed masks are small: HDF5 brings the process down when a disk gets full.
        self._file = h5py.File(self._path.name, "w", driver="core", backing_store=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._file.flush()
                write_file(self._path, self._file.id.get_file_image())
        finally:
            self._file.close()

    def add(self, case_id: str, mask: "Mask") -> None:
        """Write one case.

        Args:
            case_id: the case's name.
            mask: uint8 `[X, Y, Z]` on the grid of the prepared case, 0 is background.
        """
        # One chunk, since masks are read whole.
        self._file.create_dataset(case_id, data=mask, chunks=mask.shape, **_DEFLATE)


def masks_path(runs: Path, trial_id: str) -> Path:
    """Return where the masks of a trial are."""
    return runs / "results" / "masks" / f"{trial_id}.h5"


def masked_cases(runs: Path, trial_id: str) -> list[str]:
    """Return the ids of the cases whose masks were kept, sorted; none for a trial without masks.

    Raises:
        AnalysisError: the file is damaged.
    """
    import h5py

    path = masks_path(runs, trial_id)
    if not path.is_file():
        return []
    try:
        with h5py.File(path, "r") as file:
            return sorted(file)
    except OSError as error:
        raise _damaged(path, error) from error


def read_mask(runs: Path, trial_id: str, case_id: str) -> "Mask | None":
    """Return the mask that a trial predicted for a test case.

    Args:
        runs: the runs folder.
        trial_id: the trial.
        case_id: the case.

    Returns:
        uint8 `[X, Y, Z]` on the grid of the prepared case, 0 is background; None where none was kept.

    Raises:
        AnalysisError: the file is damaged.
    """
    import h5py

    path = masks_path(runs, trial_id)
    if not path.is_file():
        return None
    try:
        with h5py.File(path, "r") as file:
            found = held(file, case_id)
            mask: Mask | None = None if found is None else found[:]
            return mask
    except (OSError, ValueError, TypeError, UserError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> AnalysisError:
    return AnalysisError(
        f"The masks {path} can't be read ({reason(error)}); delete the file to go on without its pictures."
    )
