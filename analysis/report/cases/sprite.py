"""A volume's slices side by side in one picture, which a browser decodes by itself."""

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

QUALITY: Final = 55
"""Of WebP: grey values of left atrium scans come back to within 5 of 255 (root mean square)."""
_SHOWN_PERCENT: Final = (0.5, 99.5)


@dataclass(frozen=True)
class Sprite:
    """A WebP picture of `columns` x rows tiles; slice z of X x Y voxels is tile z, row by row, with y downwards."""

    content: bytes
    columns: int


def make_sprite(volume: "npt.NDArray[np.float32]") -> Sprite:
    """Encode a volume `[X, Y, Z]` in 8 bits; grey values run from its 0.5th to its 99.5th percentile."""
    import numpy as np
    from PIL import Image

    sx, sy, sz = volume.shape
    columns = max(1, min(sz, round(math.sqrt(sz * sy / sx))))
    rows = -(-sz // columns)
    low, high = (float(limit) for limit in np.nanpercentile(volume, _SHOWN_PERCENT))
    grey = (np.nan_to_num(volume, nan=low) - low) / ((high - low) or 1.0)
    tiles = np.zeros((rows * columns, sy, sx), dtype=np.uint8)
    tiles[:sz] = (grey.clip(0, 1) * 255).round().astype(np.uint8).transpose(2, 1, 0)
    picture = tiles.reshape(rows, columns, sy, sx).swapaxes(1, 2).reshape(rows * sy, columns * sx)
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "WEBP", quality=QUALITY, method=4)
    return Sprite(out.getvalue(), columns)
