"""Run a search: try settings on val cases, then train the best ones and the base's own on fresh seeds and test them."""

import time
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.runs.search_section import BEST_ROW, Chosen, SearchSection
from analysis.runs.tried_setting import TriedSetting, read_setting, read_settings, write_setting
from simcvd.config import PLAN, TrialConfig
from sweeps.average_mask import keep_average_mask
from sweeps.definition.changes import Changes
from sweeps.definition.expand import Variant, all_trials, expand
from sweeps.definition.variant_entry import DEFAULT_ROW, VariantEntry
from sweeps.on_ray.job import Job
from sweeps.on_ray.lost import record_lost
from sweeps.on_ray.trial import run_trial
from sweeps.plan import here, planned_reader, write_resolved
from sweeps.preflight.checks import Subject
from sweeps.preflight.precision import recorded_precisions
from sweeps.request import SweepRequest
from sweeps.resources.placement import check_machine
from sweeps.runner import SweepOutcome, asked_of, show_ending
from sweeps.search.best import best_of, train_command, write_best
from sweeps.search.claim import claim
from sweeps.search.plan import SearchPlan, resolve_search
from sweeps.search.rungs import BASE_NUMBER
from sweeps.search.storage_url import shown_storage
from sweeps.search.study import SearchStudy
from sweeps.search.trial import SearchTask, run_setting
from sweeps.session import Session, open_session, say, tidy_up
from sweeps.status.sweep import SweepReader
from sweeps.status.trial import is_finished
from sweeps.storage.data_cache import InPlace
from sweeps.tracking.process import followed
from sweeps.trial.engine import Engine
from sweeps.trial.failure_kinds import storage_told

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class _Search:
    """A search of one command: what it was asked for, what is tried, and where that is kept."""

    request: SweepRequest
    plan: SearchPlan
    changes: Changes
    study: SearchStudy

    @property
    def runs(self) -> Path:
        return self.request.runs

    @property
    def folder(self) -> Path:
        return self.request.folder

    @property
    def records(self) -> tuple[TriedSetting, ...]:
        return read_settings(self.folder / "search")

    @property
    def best(self) -> TriedSetting | None:
        return best_of(self.records)

    @property
    def winner(self) -> TriedSetting | None:
        """The best settings, where they are others than the base's own."""
        best = self.best
        return None if best is None or dict(best.params) == self.plan.start[BASE_NUMBER] else best

    def confirmation(self) -> list[Variant]:
        """Return the base's own settings and the best ones on fresh seeds; the latter where they are others."""
        rows = [VariantEntry(name=DEFAULT_ROW)]
        if self.winner is not None:
            rows.append(VariantEntry(name=BEST_ROW, set=dict(self.winner.params)))
        searched = self.plan.base.seed
        fresh = range(searched + 1, searched + 1 + max(1, self.plan.strategy.confirm_seeds))
        pairs = self.request.sweep.model_copy(
            update={"search": None, "variants": rows, "reference": DEFAULT_ROW, "seeds": list(fresh)}
        )
        changes = replace(self.changes, seeds=None, label_splits=None)
        variants = expand(pairs, self.plan.dataset_digest, changes)
        if self.study.left or _confirms(self):
            return variants
        return [replace(variant, trials=()) for variant in variants]  # nothing more is asked


def run_search(
    request: SweepRequest, *, console: "Console | None" = None, engine: Engine | None = None
) -> SweepOutcome:
    """Search, then confirm on fresh seeds; the same call again continues where this one ended.

    Args:
        request: what is asked for.
        console: where to show progress and the table.
        engine: what trains and scores, in place of `simcvd.training`.

    Raises:
        UserError: something must be changed first; said before anything starts.
    """
    from rich.console import Console

    started = time.time()
    console = console or Console()
    request, storage = here(request, lambda text: say(console, text))
    runs, budget = request.runs, request.budget
    plan, changes = resolve_search(request)
    if not request.folder.exists():
        check_machine(request.resources)  # before anything is written; later it depends on what is left to do
    with storage_told(runs), storage.held(plan.name, lambda text: say(console, text)):
        tries = claim(request.folder, plan.identity)
        with closing(SearchStudy(plan, request.folder, request.study)) as study:
            search = _Search(request, plan, changes, study)
            for record in search.records:
                study.tell(record)  # what a killed command wrote down and did not come to tell
            tidy_up(runs, plan.name, _all_configs(search))
            if request.retry_failed:
                study.retry_failed()
            ran, interrupted = 0, False
            _write(search)
            follow = followed(runs, plan.name, request.trackers, lambda text: say(console, text))
            if study.left or _pending(search):
                subject = Subject(
                    InPlace(request.dataset),
                    storage,
                    [plan.base, *_pending(search).values()],
                    # Test cases are another phase's; while settings are tried, not even their files are looked at.
                    with_test=not study.left,
                    recorded=recorded_precisions(runs, _all_configs(search)),
                )
                terms = request.terms(engine, None if budget.time_s is None else started + budget.time_s)
                with open_session(plan.name, subject, request.resources, terms, console) as session, follow:
                    ran = _try_settings(search, tries, session) if study.left else 0
                    if not session.stopped():
                        ran += _confirm(search, session)
                    interrupted = session.stopped()
            else:
                with follow:  # for what an earlier command did not send
                    pass
            _write(search)
            study.mirror()
            state = planned_reader(plan.name, runs, search.confirmation() if _confirms(search) else []).read()
            finished = any(row.trial.state == "finished" for row in state.rows)
            if not study.left and not finished:
                _tell(search, console)
        if finished:
            keep_average_mask(runs, plan.name, request.dataset, search.confirmation(), with_test=request.with_test)
            show_ending(runs, plan.name, console, asked_of(request, None))
    return SweepOutcome(plan.name, state, ran, interrupted, time.time() - started)


