"""Tune a data set: baseline, search, comparison on fresh seeds, final training, model; each stage goes on."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.comparison.learned import Learned, learned
from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from simcvd.config import TrialConfig, apply_settings
from simcvd.config.edit import flatten
from simcvd.data.training_cases import training_cases
from sweeps.definition.sweep_file import SweepFile
from sweeps.runner import SweepOutcome, run_sweep
from sweeps.search.run import run_search
from sweeps.search.rungs import mean
from sweeps.session import told_ray
from sweeps.show.events import EventConsole
from sweeps.status.sweep import duration
from sweeps.status.trial import trial_folder
from sweeps.trial.engine import Engine
from sweeps.tuning.decide import (
    average_masks,
    baseline_scores,
    baseline_trials,
    best_method,
    best_settings,
    finished_trials,
    scores_of_cases,
)
from sweeps.tuning.model import MODEL, Members, ensemble_helps, leave_model
from sweeps.tuning.opened import Opened, open_tuning, schedule_lines, stage_request
from sweeps.tuning.record import TuneRecord, closing, write_record
from sweeps.tuning.report import write_report
from sweeps.tuning.request import SUPERVISED, Stage, TuneRequest
from sweeps.tuning.space import only_searched, read_also, search_space
from sweeps.tuning.stages import FINAL, TUNED, baseline_sweep, confirm_sweep, default_row, final_sweep, search_sweep
from sweeps.tuning.verdict import Verdict

if TYPE_CHECKING:
    from rich.console import Console

_METRIC: Final = "dice"


@dataclass(frozen=True)
class TuneOutcome:
    """How a tuning ended.

    Attributes:
        lines: the verdict, and what is left.
        model: folder of the final model; None where there is none.
        exit_code: 0 done; 1 trials failed; 130 cut off, the same command goes on.
        seconds: wall time.
    """

    lines: tuple[str, ...]
    model: Path | None
    exit_code: int
    seconds: float


class _CutOffError(Exception):
    """The user asked to stop."""


def run_tune(request: TuneRequest, *, console: "Console | None" = None, engine: Engine | None = None) -> TuneOutcome:
    """Tune a data set; the same call again goes on where this one ended.

    Args:
        request: what is asked for.
        console: where to show progress.
        engine: what trains and scores, in place of `simcvd.training`.

    Raises:
        UserError: something must be changed first.
    """
    from rich.console import Console

    started = time.time()
    opened = open_tuning(request, console or Console())
    record = opened.planned()
    with opened.storage.held(request.name, opened.tell):
        write_record(request.folder, record)
        for line in (*record.plan, *schedule_lines(record.schedule, record.limit_s)):
            opened.tell(line)
        run = _Run(opened, record, started, engine)
        try:
            with told_ray(opened.base.resources.address, opened.console):
                lines, model = run.to_the_end()
        except _CutOffError:
            return TuneOutcome((), None, 130, time.time() - started)
    return TuneOutcome(tuple(lines), model, 1 if run.failed else 0, time.time() - started)


class _Run:
    """One command's way through the stages."""

    def __init__(self, opened: Opened, record: TuneRecord, started: float, engine: Engine | None) -> None:
        self._opened, self._record, self._started, self._engine = opened, record, started, engine
        self._request = opened.request
        self._schedule = record.schedule
        self.failed = 0
        """Trainings that failed; of a search none counts, where a setting may be hopeless."""

    @property
    def _runs(self) -> Path:
        return self._opened.base.runs

    def to_the_end(self) -> tuple[list[str], Path | None]:
        """Go through the stages; return the verdict and the model's folder."""
        method = self._baseline()
        tuned, gain = self._search(method)
        verdict = self._confirm(method, tuned, gain)
        settings = tuned if verdict is not None and verdict.takes_tuned and tuned is not None else {}
        members, scores = self._final(method, settings, verdict)
        lines = self._unconfirmed(method) if verdict is None else verdict.lines()
        lines += [f"The time was over before the stage {stage} was done." for stage in self._record.closed]
        report = write_report(self._opened, self._record, lines)
        if not members.trials:
            earlier = self._request.folder / MODEL
            there = f"; {earlier} is of an earlier tuning" if earlier.exists() else ""
            kept = [line for line in lines if not line.startswith("The model has")]
            return [*kept, f"No training of these settings was finished, so there is no model{there}."], None
        model = leave_model(self._opened, members, report)
        return [*lines, *members.lines(model, scores)], model

    def _baseline(self) -> str:
        methods = self._opened.methods
        if not self._request.compares_methods:
            return methods[0]
        name = self._request.stage_name("baseline")
        self._sweep("baseline", baseline_sweep(name, methods, self._schedule.folds), with_test=False)
        scores = baseline_scores(self._runs, name, methods, _METRIC)
        chosen = best_method(scores, [method for method in methods if method != SUPERVISED] or methods)
        told = ", ".join(f"{method} {100 * mean(own):.1f}" for method, own in scores.items() if own)
        cases = "val and held-out cases" if self._schedule.folds else "val cases"
        lines = [f"Dice (%) on {cases} at the defaults: {told or 'none was trained to the end'}; goes on: {chosen}."]
        found = self._learned(scores.get(chosen, {}), self._schedule.folds)
        if found is not None and not found.anything:
            lines.insert(0, found.sentence(f"{chosen} at its defaults"))
        self._ended("baseline", lines)
        return chosen

    def _search(self, method: str) -> tuple[dict[str, Any] | None, float | None]:
        if not self._schedule.trials:
            return None, None
        name = self._request.stage_name("search")
        config = self._config(method)
        space = search_space(config, read_also(self._request.also, config, self._request.methods))
        earlier = [only_searched(settings, space) for settings in self._record.start if settings["method"] == method]
        strategy = {
            "trials": self._schedule.trials,
            "sampler": self._request.sampler,
            "start": [settings for settings in earlier if settings],
        }
        self._sweep("search", search_sweep(name, method, space, strategy, self._schedule.folds), with_test=False)
        values = flatten(config)
        tuned, gain = best_settings(self._runs, name, {key: values[key] for key in space})
        if tuned is None:
            lines = [f"No settings did better than {default_row(method)} on the cases that choose."]
        else:
            changed = " ".join(f"{key}={value}" for key, value in tuned.items())
            more = "" if gain is None else f", {100 * gain:+.1f} points of Dice on the cases that chose them"
            lines = [f"Best settings: {changed}{more}."]
        self._ended("search", lines)
        return tuned, gain

    def _confirm(self, method: str, tuned: Mapping[str, Any] | None, gain: float | None) -> Verdict | None:
        if not self._opened.compares:
            return None
        name = self._request.stage_name("confirm")
        methods = self._opened.methods
        sweep = confirm_sweep(name, methods, method, tuned, self._schedule.seeds)
        self._sweep("confirm", sweep, with_test=True)
        scored = score_sweep(self._runs, name, sides="two-sided")
        best = max(scored.sweep.variants, key=lambda variant: self._mean(scored, variant.name))
        cases = scores_of_cases(self._runs, finished_trials(scored, best.name), scored.split)
        verdict = Verdict(scored, method, gain, self._learned(cases, 0), searched=self._schedule.trials > 0)
        self._ended("confirm", verdict.lines())
        return verdict

    def _final(
        self, method: str, settings: Mapping[str, Any], verdict: Verdict | None
    ) -> tuple[Members, dict[str, float]]:
        """Train on all labelled cases; without, networks of the comparison are the model."""
        row = TUNED if settings else default_row(method)
        fresh = [] if verdict is None else finished_trials(verdict.scored, row)
        together = ensemble_helps(self._opened, fresh) if self._schedule.finals != 1 else None
        told = [] if together is None else [together.sentence()]
        wanted = len(fresh) if together is not None and together.gain > 0 else 1
        trials, scored = fresh[:wanted], None if verdict is None else verdict.scored
        if self._schedule.finals:
            name = self._request.stage_name("final")
            count = min(self._schedule.finals, wanted)
            self._sweep("final", final_sweep(name, method, settings, count), with_test=True)
            scored = score_sweep(self._runs, name, sides="two-sided")
            own = finished_trials(scored, FINAL)
            if own:
                trials = own
                told.append(self._all_labeled(method))
            self._ended("final", told)
        if not trials and not settings and self._request.compares_methods:
            # The time was over: a training that only chose the method is better than none.
            trials = baseline_trials(self._runs, self._request.stage_name("baseline"), method)[1][:1]
            told += ["Its training is the baseline's, since no later one was finished."] * len(trials)
        folders = tuple(trial_folder(self._runs, trial) for trial in trials)
        alone = scored is not None and scored.split == "test" and len(trials) == 1
        return Members(folders, tuple(told)), scores_of_cases(self._runs, trials, "test") if alone else {}

    def _all_labeled(self, method: str) -> str:
        own = len(training_cases(self._opened.info, self._config(method).data).labeled)
        val = len(self._opened.info.splits.val)
        return f"Trained on all {own + val} labelled cases{', the val cases among them' if val else ''}."

    def _unconfirmed(self, method: str) -> list[str]:
        return [f"Nothing was compared on fresh seeds: the model has the settings of {default_row(method)}."]

    def _learned(self, cases: Mapping[str, float], folds: int) -> Learned | None:
        """Compare with the average mask of the labelled cases: a network that is no better has learned nothing."""
        opened, data = self._opened, next(iter(self._opened.configs.values())).data
        average = average_masks(opened.base.dataset, opened.info, data, cases, folds) if cases else {}
        return learned(cases, average)

    def _config(self, method: str) -> TrialConfig:
        return apply_settings(self._opened.configs[method], self._record.forced)

    def _mean(self, scored: ScoredSweep, variant: str) -> float:
        row = next(row for row in scored.rows if row.variant == variant and row.class_id is None)
        return -1.0 if row.mean is None else row.mean

    def _sweep(self, stage: Stage, sweep: SweepFile, *, with_test: bool) -> None:
        """Run a stage's sweep, unless its time was over before.

        Raises:
            _CutOffError: the user asked to stop.
        """
        opened, began = self._opened, time.time()
        if self._record.closed.get(stage) == closing(sweep):
            opened.tell(f"== {stage}: ended when its time was over, and stays so; more --time-budget plans anew.")
            return
        time_s = None
        if self._record.limit_s is not None:
            time_s = self._record.seconds_for(stage, self._started + self._record.limit_s - began)
        request = replace(stage_request(opened, self._record, time_s), sweep=sweep, with_test=with_test)
        # What a row sets itself, such as a setting that was searched, can't be set for all rows as well.
        kept = {key: value for key, value in request.changes.overrides.items() if key not in sweep.set_by_all}
        request = replace(request, changes=replace(request.changes, overrides=kept))
        opened.tell(f"== {stage}{'' if time_s is None else f', at most {duration(time_s)}'}")
        run: Callable[..., SweepOutcome] = run_sweep if sweep.search is None else run_search
        outcome = run(request, console=opened.console, engine=self._engine)
        if isinstance(opened.console, EventConsole):  # a stage with nothing to run has told nothing
            opened.console.events.begin(outcome.state, self._runs, None)
        took = time.time() - began
        self._keep(self._record.with_stage(stage, took if outcome.ran else 0.0, self._record.lines.get(stage, ())))
        if sweep.search is None:
            self.failed += outcome.state.counts["failed"]
        if outcome.interrupted:
            if time_s is None or took < time_s:
                raise _CutOffError
            self._keep(replace(self._record, closed={**self._record.closed, stage: closing(sweep)}))

    def _ended(self, stage: Stage, lines: list[str]) -> None:
        for line in lines:
            self._opened.tell(line)
        self._keep(self._record.with_stage(stage, 0.0, tuple(lines)))

    def _keep(self, record: TuneRecord) -> None:
        self._record = record
        write_record(self._request.folder, record)
