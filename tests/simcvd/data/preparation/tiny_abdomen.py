"""A body in Hounsfield units: fat, a spine, a liver, vessels, and a pancreas in the fat."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def abdomen(seed: int, shape: tuple[int, int, int] = (40, 32, 16)) -> tuple[Array, Array]:
    """Return a scan `[X, Y, Z]` and the label of its pancreas, X to the left and Y to the back as in a DICOM series."""
    generator = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    scan = np.full(shape, -1000.0)
    scan[x**2 + (y / 0.9) ** 2 < 0.9] = -100
    scan[(x + 0.5) ** 2 / 0.15 + (y + 0.1) ** 2 / 0.3 + (z - 0.3) ** 2 < 1] = 110  # liver
    scan[(x - 0.55) ** 2 / 0.04 + (y - 0.25) ** 2 / 0.06 + (z - 0.4) ** 2 / 0.5 < 1] = 120  # spleen
    scan[x**2 / 0.03 + (y - 0.6) ** 2 / 0.03 < 1] = 400  # spine
    scan[(x - 0.1) ** 2 / 0.004 + (y - 0.35) ** 2 / 0.004 < 1] = 180  # aorta
    bend = 0.25 * (x - 0.15) ** 2
    place = 0.06 * generator.uniform(-1, 1, 3)
    label = (x - 0.15 - place[0]) ** 2 / 0.16 + (y + 0.2 + bend - place[1]) ** 2 / 0.02 + (
        z + 0.25 - 0.3 * x - place[2]
    ) ** 2 / 0.06 < 1
    scan[label] = 95
    scan += generator.normal(0, 15, shape)
    return np.rint(np.clip(scan, -1024, 2000)).astype(np.int16), label.astype(np.uint8)
