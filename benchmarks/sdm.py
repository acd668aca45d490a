"""Signed distance map of a crop: scipy in every step, against `edt`, and against a crop of the case's stored map."""

import os

import numpy as np
from pairs import compare, parser, show, sides
from synthetic import LA_SHAPE, make_mask
from usual_sdm import usual_sdm

from simcvd.data.sdm import signed_distance_maps


def main() -> None:
    arguments = parser(__doc__, repeats=5)
    arguments.add_argument("--crop", type=sides, default=(112, 112, 80), help="voxels of a crop")
    arguments.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of `edt`")
    given = arguments.parse_args()
    label = make_mask(0, tuple(max(*pair) for pair in zip(LA_SHAPE, given.crop, strict=True)))
    box = tuple(
        slice((whole - part) // 2, (whole + part) // 2) for whole, part in zip(label.shape, given.crop, strict=True)
    )
    crop = np.ascontiguousarray(label[box])
    stored = signed_distance_maps(label, 1, given.threads)

    difference = float(np.abs(usual_sdm(crop) - signed_distance_maps(crop, 1)[0]).max())
    agreement = f"largest difference {difference:.1g} (half precision)"
    rows = [
        compare(
            f"computed per crop, {threads} thread{'s' * (threads > 1)}",
            lambda: usual_sdm(crop),
            lambda threads=threads: signed_distance_maps(crop, 1, threads),
            given.repeats,
            agreement,
        )
        for threads in sorted({1, given.threads})
    ]
    rows.append(
        compare(
            "cut from the stored map",
            lambda: usual_sdm(crop),
            lambda: np.array(stored[(slice(None), *box)]),
            given.repeats,
            "the whole case's map, by design",
        )
    )
    show(rows, given.json)


if __name__ == "__main__":
    main()
