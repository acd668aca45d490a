"""The image and label of a case in a data set folder, for pictures; the format is that of `simcvd prepare`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import AnalysisError, reason
from simcvd.case_id import case_file_name
from simcvd.errors import UserError
from simcvd.hdf5 import held

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class CaseImage:
    """One case.

    Attributes:
        image: float32 `[X, Y, Z]`, normalised; the first of several channels.
        label: uint8 `[X, Y, Z]`, 0 is background and what counts nowhere; None where unknown.
        spacing_mm: size of a voxel along X, Y and Z.
    """

    image: "npt.NDArray[np.float32]"
    label: "npt.NDArray[np.uint8] | None"
    spacing_mm: tuple[float, float, float]


def read_case_image(dataset: Path, case_id: str) -> CaseImage | None:
    """Read a case from the data set folder.

    Args:
        dataset: the data set folder.
        case_id: the case.

    Returns:
        The case; None where the folder has no such case.

    Raises:
        AnalysisError: an id that can't be a file's name, or its file is damaged or of another format.
    """
    import h5py
    import numpy as np

    from simcvd.labels import IGNORED

    try:
        path = dataset / "cases" / case_file_name(case_id)
    except UserError as error:
        raise AnalysisError(str(error)) from error
    if not path.is_file():
        return None
    try:
        with h5py.File(path, "r") as file:
            image, own_label = held(file, "image"), held(file, "label")
            if image is None:
                raise KeyError("it has no image")
            shown = np.asarray(image[0] if image.ndim == 4 else image[:], dtype=np.float32)
            label = None if own_label is None else np.asarray(own_label[:], dtype=np.uint8)
            if label is not None:
                label[label == IGNORED] = 0
            x, y, z = (float(size) for size in file.attrs["spacing_mm"])
    except (OSError, KeyError, ValueError, TypeError, AttributeError, UserError) as error:
        raise AnalysisError(f"The case {path} can't be read ({reason(error)}); prepare the data set anew.") from error
    return CaseImage(shown, label, (x, y, z))