def _try_settings(search: _Search, tries: Path, session: Session) -> int:
    """Try settings until the strategy's number is reached; return how many were handed out now."""
    from sweeps.search.searcher import StudySearcher

    before = {record.number for record in search.records if record.state != "running"}

    searcher = StudySearcher(search.study, tries, session.stopped)
    reader = SweepReader(search.runs, search.plan.name, [], session.slots())
    lost = session.run(
        reader,
        run_setting,
        session.job,
        extra={"task": SearchTask(search.plan, tries)},
        search_alg=searcher,
        samples=10**6,  # the searcher says when it is over
    )
    for number, reason in {} if session.stopped() else lost.items():
        _record_lost(search, tries, session.job, int(number), reason)
    return sum(record.number not in before for record in search.records)


def _record_lost(search: _Search, tries: Path, job: Job, number: int, reason: str) -> None:
    """Record a setting whose process was lost too often as failed."""
    record = read_setting(tries, number)
    if record is None or record.state != "running":
        return
    if not record.trials:  # lost before its first training began
        steps = search.plan.first_steps
        record = record.training(steps, search.plan.trial(record.params, steps)[0])
    _, config = search.plan.trial(record.params, record.trials[-1].steps)
    record_lost(job, config, record.trials[-1].id, reason)
    failed = record.failed()
    write_setting(tries, failed)
    search.study.tell(failed)


def _confirm(search: _Search, session: Session) -> int:
    """Train what is to be compared on fresh seeds, test cases included; return how many trials ran."""
    _write(search)
    variants = search.confirmation()
    pending = _pending(search)
    if not pending:
        return 0
    job: Job = replace(session.job, configs=pending)
    reader = planned_reader(search.plan.name, search.runs, variants, session.slots())
    lost = session.run(reader, run_trial, job, trial_ids=list(pending))
    if not session.stopped():
        for trial_id, reason in lost.items():
            record_lost(job, pending[trial_id], trial_id, reason)
    return len(pending)


def _pending(search: _Search) -> dict[str, TrialConfig]:
    """Return the trials on fresh seeds that are not finished; none while settings are tried or where nothing won."""
    if not _confirms(search):
        return {}
    trials = all_trials(search.confirmation())
    return {trial.id: trial.config for trial in trials if not is_finished(search.runs, trial.id)}


def _all_configs(search: _Search) -> dict[str, TrialConfig]:
    """Return the settings of all trials that have begun or will, as far as they are known."""
    tried = [(search.plan, record.params, trial.steps) for record in search.records for trial in record.trials]
    confirmed = {trial.id: trial.config for trial in all_trials(search.confirmation())}
    return dict(plan.trial(params, steps) for plan, params, steps in tried) | confirmed


def _confirms(search: _Search) -> bool:
    """Tell whether there is anything to confirm: all settings are tried, and others than the base's own won."""
    return not search.study.left and search.winner is not None and search.plan.strategy.confirm_seeds > 0


def _write(search: _Search) -> None:
    """Write `sweep.yaml`, and `best.yaml` once there is a best."""
    command = None
    if (best := search.best) is not None:
        preset = search.changes.preset or search.request.sweep.preset
        if preset == PLAN:  # the command is to train the same when the plan has been edited
            preset = search.request.sweep.preset
        command = train_command(search.plan, best, search.request.dataset, search.runs, preset)
        write_best(search.folder, search.plan, best, command)
    write_resolved(search.request, search.confirmation(), _section(search, _chosen(best, command)))


def _section(search: _Search, best: Chosen | None) -> SearchSection:
    """Return what has been found so far."""
    plan, records = search.plan, search.records
    return SearchSection(
        study=search.study.name,
        storage=shown_storage(search.request.study),
        fidelity=plan.strategy.fidelity,
        pruner=plan.strategy.pruner,
        rungs=plan.rungs,
        steps=plan.steps,
        seed=plan.base.seed,
        trials=plan.strategy.trials,
        space={key: space.model_dump(mode="json", exclude_none=True) for key, space in plan.space.items()},
        states=dict(Counter(record.state for record in records)),
        over=not search.study.left,
        importances=asdict(search.study.importances()),
        best=best,
        base=_chosen(next((record for record in records if record.number == BASE_NUMBER), None)),
    )


def _chosen(record: TriedSetting | None, command: str | None = None) -> Chosen | None:
    if record is None or record.value is None:
        return None
    return Chosen(record.number, record.value, record.params, record.trial_id, command)


def _tell(search: _Search, console: "Console") -> None:
    from analysis.comparison.search import read_search_result

    result = read_search_result(search.runs, search.plan.name)
    for line in result.sentences() if result is not None else ():
        say(console, line)
