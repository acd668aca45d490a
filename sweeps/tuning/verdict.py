"""What a tuning came to, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.comparison.difference import Difference
from analysis.comparison.metric import Metric
from analysis.comparison.row import Row
from analysis.comparison.scored_sweep import ScoredSweep
from analysis.comparison.verdict import Finding, finding
from analysis.statistics import Interval
from sweeps.tuning.decide import Learned
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
    """

    scored: ScoredSweep
    method: str
    gain: float | None
    learned: Learned | None

    @property
    def tuned(self) -> Finding | None:
        """Tuned against default; None where one of them is missing."""
        return self._finding(TUNED)

    @property
    def takes_tuned(self) -> bool:
        """Whether the final model has the tuned settings: the gain is shown over cases, and over seeds where tested."""
        found = self.tuned
        return found is not None and found.holds and self._toward(found.mean) > 0

    def lines(self) -> list[str]:
        """Return the verdict, what matters most first."""
        found = []
        if self.learned is not None and not self.learned.anything:
            found.append(self.learned.sentence("The best of them"))
        found.append(self._of_tuned())
        if (supervised := self._finding(SUPERVISED)) is not None:
            found.append(self._of_supervised(supervised))
        found += [self._means(metric) for metric in self.scored.metrics]
        found.append(self._choice())
        return [line for line in found if line]

    def _of_tuned(self) -> str:
        found, default = self.tuned, default_row(self.method)
        if found is None:
            if any(row.variant == TUNED for row in self.scored.rows):
                return "Tuned settings and default can't be compared: one of them has no finished trial."
            return f"The search found nothing better than {default}."
        if self._toward(found.mean) <= 0:
            verdict = "the gain has vanished"
        elif found.holds:
            verdict = "the gain holds"
        else:
            verdict = "the gain is not shown to hold; it may be luck of the cases or seeds"
        left = ""
        if self.gain is not None:
            left = f" (of {self._points(self.gain)} on the cases that chose them)"
        return f"{TUNED} against {default}: {self._told(found.difference)}{left}: {verdict}."

    def _of_supervised(self, found: Finding) -> str:
        default = default_row(self.method)
        if not found.holds:
            verdict = "unlabelled cases are not shown to help"
        else:
            verdict = "unlabelled cases help" if self._toward(found.mean) < 0 else "unlabelled cases do harm"
        return f"{SUPERVISED} against {default}: {self._told(found.difference)}: {verdict}."

    def _choice(self) -> str:
        default = default_row(self.method)
        if self.takes_tuned:
            return "The final model has the tuned settings."
        if self.tuned is None:
            return f"The final model has the settings of {default}."
        return f"The final model has the settings of {default}: more is not shown."

    def _told(self, difference: Difference) -> str:
        over = difference.over_seeds_holm
        count = len(difference.replicates)
        p = f"p {_p(difference.p_holm)} over cases"
        p += f", p {_p(over)} over seeds and cases" if over is not None else ""
        mean = difference.test.difference
        assert mean is not None
        return (
            f"{self._points(mean)} {self._between(difference.interval)} on {difference.test.n} {self.scored.split} "
            f"cases and {count} fresh seed{'s' * (count != 1)}, {p} (two-sided, Holm)"
        )

    def _means(self, metric: Metric) -> str:
        rows = next(each.rows for each in self.scored.found if each.metric is metric)
        told = ", ".join(f"{row.variant} {_mean(row, metric)}" for row in rows if row.class_id is None)
        return f"{metric.label} ({metric.unit or '1'}): {told}."

    def _finding(self, variant: str) -> Finding | None:
        rows: Sequence[Row] = self.scored.rows
        row = next((row for row in rows if row.variant == variant and row.class_id is None), None)
        return None if row is None else finding(variant, row.difference)

    def _toward(self, value: float) -> float:
        return value if self.scored.metrics[0].higher_is_better else -value

    def _points(self, value: float) -> str:
        metric = self.scored.metrics[0]
        unit = "points" if metric.unit == "%" else metric.unit
        return f"{metric.scale * value:+.{metric.digits}f} {unit}".strip()

    def _between(self, interval: Interval) -> str:
        metric = self.scored.metrics[0]
        if interval is None or interval.low is None or interval.high is None:
            return ""
        low, high = (f"{metric.scale * side:+.{metric.digits}f}" for side in (interval.low, interval.high))
        return f"[{low}, {high}]"


def _mean(row: Row, metric: Metric) -> str:
    return "-" if row.mean is None else f"{metric.scale * row.mean:.{metric.digits}f}"


def _p(value: float | None) -> str:
    return "unknown" if value is None else "< 0.001" if value < 0.001 else f"= {value:.3f}"
