"""What the formats show of an optimism: title, columns and notes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from analysis.comparison.metric import METRIC_BY_NAME, MISSING, shown
from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import DICE
from analysis.optimism.measure import LeftOut, VariantOptimism
from analysis.optimism.of_sweep import SweepOptimism
from analysis.runs.replicate import Replicate, in_order, named

WARNING: Final = (
    "The values as reported are not our result: they estimate what is printed where the checkpoint is chosen on the "
    "cases that are scored."
)

_DICE: Final = METRIC_BY_NAME[DICE]
Cell = Callable[[Row, VariantOptimism], str]


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        head: its heading, in full.
        short: its heading in a terminal, where it may have several lines.
        text: what a variant shows there.
        constant: whether it may be said below the table where all variants say the same.
    """

    head: str
    short: str
    text: Cell
    constant: bool = False


def title_of(found: SweepOptimism) -> str:
    """Return what is shown, in a line."""
    return f"{found.scored.sweep.name}: Dice [%] after the last step, and as reported with the best checkpoint"


def columns_of(found: SweepOptimism, between: str = " to ") -> list[Column]:
    """Return the columns beside the variants' names; `between` stands between the least and the most."""
    split = found.scored.split
    return [
        Column(
            f"ours: {split} Dice of the last iterate [%]",
            f"ours:\n{split},\nlast",
            lambda row, own: shown(row.mean, _DICE),
        ),
        Column(
            "val Dice after the last step [%]",
            "val,\nlast\nstep",
            lambda row, own: shown(own.last, _DICE),
        ),
        Column(
            "val Dice of the best checkpoint, as reported there [%]",
            "as re-\nported\n(best)",
            lambda row, own: shown(own.best, _DICE),
        ),
        Column(
            "optimism [points]",
            "opti-\nmism,\npoints",
            lambda row, own: shown(own.optimism, _DICE, "+"),
        ),
        Column("least to most over trials", "least\nto most", lambda row, own: _range(own.limits, between)),
        Column("checkpoints", "check-\npoints", lambda row, own: _count(own.checkpoints), constant=True),
        Column("val cases", "val\ncases", lambda row, own: _count(own.val_cases), constant=True),
        Column("trials", "trials", lambda row, own: _trials(own), constant=True),
    ]


def notes_of(found: SweepOptimism) -> list[str]:
    """Return all that a reader must know, in sentences."""
    return list(_notes(found))


def _notes(found: SweepOptimism) -> Iterator[str]:
    split = found.scored.split
    counts = [row.n for row in found.scored.main.means]
    cases = _count((min(counts), max(counts)))
    yield f"Ours: mean over {cases} {split} cases, with the weights after the last step; no case has chosen them."
    if split == "val":
        yield "No finished trial has test scores, so ours are of val cases."
    yield (
        "As reported: the best of each trial's checkpoints by val Dice, scored on the same val cases. Optimism: this "
        "minus the val Dice after the last step; mean over trials, then the least and the most of a trial. It is never "
        "below 0."
    )
    yield (
        "It holds both the luck of choosing on these cases and what the network really lost until the last step; only "
        "other cases could tell them apart."
    )
    yield (
        "It belongs to these numbers of checkpoints and val cases: more checkpoints and fewer cases give more. So "
        "don't add it to test scores."
    )
    for reason, listed in _left_out(found).items():
        which = "; ".join(f"{name}, {named(in_order(replicates))}" for name, replicates in listed.items())
        columns = "" if reason is LeftOut.unfinished else " of all columns but ours"
        yield f"Left out{columns}, since {reason}: {which}."


def _left_out(found: SweepOptimism) -> dict[LeftOut, dict[str, list[Replicate]]]:
    """Return the replicates that were left out, by reason and variant."""
    listed: dict[LeftOut, dict[str, list[Replicate]]] = {}
    for own in found.variants:
        for replicate, reason in own.left_out.items():
            listed.setdefault(reason, {}).setdefault(own.variant.name, []).append(replicate)
    return listed


def _range(limits: tuple[float, float] | None, between: str) -> str:
    return MISSING if limits is None else between.join(shown(limit, _DICE, "+") for limit in limits)


def _count(limits: tuple[int, int] | None) -> str:
    if limits is None:
        return MISSING
    least, most = limits
    return str(least) if least == most else f"{least}-{most}"


def _trials(own: VariantOptimism) -> str:
    return f"{len(own.choices)}/{len(own.choices) + len(own.left_out)}"
