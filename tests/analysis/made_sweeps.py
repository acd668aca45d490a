"""Sweeps whose tables the tests of the formats show, and a terminal to show them in."""

import io
import random
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from analysis.tables import Table, render_terminal

Rows = list[dict[str, Any]]

SPREAD = (-0.04, -0.02, 0.0, 0.01, 0.05)


def around(mean: float, noise: Sequence[float] = SPREAD, **more: float) -> Rows:
    """Five cases around a mean."""
    return [{"case_id": f"c{i}", "dice": mean + x, **more} for i, x in enumerate(noise)]


# One metric: a sweep of dropout, one variant with a failed trial, one with an open one.

RATES = ["0.0", "0.01", "0.02", "0.05", "0.2", "0.5"]
DROPOUT = "projection.dropout=0.1"


def below(shift: float, seed: int) -> Rows:
    """Ten cases that lie `shift` times 1 to 1.9 below the reference, at every seed."""
    return [
        {
            "case_id": f"c{i}",
            "dice": 0.9 - 0.01 * i - shift * (1 + 0.1 * i) + 0.001 * seed,
            "hd95_mm": 5 + i + 100 * shift,
        }
        for i in range(10)
    ]


def dropout_variants() -> dict[str, dict[int, Any]]:
    variants: dict[str, dict[int, Any]] = {
        f"projection.dropout={rate}": {seed: below(0.01 * i + 0.01, seed) for seed in (0, 1)}
        for i, rate in enumerate(RATES)
    }
    variants[DROPOUT] = {seed: below(0, seed) for seed in (0, 1)}
    variants["projection.dropout=0.5"][1] = "out_of_memory"
    variants["projection.dropout=0.2"][1] = None
    return variants


# Several metrics: three methods with empty predictions.

ALSO = ("jaccard", "hd95_vox", "asd_vox")
METRICS = ("dice", *ALSO)
METHODS = ("Supervised (upper bound)", "DAN", "SimCVD")
REFERENCE = "SimCVD"


def method_trial(place: int, seed: int, classes: int = 1, empty: Sequence[int] = ()) -> Rows:
    """Twelve cases; those in `empty` have an empty prediction of class 1."""
    rows: Rows = []
    for case in range(12):
        for class_id in range(1, classes + 1):
            draw = random.Random(f"{place} {seed} {case} {class_id}")
            dice = 0.6 + 0.05 * place + 0.01 * case + draw.gauss(0, 0.03)
            row: dict[str, Any] = {
                "case_id": f"c{case:02d}",
                "class_id": class_id,
                "dice": dice,
                "jaccard": dice / (2 - dice),
                "hd95_vox": 40 * (1 - dice) + draw.random(),
                "asd_vox": 9 * (1 - dice) + draw.random(),
            }
            if case in empty and class_id == 1:
                row |= {"dice": 0.0, "jaccard": 0.0, "hd95_vox": None, "asd_vox": None, "empty_prediction": True}
            rows.append(row)
    return rows


def method_variants(seeds: Sequence[int] = (0, 1), classes: int = 1) -> dict[str, dict[int, Any]]:
    """Three variants; seed 0 of DAN and of the reference each have empty predictions, case 2 in both and all seeds."""
    empty = {("DAN", 0): (1, 2), ("DAN", 1): (2,), (REFERENCE, 0): (2, 3), (REFERENCE, 1): (2,)}
    return {
        name: {seed: method_trial(place, seed, classes, empty.get((name, seed), ())) for seed in seeds}
        for place, name in enumerate(METHODS)
    }


# Two metrics: names with marks of every format, one variant lost a trial.

ODD = [
    '50% & $x_1$ {a} #2 ~ ^ \\n "q"',
    "<script>alert(1)</script>",
    "*a* | `b` [c](d) _e_",
    "\N{GREEK SMALL LETTER ALPHA}=0.1 ± Größe ≤ 3",
]
ODD_METRICS = ("dice", "hd95_mm")


def odd_trial(shift: float, seed: int, classes: int) -> Rows:
    return [
        {
            "case_id": f"c{i}",
            "class_id": k,
            "dice": 0.8 + 0.01 * ((7 * i + 3 * k + seed) % 5) - shift * (1 + 0.1 * i),
            "hd95_mm": 4 + (5 * i + seed) % 7 + 40 * shift,
        }
        for i in range(8)
        for k in range(1, classes + 1)
    ]


def odd_variants(classes: int) -> dict[str, dict[int, Any]]:
    variants: dict[str, dict[int, Any]] = {
        name: {seed: odd_trial(0.01 * place, seed, classes) for seed in (0, 1)}
        for place, name in enumerate([*ODD, "ref"])
    }
    variants[ODD[1]][0] = "out_of_memory"
    return variants


def printed(table: Table, width: int, color_system: Any = None) -> str:
    """Return what a terminal of this width shows."""
    console = Console(
        width=width, file=io.StringIO(), force_terminal=color_system is not None, color_system=color_system
    )
    console.print(render_terminal(table, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
