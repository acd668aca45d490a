"""What weakens a verdict most, and what would mend it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep
from analysis.comparison.verdict import ENOUGH_SEEDS, Finding, few_trainings, one_training, wide_intervals
from analysis.ending.words import count, time_text
from analysis.runs.replicate import chances


@dataclass(frozen=True)
class Caution:
    """What a reader of a verdict must know before all else.

    Attributes:
        text: in a sentence or two.
        option: what the sweep's command is given to mend it, if that does.
        more_trials: trials that would then run; 0 where that is not known.
        seconds: what they would take; None where that is not known.
    """

    text: str
    option: str | None = None
    more_trials: int = 0
    seconds: float | None = None


def first_caution(scored: ScoredSweep, found: Finding | None, slots: int | None) -> Caution | None:
    """Return what weakens the verdict most; None where nothing does.

    Args:
        scored: the sweep.
        found: the comparison that the verdict is about, if any.
        slots: trials that run side by side; None where that is not known.
    """
    return next(_cautions(scored, found, slots), None)


def _cautions(scored: ScoredSweep, found: Finding | None, slots: int | None) -> Iterator[Caution]:
    rows = scored.main.means
    planned = sum(row.trials.planned for row in rows)
    if failed := [kind for row in rows for kind in row.trials.failed]:
        kinds = ", ".join(kind if n == 1 else f"{kind} x {n}" for kind, n in Counter(failed).items())
        yield Caution(
            f"{len(failed)} of {planned} trials failed ({kinds}), and all rests on the others. The same command with "
            "--retry-failed runs them again.",
            "--retry-failed",
        )
    if unfinished := sum(row.trials.unfinished for row in rows):
        yield Caution(f"{unfinished} of {planned} trials are not finished. The same command continues.")
    if scored.stop is not None or found is None:
        return
    replicates, what = found.difference.replicates, found.difference.chance
    option = "--label-splits" if what == "label splits" else "--seeds"
    if one_training(replicates):
        yield _more(
            scored,
            "With one seed a difference may be the luck of one training, however small its p.",
            (option, ENOUGH_SEEDS, "tells"),
            slots,
        )
    if scored.split == "val":
        yield Caution("The scores are of val cases, which trainings were watched by: prepare a set with test cases.")
    if not found.holds or few_trainings(replicates):
        yield from _narrower(scored, found, option, slots)
    if wide_intervals(cases := found.difference.test.n):
        yield Caution(f"With {count(cases, 'case')} intervals are wide: read them before p.")
    yield from _of_predictions(rows, found)


def _narrower(scored: ScoredSweep, found: Finding, option: str, slots: int | None) -> Iterator[Caution]:
    """Say whether more seeds or more cases would make the answer sharper."""
    over = found.difference.over_seeds
    if over is None or over.seed_part is None or over.case_part is None or not over.seed_part + over.case_part:
        return
    what, have = found.difference.chance, chances(found.difference.replicates)
    share = over.seed_part / (over.seed_part + over.case_part)
    if share >= 0.5:
        text = f"{_part(share)} of the uncertainty (variance) comes from {what}."
        yield _more(scored, text, (option, max(ENOUGH_SEEDS, 2 * have), "makes it smaller"), slots)
    else:
        yield Caution(
            f"{_part(1 - share)} of the uncertainty (variance) comes from cases: more test cases would make it "
            f"smaller, more {what} hardly."
        )


def _part(share: float) -> str:
    return "Nearly all" if share > 0.99 else f"{100 * share:.0f} %"


def _more(scored: ScoredSweep, text: str, what: tuple[str, int, str], slots: int | None) -> Caution:
    """Say what more seeds, or label splits, cost: option, their number in all, and what they do."""
    option, wanted, does = what
    have = max(1, chances(scored.sweep.replicates))
    more = round(len(scored.sweep.trial_ids) * (wanted - have) / have)
    each = scored.trials["seconds"].dropna() if "seconds" in scored.trials else ()
    seconds = float(sum(each) / len(each)) * more if len(each) else None
    cost = f"{count(more, 'more trial')}"
    if seconds is not None:
        together = "" if slots is None else f", {slots} at a time"
        seconds /= slots or 1
        cost += f", about {time_text(seconds)}{together}"
    return Caution(
        f"{text} The same command with {option} {wanted} {does} ({cost}).", f"{option} {wanted}", more, seconds
    )


def _of_predictions(rows: Sequence[Row], found: Finding) -> Iterator[Caution]:
    empty, predictions = sum(row.empty_predictions for row in rows), sum(row.predictions for row in rows)
    if empty:
        yield Caution(
            f"{empty} of {predictions} predictions are empty although the label is not: Dice is 0 there, and distances "
            "are missing, which flatters who has more of them."
        )
    if found.looks_skewed:
        yield Caution(
            "The differences do not look normal (Shapiro-Wilk), so p is rough; the CSV has the signed-rank test's."
        )
