"""What a search found, and what is left of it on fresh seeds: the file of its sweep, of its settings, the records."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from analysis.comparison.difference import Difference
from analysis.comparison.importance import EVALUATOR, FEWEST_TRIALS, Importances
from analysis.comparison.metric import MISSING, Metric, find_metric, points, shown
from analysis.comparison.scored_sweep import score_sweep
from analysis.comparison.verdict import finding
from analysis.runs.search_section import BEST_ROW, Chosen
from analysis.runs.sweep import as_written, read_search, read_sweep, sweep_file
from analysis.runs.tried_setting import STATES, TriedSetting, load_setting, read_settings
from simcvd.nested import written

Verdict = Literal["holds", "open", "vanished"]


@dataclass(frozen=True)
class SearchResult:
    """A search and its confirmation.

    Attributes:
        name: the sweep's name.
        metric: what it went by.
        seed: the seed that it searched with.
        states: how many settings ended how.
        importances: share of the objective's variance that each setting explains.
        base: the base's own settings; None before they are trained.
        best: the best ones; None before any is trained to the end.
        val: best minus base on fresh seeds and val cases; None before both are there.
        test: the same on test cases.
        file: where all of them stand.
        attempts: every setting that was tried, by number.
    """

    name: str
    metric: Metric
    seed: int
    states: Mapping[str, int]
    importances: Importances
    base: Chosen | None
    best: Chosen | None
    val: Difference | None
    test: Difference | None
    file: Path
    attempts: tuple[TriedSetting, ...]

    @property
    def gain(self) -> float | None:
        """Best minus base on the val cases of the search, which chose the best by them: too high on the average."""
        return None if self.best is None or self.base is None else self.best.value - self.base.value

    @property
    def verdict(self) -> Verdict | None:
        """What fresh seeds say of the gain: it holds, it may be luck, or nothing is left; None before they are there.

        It holds where the test cases show a difference that is more than the choice of cases explains and, with
        several seeds, more than the choice of seeds explains.
        """
        found = finding(BEST_ROW, self.test)
        if found is None:
            return None
        if self.metric.gain(found.mean) <= 0:
            return "vanished"
        return "holds" if found.holds else "open"

    @property
    def keys(self) -> tuple[str, ...]:
        """The searched settings."""
        return tuple(self.attempts[0].params) if self.attempts else ()

    def row(self, one: TriedSetting) -> list[str]:
        """Return number, value, steps, state and searched settings of one that was tried, as a table shows them."""
        own = (written(one.params[key]) if key in one.params else MISSING for key in self.keys)
        value = shown(one.value, self.metric)
        return [str(one.number), value, str(one.steps or MISSING), STATES[one.state], *own]

    def sentences(self) -> list[str]:
        """Return what is to be said, a line each."""
        return [line for line in (self._tried(), self._weighed(), *self._found(), *self._confirmed()) if line]

    def _tried(self) -> str:
        parts = [f"{self.states[state]} {word}" for state, word in STATES.items() if self.states.get(state)]
        total = sum(self.states.values())
        return f"{self.name}: {total} settings tried on val cases with seed {self.seed}: {', '.join(parts)}."

    def _weighed(self) -> str:
        shares = self.importances.shares
        if not shares:
            return f"Importance of settings: not told from fewer than {FEWEST_TRIALS} that can be compared."
        parts = (f"{key} {100 * share:.0f} %" for key, share in sorted(shares.items(), key=lambda item: -item[1]))
        return f"Importance of settings ({EVALUATOR}, {self.importances.basis}): {', '.join(parts)}."

    def _found(self) -> list[str]:
        if self.best is None:
            return ["No settings were trained to the end."]
        settings = " ".join(f"{key}={written(value)}" for key, value in self.best.set.items())
        if self.gain is None or not self.gain:
            return [f"The base's own settings did best on val: {self.metric.label} {self._score(self.best.value)}."]
        return [
            f"Best on val: setting {self.best.number}, {self.metric.label} {self._score(self.best.value)} against "
            f"{self._score(self.base.value if self.base else 0.0)} of the base's own: {settings}",
            f"All its settings: {self.file}; to train it: {self.best.command}",
        ]

    def _confirmed(self) -> list[str]:
        if self.test is None or self.test.test.difference is None or self.gain is None:
            return []
        count = len(self.test.replicates)
        seeds = f"{count} fresh seed{'s' if count > 1 else ''}"
        left = ""
        if self.val is not None and self.val.test.difference is not None:
            on_val = points(self.val.test.difference, self.metric)
            left = f" (of {points(self.gain, self.metric)} on val in the search, {on_val} on val are left)"
        over = self.test.over_seeds
        p = "" if self.test.test.p is None else f"; p = {_p(self.test.test.p)} over cases"
        p += f", {_p(over.p)} over seeds and cases" if p and over is not None and over.p is not None else ""
        p += ", two-sided" if p else ""
        verdicts = {
            "holds": "The gain holds.",
            "open": "This may be luck of the cases or seeds: the gain is not shown to hold.",
            "vanished": "The gain has vanished: keep the base's own settings.",
        }
        reached = points(self.test.test.difference, self.metric)
        return [
            f"On {seeds} the best settings reach {reached} on test cases against the "
            f"base's own{left}{p}. {verdicts[self.verdict or 'open']}"
        ]

    def _score(self, value: float) -> str:
        return f"{self.metric.scale * value:.{self.metric.digits}f} {self.metric.unit}".strip()


def read_search_result(runs: Path, name: str) -> SearchResult | None:
    """Read the search of `runs/sweeps/name`; None for a sweep that searches nothing.

    Raises:
        AnalysisError: there is no such sweep, or a file of it is damaged.
    """
    sweep = read_sweep(runs, name)
    search = read_search(runs, name)
    if search is None:
        return None
    file = sweep_file(runs, name)
    with as_written(f"section search of {file}", "a search"):
        return SearchResult(
            name=name,
            metric=find_metric(sweep.metric),
            seed=search.seed,
            states=search.states,
            importances=Importances(**search.importances),
            base=search.base,
            best=search.best,
            val=_fresh(runs, name, sweep.metric, "val"),
            test=_fresh(runs, name, sweep.metric, "test"),
            file=file.with_name("best.yaml"),
            attempts=read_settings(file.with_name("search"), load_setting),
        )


def _fresh(runs: Path, name: str, metric: str, split: str) -> Difference | None:
    """Return best minus base on fresh seeds; None where one of them has no finished trial."""
    rows = score_sweep(runs, name, metric, sides="two-sided", split=split).rows
    found = next((row.difference for row in rows if row.variant == BEST_ROW and row.class_id is None), None)
    return found if found is not None and found.test.difference is not None else None


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
