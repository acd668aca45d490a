"""What weakens a verdict most, and what would mend it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True)
class Asked:
    """What the command that runs the sweep can be told.

    Attributes:
        slots: trials that run side by side, to say how long more would take; None where that is not known.
        seeds: how more seeds are asked for: `--seeds` of a sweep, `strategy.confirm_seeds` in the file of a search;
            None where they are not this command's to ask, as in a stage of a tuning.
        timed: whether to say how long more would take; not in files, which are the same however long trials took.
    """

    slots: int | None = None
    seeds: Literal["--seeds", "strategy.confirm_seeds"] | None = "--seeds"
    timed: bool = True


def first_caution(scored: ScoredSweep, found: Finding | None, asked: Asked) -> Caution | None:
    """Return what weakens the verdict most; None where nothing does.

    Args:
        scored: the sweep.
        found: the comparison that the verdict is about, if any.
        asked: what its command can be told.
    """
    return next(_cautions(scored, found, asked), None)


def trial_states(scored: ScoredSweep) -> Counter[str]:
    """Count the sweep's trials by state, each once however many variants share it; `open` is all that is left."""
    known = dict(zip(scored.trials["trial_id"].tolist(), scored.trials["status"].tolist(), strict=True))
    states = ("finished", "failed")
    return Counter(known[trial] if known.get(trial) in states else "open" for trial in scored.sweep.trial_ids)


def _cautions(scored: ScoredSweep, found: Finding | None, asked: Asked) -> Iterator[Caution]:
    states, planned = trial_states(scored), len(scored.sweep.trial_ids)
    if states["failed"]:
        kinds = Counter(kind for row in scored.main.means for kind in row.trials.failed)
        yield Caution(
            f"{states['failed']} of {planned} trials failed ({', '.join(kinds)}), and all rests on the others. The "
            "same command with --retry-failed runs them again.",
            "--retry-failed",
        )
    if states["open"]:
        yield Caution(f"{states['open']} of {planned} trials are not finished. The same command continues.")
    if scored.stop is not None:
        return
    if found is None:
        yield from _of_predictions(scored)
        return
    replicates, what = found.difference.replicates, found.difference.chance
    one_sided_gain = scored.sides == "one-sided" and scored.main.metric.gain(found.mean) > 0
    if one_training(replicates):
        text = "With one seed a difference may be the luck of one training, however small its p."
        yield _more(scored, text, (ENOUGH_SEEDS, "tells"), what, asked)
    if scored.split == "val" and scored.sweep.with_test:
        yield Caution("The scores are of val cases, which trainings were watched by: prepare a set with test cases.")
    if not one_sided_gain and (not found.holds or few_trainings(replicates)):
        yield from _narrower(scored, found, asked)
    if wide_intervals(cases := found.difference.test.n):
        yield Caution(f"With {count(cases, 'case')} intervals are wide: read them before p.")
    yield from _of_predictions(scored)
    if found.looks_skewed:
        yield Caution(
            "The differences do not look normal (Shapiro-Wilk), so p is rough; the CSV has the signed-rank test's."
        )


def _narrower(scored: ScoredSweep, found: Finding, asked: Asked) -> Iterator[Caution]:
    """Say whether more seeds or more cases would make the answer sharper."""
    over = found.difference.over_seeds
    if over is None or over.seed_part is None or over.case_part is None or not over.seed_part + over.case_part:
        return
    what, have = found.difference.chance, chances(found.difference.replicates)
    share = over.seed_part / (over.seed_part + over.case_part)
    if share >= 0.5:
        text = f"{_part(share)} of the uncertainty (variance) comes from {what}."
        yield _more(scored, text, (max(ENOUGH_SEEDS, 2 * have), "makes it smaller"), what, asked)
    else:
        yield Caution(
            f"{_part(1 - share)} of the uncertainty (variance) comes from cases: more test cases would make it "
            f"smaller, more {what} hardly."
        )


def _part(share: float) -> str:
    return "Nearly all" if share > 0.99 else f"{100 * share:.0f} %"


def _more(scored: ScoredSweep, text: str, wanted: tuple[int, str], what: str, asked: Asked) -> Caution:
    """Say what more seeds, or label splits, do and cost: their number in all, and what for."""
    number, does = wanted
    planned = scored.sweep.replicates
    splits = what == "label splits"
    there = list(dict.fromkeys(each.label_split if splits else each.seed for each in planned))
    more = number - len(there)
    if asked.seeds is None or more <= 0 or None in there:
        return Caution(text)  # those that are missing have failed or not run yet
    if asked.seeds != "--seeds":
        return Caution(f"{text} {asked.seeds}: {number} in its file {does}.", f"{asked.seeds}: {number}")
    known = [each for each in there if each is not None]
    fresh = [each for each in range(max(known) + 1 + more) if each not in known][:more]
    wanted_seeds = sorted([*known, *fresh])
    listed = str(number) if wanted_seeds == list(range(number)) else ",".join(map(str, wanted_seeds))
    option = f"{'--label-splits' if splits else '--seeds'} {listed}"
    trials = round(len(scored.sweep.trial_ids) * more / len(known))
    cost, seconds = count(trials, "more trial"), None
    each = scored.trials["seconds"].dropna() if "seconds" in scored.trials else ()
    if asked.timed and len(each):
        together = "" if asked.slots is None else f", {asked.slots} at a time"
        seconds = float(sum(each) / len(each)) * trials / (asked.slots or 1)
        cost += f", about {time_text(seconds)}{together}"
    return Caution(f"{text} The same command with {option} {does} ({cost}).", option, trials, seconds)


def _of_predictions(scored: ScoredSweep) -> Iterator[Caution]:
    rows = scored.main.means
    empty, predictions = sum(row.empty_predictions for row in rows), sum(row.predictions for row in rows)
    if empty:
        metrics = scored.metrics
        effects = ["scores of overlap are 0 there"] if any(metric.higher_is_better for metric in metrics) else []
        if any(not metric.higher_is_better for metric in metrics):
            effects.append("distances are missing, which flatters who has more of them")
        yield Caution(
            f"{empty} of {predictions} predictions are empty although the label is not: {'; '.join(effects)}."
        )
