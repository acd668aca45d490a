"""What a search found, and what is left of it on fresh seeds: `sweep.yaml`'s section `search` and the records."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from analysis.comparison.difference import Difference
from analysis.comparison.importance import EVALUATOR, FEWEST_TRIALS, Importances
from analysis.comparison.metric import Metric, find_metric
from analysis.comparison.table import ablation_table
from analysis.errors import AnalysisError
from analysis.runs.sweep import read_sweep, read_sweep_file, written
from analysis.statistics.doubts import SIGNIFICANT

BASE_ROW: Final = "default"
BEST_ROW: Final = "best found"
STATES: Final = {"complete": "trained to the end", "pruned": "ended early", "failed": "failed", "running": "cut off"}
"""What became of a setting, in words."""
Verdict = Literal["holds", "open", "vanished"]


@dataclass(frozen=True)
class Tried:
    """Settings and what they reached.

    Attributes:
        number: place in the search.
        value: mean score on the val cases, stored unit.
        settings: dotted keys.
    """

    number: int
    value: float
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Attempt:
    """One setting that was tried, whatever became of it.

    Attributes:
        number: place in the search.
        state: what became of it, in words.
        steps: training steps of its last training; 0 before the first.
        value: the last mean score on the val cases in the metric's shown unit; None without one.
        settings: values as `--set` takes them, by dotted key.
    """

    number: int
    state: str
    steps: int
    value: float | None
    settings: Mapping[str, str]


@dataclass(frozen=True)
class SearchResult:
    """A search and its confirmation.

    Attributes:
        name: the sweep's name.
        metric: what it went by.
        seed: the seed that it searched with.
        states: how many settings ended how.
        over: whether all settings have been tried.
        importances: share of the objective's variance that each setting explains.
        base: the base's own settings; None before they are trained.
        best: the best ones; None before any is trained to the end.
        val: best minus base on fresh seeds and val cases; None before both are there.
        test: the same on test cases.
        command: the line that trains the best settings.
        file: where all of them stand.
        attempts: every setting that was tried, by number.
    """

    name: str
    metric: Metric
    seed: int
    states: Mapping[str, int]
    over: bool
    importances: Importances
    base: Tried | None
    best: Tried | None
    val: Difference | None
    test: Difference | None
    command: str | None
    file: Path
    attempts: tuple[Attempt, ...]

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
        if self.test is None or self.test.test.difference is None:
            return None
        if self._toward(self.test.test.difference) <= 0:
            return "vanished"
        doubts = [self.test.test.p, *([self.test.over_seeds.p] if self.test.over_seeds else [])]
        return "holds" if all(p is not None and p < SIGNIFICANT for p in doubts) else "open"

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
        settings = " ".join(f"{key}={written(value)}" for key, value in self.best.settings.items())
        if self.gain is None or not self.gain:
            return [f"The base's own settings did best on val: {self.metric.label} {self._score(self.best.value)}."]
        return [
            f"Best on val: setting {self.best.number}, {self.metric.label} {self._score(self.best.value)} against "
            f"{self._score(self.base.value if self.base else 0.0)} of the base's own: {settings}",
            f"All its settings: {self.file}; to train it: {self.command}",
        ]

    def _confirmed(self) -> list[str]:
        if self.test is None or self.test.test.difference is None or self.gain is None:
            return []
        count = len(self.test.replicates)
        seeds = f"{count} fresh seed{'s' if count > 1 else ''}"
        left = ""
        if self.val is not None and self.val.test.difference is not None:
            on_val = self._points(self.val.test.difference)
            left = f" (of {self._points(self.gain)} on val in the search, {on_val} on val are left)"
        over = self.test.over_seeds
        p = f"p = {_p(self.test.test.p)} over cases" + (f", {_p(over.p)} over seeds and cases" if over else "")
        verdicts = {
            "holds": "The gain holds.",
            "open": "This may be luck of the cases or seeds: the gain is not shown to hold.",
            "vanished": "The gain has vanished: keep the base's own settings.",
        }
        return [
            f"On {seeds} the best settings reach {self._points(self.test.test.difference)} on test cases against the "
            f"base's own{left}; {p}, two-sided. {verdicts[self.verdict or 'open']}"
        ]

    def _toward(self, value: float) -> float:
        return value if self.metric.higher_is_better else -value

    def _score(self, value: float) -> str:
        return f"{self.metric.scale * value:.{self.metric.digits}f} {self.metric.unit}".strip()

    def _points(self, value: float) -> str:
        unit = "points" if self.metric.unit == "%" else self.metric.unit
        return f"{self.metric.scale * value:+.{self.metric.digits}f} {unit}".strip()


def read_search_result(runs: Path, name: str) -> SearchResult | None:
    """Read the search of `runs/sweeps/name`; None for a sweep that searches nothing.

    Raises:
        AnalysisError: there is no such sweep, or its file is damaged.
    """
    sweep = read_sweep(runs, name)
    content = read_sweep_file(runs, name).get("search")
    if content is None:
        return None
    try:
        base, best = _tried(content.get("base")), _tried(content.get("best"))
        return SearchResult(
            name=name,
            metric=find_metric(sweep.metric),
            seed=int(content["seed"]),
            states={str(state): int(count) for state, count in content["states"].items()},
            over=bool(content["over"]),
            importances=Importances(**content["importances"]),
            base=base,
            best=best,
            val=_fresh(runs, name, "val"),
            test=_fresh(runs, name, "test"),
            command=(content.get("best") or {}).get("command"),
            file=runs / "sweeps" / name / "best.yaml",
            attempts=_attempts(runs / "sweeps" / name / "search", find_metric(sweep.metric)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnalysisError(
            f"The section search of {runs / 'sweeps' / name / 'sweep.yaml'} is not as a search writes it "
            f"({type(error).__name__}: {error}); run the sweep again to rewrite it."
        ) from error


def _fresh(runs: Path, name: str, split: str) -> Difference | None:
    """Return best minus base on fresh seeds; None where one of them has no finished trial."""
    table = ablation_table(runs, name, reference=BASE_ROW, two_sided=True, split=split)
    rows = [row for row in table.rows if row.variant == BEST_ROW and row.class_id is None]
    found = rows[0].difference if rows else None
    return found if found is not None and found.test.difference is not None else None


def _tried(content: Mapping[str, Any] | None) -> Tried | None:
    return None if content is None else Tried(int(content["number"]), float(content["value"]), dict(content["set"]))


def _attempts(folder: Path, metric: Metric) -> tuple[Attempt, ...]:
    """Read the files of the settings that were tried; one that is being written is passed over."""
    found = []
    for path in folder.glob("*.json"):
        if not path.stem.isdecimal():
            continue
        try:
            content = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        trials, value = content["trials"], content["value"]
        found.append(
            Attempt(
                number=int(content["number"]),
                state=STATES[content["state"]],
                steps=int(trials[-1]["steps"]) if trials else 0,
                value=None if value is None else metric.scale * float(value),
                settings={str(key): written(own) for key, own in content["params"].items()},
            )
        )
    return tuple(sorted(found, key=lambda one: one.number))


def _p(value: float | None) -> str:
    return "?" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"
