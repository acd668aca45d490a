"""What preparation did to every scan, a line each."""

from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.inspection.finding import times
from simcvd.scans.label_crop import LabelCrop
from simcvd.scans.normalisation import Normalisation

_AS_IT_IS = "as the source has them"
_LABEL_GUIDED = "around the label of every case, as the benchmark does"
_POINTING = {
    "R": "to the right",
    "L": "to the left",
    "A": "to the front",
    "P": "to the back",
    "S": "to the head",
    "I": "to the feet",
}


def steps(info: DatasetInfo) -> list[str]:
    """Return what was done: orientation, voxel size, crop, intensities."""
    done = info.preprocessing
    if done is None:
        crop = _LABEL_GUIDED if info.label_guided_crop else "whole scan"
        z_score = "mean 0, sd 1 over each scan's stored voxels"
        intensities = z_score if info.normalisation == "z_score" else _AS_IT_IS
        return _lines("as in the files", "as in the files", crop, intensities)
    orientation = "as in the files" if done.orientation is None else _axes(done.orientation)
    spacing = "as in the files" if done.spacing_mm is None else f"{times(done.spacing_mm)} mm for all"
    crop = _crop(done.crop) if done.crop else _LABEL_GUIDED if info.label_guided_crop else "whole scan"
    intensities = _intensities(done.normalisation, info.channels)
    if info.normalisation == "as_is":
        intensities = f"{_AS_IT_IS}, {intensities}" if done.normalisation.kind == "z_score_scan" else _AS_IT_IS
    return _lines(orientation, spacing, crop, intensities)


def _lines(orientation: str, spacing: str, crop: str, intensities: str) -> list[str]:
    return [f"orientation: {orientation}", f"voxel size: {spacing}", f"crop: {crop}", f"intensities: {intensities}"]


def _axes(codes: str) -> str:
    told = ", ".join(f"{axis} {_POINTING[code]}" for axis, code in zip("XYZ", codes, strict=True))
    return f"{codes} ({told})"


def _crop(crop: LabelCrop) -> str:
    sides = " x ".join("whole" if margin is None else str(margin) for margin in crop.margin_vox)
    least = f", at least {times(crop.least_vox)}" if any(crop.least_vox) else ""
    return f"{_LABEL_GUIDED}: margin {sides} voxels{least}"


def _intensities(done: Normalisation, channels: tuple[str, ...]) -> str:
    told = {
        "z_score": "mean 0, sd 1 over each scan's kept voxels",
        "z_score_scan": "mean 0, sd 1 over each whole scan, before the crop",
        "z_score_nonzero": "mean 0, sd 1 over each scan's voxels that are not 0, which stay 0",
        "window": "clipped to a window, then mean 0, sd 1 over each scan's kept voxels",
        "percentiles": "clipped and scaled by the labelled training foreground",
        "as_is": _AS_IT_IS,
    }[done.kind]
    numbers = [
        f"{name} {each.lower:.4g} to {each.upper:.4g}"
        + ("" if each.mean is None else f", less {each.mean:.4g}")
        + ("" if each.std is None else f", by {each.std:.4g}")
        for name, each in zip(channels, done.channels, strict=False)
    ]
    return f"{told} ({'; '.join(numbers)})" if numbers else told
