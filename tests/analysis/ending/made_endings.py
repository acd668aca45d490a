"""Sweeps that end in one way or another."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from analysis.ending.caution import Asked
from analysis.ending.ending import Ending, ending_of

Rows = list[dict[str, Any]]
WriteSweep = Callable[..., Path]
ALSO = ("jaccard", "hd95_vox", "asd_vox")
SHIFTS = {"p=0.0": -0.05, "p=0.1": 0.0, "p=0.2": 0.02, "p=0.3": 0.0, "p=0.5": -0.04, "p=0.9": -0.1}
REFERENCE = "p=0.1"


def rows(name: str, seed: int, shift: float, *, classes: int = 1, base: float = 0.78, luck: float = 0.0) -> Rows:
    """Twelve cases; each seed shifts all of them by its luck."""
    training = random.Random(f"{name} {seed}")
    moved = shift + training.gauss(0, luck)
    found = []
    for case in range(12):
        for class_id in range(1, classes + 1):
            dice = base + 0.04 * random.Random(case).gauss(0, 1) + moved + training.gauss(0, 0.008) - 0.02 * class_id
            dice = min(1.0, max(0.001, dice))
            found.append(
                {
                    "case_id": f"c{case:02d}",
                    "class_id": class_id,
                    "dice": dice,
                    "jaccard": dice / (2 - dice),
                    "hd95_vox": 20 * (1 - dice),
                    "asd_vox": 6 * (1 - dice),
                }
            )
    return found


def variants(seeds: Sequence[int], **more: Any) -> dict[str, dict[int, Any]]:
    return {name: {seed: rows(name, seed, shift, **more) for seed in seeds} for name, shift in SHIFTS.items()}


def made(write_sweep: WriteSweep, own: dict[str, dict[int, Any]], **more: Any) -> ScoredSweep:
    return score_sweep(write_sweep(own, **{"reference": REFERENCE, "also": ALSO} | more), "toy")


def ending(scored: ScoredSweep, slots: int | None = None, **more: Any) -> Ending:
    return ending_of(scored, Path("runs/sweeps/toy"), asked=Asked(slots), **more)
