"""One axial slice of a case as a small picture, and the outlines of its classes as paths over it."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.inspection.case_facts import Array
from simcvd.data.inspection.inspect import located
from simcvd.data.store import open_case
from simcvd.scans.orientation import orient
from simcvd.scans.volume import Volume, spacing_of

MOST_PIXELS = 256
"""Of a picture's side."""
MOST_BYTES = 5_500
"""Of a picture; base64 makes a third more of it, and outlines come to it."""
_QUALITIES = (70, 55, 40, 25, 10)
_SHOWN_PERCENT = (0.5, 99.5)


@dataclass(frozen=True)
class Slice:
    """A slice across the body, as radiologists see it: the patient's right at the left, the front at the top.

    Attributes:
        picture: grey values as WebP.
        width_mm: of the slice.
        height_mm: of the slice.
        columns: pixels that the outlines count.
        rows: pixels that the outlines count.
        outlines: of each class an SVG path along pixel edges, empty where it isn't in the slice; () without label.
        number: of the slice, from 1, in the direction from the feet to the head where that is known.
        of: how many there are.
    """

    picture: bytes
    width_mm: float
    height_mm: float
    columns: int
    rows: int
    outlines: tuple[str, ...]
    number: int
    of: int


def case_slice(folder: Path, info: DatasetInfo, case_id: str) -> Slice:
    """Draw the slice with the largest label of a labelled training case, the middle one without label of any other.

    Raises:
        UserError: a missing or damaged case file.
    """
    labelled = case_id in info.splits.train_labeled
    case = open_case(folder, case_id, with_label=labelled)
    known = located(info, case_id)
    image = _seen(case.image[0], case.affine, known)
    label = None if case.label is None else _seen(case.label, case.affine, known)
    sx, sy, _ = image.spacing_mm
    number = image.shape[2] // 2
    if label is not None:
        areas = ((label.array > 0) & (label.array <= len(info.classes))).sum(axis=(0, 1))
        number = int(areas.argmax()) if areas.any() else number
    # Columns are X, rows are Y, both as the array has them.
    grey = np.asarray(image.array[:, :, number], np.float32).T
    step = -(-max(grey.shape) // MOST_PIXELS)
    marked = None if label is None else label.array[step // 2 :: step, step // 2 :: step, number].T
    rows, columns = (-(-side // step) for side in grey.shape)
    outlines = () if marked is None else tuple(outline(marked == 1 + k) for k in range(len(info.classes)))
    return Slice(
        picture=_webp(_averaged(grey, step)),
        width_mm=columns * step * sx,
        height_mm=rows * step * sy,
        columns=columns,
        rows=rows,
        outlines=outlines,
        number=number + 1,
        of=image.shape[2],
    )


def outline(mask: NDArray[np.bool_]) -> str:
    """Return the edges between a mask `[rows, columns]` and the rest as an SVG path, runs of edges joined.

    >>> outline(np.array([[False, True, True]]))
    'M1 0h2M1 1h2M1 0v1M3 0v1'
    """
    padded = np.pad(mask, 1)
    across = padded[1:, 1:-1] != padded[:-1, 1:-1]  # [rows + 1, columns]
    down = padded[1:-1, 1:] != padded[1:-1, :-1]  # [rows, columns + 1]
    level = (f"M{start} {line}h{length}" for line, start, length in _runs(across))
    upright = (f"M{line} {start}v{length}" for line, start, length in _runs(down.T))
    return "".join([*level, *upright])


def _runs(lines: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Yield (line, start, length) of each run of true values."""
    ends = np.diff(np.pad(lines, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, stops = np.argwhere(ends == 1), np.argwhere(ends == -1)
    for (line, start), (_, stop) in zip(starts.tolist(), stops.tolist(), strict=True):
        yield line, start, stop - start


def _seen(array: Array, affine: Array, known: bool) -> Volume:
    """Turn X to the patient's left, Y to the back and Z to the head; axes of unknown direction are taken for these."""
    volume = Volume(array, affine, spacing_of(affine), known)
    return orient(volume, "LPS")[0]


def _averaged(grey: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    if step == 1:
        return grey
    rows, columns = grey.shape
    padded = np.pad(grey, ((0, -rows % step), (0, -columns % step)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def _webp(grey: NDArray[np.float32]) -> bytes:
    """Encode grey values; coarser until few bytes are enough."""
    from PIL import Image

    low, high = (float(limit) for limit in np.percentile(grey, _SHOWN_PERCENT))
    pixels = (((grey - low) / ((high - low) or 1.0)).clip(0, 1) * 255).round().astype(np.uint8)
    picture = Image.fromarray(pixels)
    content = b""
    for quality in _QUALITIES:
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=quality, method=4)
        content = out.getvalue()
        if len(content) <= MOST_BYTES:
            break
    return content
