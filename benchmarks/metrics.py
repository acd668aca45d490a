"""Dice, Jaccard, HD95 and ASD of one case: medpy, against our score of the case, which adds ASSD and millimetres."""

import os

import numpy as np
from medpy.metric import binary
from pairs import compare, parser, show, sides
from synthetic import LA_SHAPE, make_mask, make_prediction

from simcvd.metrics.case import score_case


def main() -> None:
    arguments = parser(__doc__, repeats=5)
    arguments.add_argument("--shape", type=sides, default=LA_SHAPE, help="voxels of a case")
    arguments.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of the distance search")
    given = arguments.parse_args()
    reference = make_mask(0, given.shape)
    prediction = make_prediction(reference, 1)

    rows = []
    for name, spacing in {
        "isotropic, 0.625 mm": (0.625,) * 3,
        "anisotropic, 0.8 x 0.8 x 2.5 mm": (0.8, 0.8, 2.5),
    }.items():

        def usual(spacing: tuple[float, ...] = spacing) -> list[float]:
            distances = [metric(prediction, reference, spacing) for metric in (binary.hd95, binary.asd)]
            return [binary.dc(prediction, reference), binary.jc(prediction, reference), *distances]

        def ours(spacing: tuple[float, ...] = spacing) -> list[float]:
            (score,) = score_case(prediction, reference, 1, spacing, given.threads)
            return [score.dice, score.jaccard, score.hd95_mm, score.asd_mm]

        difference = max(abs(a - b) for a, b in zip(usual(), ours(), strict=True))
        agreement = f"largest difference {difference:.1g}; Dice {ours()[0]:.2f}, ASD {ours()[3]:.2f} mm"
        rows.append(compare(name, usual, ours, given.repeats, agreement))
    show(rows, given.json, at_least=10, threads=given.threads, numpy=np.__version__)


if __name__ == "__main__":
    main()
