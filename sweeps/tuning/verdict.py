"""What a tuning came to, in words."""

from dataclasses import dataclass

from analysis.comparison.difference import Difference
from analysis.comparison.learned import Learned
from analysis.comparison.metric import Metric, points, shown
from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep
from analysis.comparison.verdict import Finding, finding
from analysis.statistics import Interval
from sweeps.tuning.request import SUPERVISED
from sweeps.tuning.stages import TUNED, default_row


@dataclass(frozen=True)
class Verdict:
    """The comparison on fresh seeds.

    Attributes:
        scored: the sweep that compares, its differences two-sided.
        method: the one that was searched.
        gain: what the tuned settings had over the default on the cases that chose them; None without.
        learned: the best row against the average mask; None where that was not asked.
        searched: whether settings were searched.
    """

    scored: ScoredSweep
    method: str
    gain: float | None
    learned: Learned | None
    searched: bool = True

    @property
    def takes_tuned(self) -> bool:
        """Whether the final model has the tuned settings.

        The gain is shown on test cases, over cases and over seeds, and no training of either side is missing; or the
        default can't be trained at all, and the tuned settings can.
        """
        if not self._counts or not self._is_whole(TUNED):
            return False
        if self._can_not_be_trained(self._default):
            return True
        found = self._finding(TUNED)
        whole = self._is_whole(self._default)
        return whole and found is not None and found.holds_over_seeds and found.holds and self._toward(found.mean) > 0

    def lines(self) -> list[str]:
        """Return the verdict, what matters most first."""
        found = []
        if self.learned is not None and not self.learned.anything:
            found.append(self.learned.sentence("The best of them"))
        found.append(self._of_tuned())
        if (supervised := self._finding(SUPERVISED)) is not None:
            found.append(self._of_supervised(supervised))
        found += [self._means(metric) for metric in self.scored.metrics]
        found += [self._missing(row) for row in self._rows if len(row.trials.replicates) < row.trials.planned]
        return [line for line in [*found, self._choice()] if line]

    @property
    def _default(self) -> str:
        return default_row(self.method)

    @property
    def _rows(self) -> list[Row]:
        return [row for row in self.scored.rows if row.class_id is None]

    @property
    def _counts(self) -> bool:
        """Whether differences say anything: something was learned, and the cases did not choose the settings."""
        return self.scored.split == "test" and (self.learned is None or self.learned.anything)

    def _of_tuned(self) -> str:
        found = self._finding(TUNED)
        if found is None:
            if any(row.variant == TUNED for row in self._rows):
                return f"{TUNED} and {self._default} can't be compared: one of them has no finished training."
            return f"The search found nothing better than {self._default}." if self.searched else ""
        left = ""
        if self.gain is not None:
            left = f" (of {points(self.gain, self.scored.metrics[0])} on the cases that chose them)"
        return f"{TUNED} against {self._default}: {self._told(found.difference)}{left}{self._of_gain(found)}."

    def _of_gain(self, found: Finding) -> str:
        if self.learned is not None and not self.learned.anything:
            return ""
        if self._toward(found.mean) <= 0:
            return ": the gain has vanished"
        if self.scored.split != "test":
            return ": these cases chose the settings, so this is too good; test cases would tell (prepare --test N)"
        if found.difference.over_seeds is None:
            return ": not settled because of one seed"
        if found.holds:
            return ": the gain holds"
        return ": the gain is not shown to hold; it may be luck of the cases or seeds"

    def _of_supervised(self, found: Finding) -> str:
        verdict = ""
        if self.learned is None or self.learned.anything:
            if not found.holds:
                verdict = ": unlabelled cases are not shown to help"
            else:
                verdict = ": unlabelled cases help" if self._toward(found.mean) < 0 else ": unlabelled cases do harm"
        return f"{SUPERVISED} against {self._default}: {self._told(found.difference)}{verdict}."

    def _missing(self, row: Row) -> str:
        trials = row.trials
        left = trials.planned - len(trials.replicates)
        failed = f", {len(trials.failed)} of them failed" if trials.failed else ""
        return f"{row.variant}: {left} of {trials.planned} trainings are not finished{failed}."

    def _choice(self) -> str:
        if self.takes_tuned:
            why = ": no training at the default was finished" if self._can_not_be_trained(self._default) else ""
            return f"The model has the tuned settings{why}."
        more = ": more is not shown" if self._finding(TUNED) is not None else ""
        return f"The model has the settings of {self._default}{more}."

    def _is_whole(self, variant: str) -> bool:
        return any(row.variant == variant and len(row.trials.replicates) == row.trials.planned for row in self._rows)

    def _can_not_be_trained(self, variant: str) -> bool:
        """Tell whether every training of a variant failed."""
        return any(row.variant == variant and len(row.trials.failed) == row.trials.planned for row in self._rows)

    def _told(self, difference: Difference) -> str:
        shown_p = self.learned is None or self.learned.anything
        over, cases = (difference.over_seeds_holm, difference.p_holm) if shown_p else (None, None)
        count = len(difference.replicates)
        p = f", p {_p(cases)} over cases" if cases is not None else ""
        p += f", p {_p(over)} over seeds and cases" if over is not None else ""
        p += " (two-sided, Holm)" if p else ""
        mean = difference.test.difference
        assert mean is not None
        apart = f"{points(mean, self.scored.metrics[0])} {self._between(difference.shown_interval)}"
        return f"{apart} on {difference.test.n} {self.scored.split} cases and {count} fresh seed{'s' * (count != 1)}{p}"

    def _means(self, metric: Metric) -> str:
        rows = next(each.rows for each in self.scored.found if each.metric is metric)
        told = ", ".join(f"{row.variant} {shown(row.mean, metric)}" for row in rows if row.class_id is None)
        return f"{metric.label} ({metric.unit or '1'}): {told}."

    def _finding(self, variant: str) -> Finding | None:
        row = next((row for row in self._rows if row.variant == variant), None)
        return None if row is None else finding(variant, row.difference)

    def _toward(self, value: float) -> float:
        return self.scored.metrics[0].gain(value)

    def _between(self, interval: Interval) -> str:
        metric = self.scored.metrics[0]
        if interval is None or interval.low is None or interval.high is None:
            return ""
        return f"[{shown(interval.low, metric, '+')}, {shown(interval.high, metric, '+')}]"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
