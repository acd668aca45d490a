"""One training item: a gzip HDF5 case read whole and then cropped, against a crop of a memory-mapped case."""

import tempfile
from pathlib import Path

import h5py
import numpy as np
from pairs import compare, parser, show, sides
from synthetic import LA_SHAPE, make_image, make_mask
from usual_sdm import usual_sdm

from simcvd.data.store import Grid, open_case, write_case


def main() -> None:
    arguments = parser(__doc__, repeats=15)
    arguments.add_argument("--shape", type=sides, default=LA_SHAPE, help="voxels of a case")
    arguments.add_argument("--crop", type=sides, default=(112, 112, 80), help="voxels of a crop")
    given = arguments.parse_args()
    label = make_mask(0, given.shape)
    image = make_image(0, label)
    generator = np.random.default_rng(0)

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with h5py.File(folder / "usual.h5", "w") as file:
            file.create_dataset("image", data=image, compression="gzip")
            file.create_dataset("label", data=label, compression="gzip")
        write_case(folder, "ours", image, label, Grid((1, 1, 1), np.eye(4), given.shape), classes=1)
        case = open_case(folder, "ours", with_label=True)  # once a trial
        assert case.label is not None
        assert case.sdm is not None
        labels, maps = case.label, case.sdm

        def place() -> tuple[slice, slice, slice]:
            pairs = zip(given.shape, given.crop, strict=True)
            x, y, z = (int(generator.integers(whole - part + 1)) for whole, part in pairs)
            return slice(x, x + given.crop[0]), slice(y, y + given.crop[1]), slice(z, z + given.crop[2])

        def usual() -> tuple[np.ndarray, np.ndarray]:
            box = place()
            with h5py.File(folder / "usual.h5", "r") as file:
                whole, whole_label = file["image"][:], file["label"][:]
            return whole[box].astype(np.float32), whole_label[box].astype(np.uint8)

        def ours() -> tuple[np.ndarray, np.ndarray]:
            box = place()
            return np.array(case.image[(slice(None), *box)]), np.array(labels[box])

        def usual_with_map() -> tuple[np.ndarray, ...]:
            crop = usual()
            return *crop, usual_sdm(crop[1])

        def ours_with_map() -> tuple[np.ndarray, ...]:
            box = place()
            return *ours(), np.array(maps[(slice(None), *box)])

        same = np.array_equal(case.image[0], image) and np.array_equal(labels, label)
        agreement = "same voxels" if same else "VOXELS DIFFER"
        rows = [
            compare("image and label", usual, ours, given.repeats, agreement),
            compare("image, label and distance map", usual_with_map, ours_with_map, given.repeats, agreement),
        ]
    show(rows, given.json, at_least=50)


if __name__ == "__main__":
    main()
