"""Run a search: try settings on val cases, then train the best ones and the base's own on fresh seeds and test them."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcvd.config import TrialConfig
from sweeps.definition.catalogue import SweepFile
from sweeps.definition.expand import Variant, all_trials, expand
from sweeps.definition.variant_entry import DEFAULT_ROW, VariantEntry
from sweeps.on_ray.lost import record_lost
from sweeps.on_ray.trial import Job, run_trial
from sweeps.plan import planned_reader, write_resolved
from sweeps.preflight.precision import recorded_precisions
from sweeps.resources.placement import check_machine
from sweeps.resources.request import ResourceRequest
from sweeps.runner import SweepOutcome, show_table
from sweeps.search.best import best_of, train_command, write_best
from sweeps.search.plan import SearchPlan, resolve_search
from sweeps.search.rungs import BASE_NUMBER
from sweeps.search.study import SearchStudy, shown_storage
from sweeps.search.trial import SearchTask, run_setting
from sweeps.session import Session, open_session, say, sweep_lock
from sweeps.status.search import SettingRecord, claim, read_setting, read_settings, write_setting
from sweeps.status.sweep import SweepReader
from sweeps.status.trial import is_finished
from sweeps.trial.engine import Engine
from sweeps.trial.watchdog import HANG_TIMEOUT_S

if TYPE_CHECKING:
    from rich.console import Console

BEST_ROW = "best found"


@dataclass(frozen=True)
class _Search:
    """A search of one command: what is tried, where it is kept, and what its file asked for."""

    sweep: SweepFile
    plan: SearchPlan
    dataset: Path
    runs: Path
    overrides: Mapping[str, Any]
    preset: str | None
    storage: str | None
    study: SearchStudy

    @property
    def folder(self) -> Path:
        return self.runs / "sweeps" / self.plan.name

    @property
    def records(self) -> list[SettingRecord]:
        return read_settings(self.folder / "search")

    @property
    def best(self) -> SettingRecord | None:
        return best_of(self.records)

    @property
    def winner(self) -> SettingRecord | None:
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
        pairs = self.sweep.model_copy(
            update={"search": None, "variants": rows, "reference": DEFAULT_ROW, "seeds": list(fresh)}
        )
        variants = expand(pairs, self.plan.dataset_digest, self.overrides, preset=self.preset)
        if self.study.left or _confirms(self):
            return variants
        return [replace(variant, trials=()) for variant in variants]  # nothing more is asked


def run_search(
    sweep: SweepFile,
    dataset: Path,
    runs: Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    seeds: Sequence[int] | None = None,
    preset: str | None = None,
    retry_failed: bool = False,
    request: ResourceRequest | None = None,
    time_budget_s: float | None = None,
    max_trials: int | None = None,
    storage: str | None = None,
    console: "Console | None" = None,
    engine: Engine | None = None,
    hang_timeout_s: float | None = HANG_TIMEOUT_S,
) -> SweepOutcome:
    """Search, then confirm on fresh seeds; the same call again continues where this one ended.

    Args:
        sweep: a sweep file with `search`.
        dataset: data set folder.
        runs: runs folder.
        overrides: dotted settings in place of the base's.
        seeds: the first one is searched with, in place of the sweep's own.
        preset: taken in place of the data set's own, which is taken in place of the sweep's.
        retry_failed: try settings that failed once more.
        request: resources; none: one worker a trial on this machine.
        time_budget_s: seconds after which running trials write a checkpoint and no more start.
        max_trials: settings to try in all, in place of the strategy's.
        storage: database URL for the study in place of its journal file.
        console: where to show progress and the table.
        engine: what trains and scores, in place of `simcvd.training`.
        hang_timeout_s: start a trial again that gives no sign of life for so long; none waits for ever.

    Raises:
        UserError: something must be changed first; said before anything starts.
    """
    from rich.console import Console

    started = time.time()
    console = console or Console()
    request = request or ResourceRequest()
    dataset, runs = dataset.resolve(), runs.resolve()
    plan, preset = resolve_search(sweep, dataset, overrides, seeds, preset, max_trials, request)
    folder = runs / "sweeps" / plan.name
    if not folder.exists():
        check_machine(request)  # before anything is written; later it depends on whether something is left to do
    deadline = None if time_budget_s is None else started + time_budget_s
    with sweep_lock(folder):
        place = claim(folder, plan.identity)
        with closing(SearchStudy(plan, folder, storage)) as study:
            search = _Search(sweep, plan, dataset, runs, overrides or {}, preset, storage, study)
            for record in search.records:
                study.tell(record)  # what a killed command wrote down and did not come to tell
            if retry_failed:
                study.retry_failed()
            ran, interrupted = 0, False
            if study.left or _pending(search):
                _write(search)
                with open_session(
                    folder,
                    dataset,
                    runs,
                    request=request,
                    console=console,
                    retry_failed=retry_failed,
                    deadline=deadline,
                    engine=engine,
                    configs=[plan.base, *_pending(search).values()],
                    recorded=recorded_precisions(runs, _all_configs(search)),
                    # Test cases are another phase's; while settings are tried, not even their files are looked at.
                    with_test=not study.left,
                    hang_timeout_s=hang_timeout_s,
                ) as session:
                    ran = _try_settings(search, place, session) if study.left else 0
                    if not session.stopped():
                        ran += _confirm(search, session)
                    interrupted = session.stopped()
            _write(search)
            study.mirror()
            state = planned_reader(plan.name, runs, search.confirmation() if _confirms(search) else []).read()
            if not study.left:
                _tell(search, console)
        if any(row.trial.state == "finished" for row in state.rows):
            show_table(runs, plan.name, console)
    return SweepOutcome(plan.name, state, ran, interrupted, time.time() - started)


def _try_settings(search: _Search, place: Path, session: Session) -> int:
    """Try settings until the strategy's number is reached; return how many were handed out now."""
    from sweeps.search.searcher import StudySearcher

    before = {record.number for record in search.records if record.state != "running"}

    searcher = StudySearcher(search.study, place, session.stopped)
    reader = SweepReader(search.runs, search.plan.name, [], session.room())
    lost = session.run(
        reader,
        run_setting,
        session.job,
        extra={"task": SearchTask(search.plan, place)},
        search_alg=searcher,
        samples=10**6,  # the searcher says when it is over
    )
    for number, reason in {} if session.stopped() else lost.items():
        _record_lost(search, place, session.job, int(number), reason)
    return sum(record.number not in before for record in search.records)


def _record_lost(search: _Search, place: Path, job: Job, number: int, reason: str) -> None:
    """Record a setting whose process was lost too often as failed."""
    record = read_setting(place, number)
    if record is None or record.state != "running":
        return
    if record.trials:
        _, config = search.plan.trial(record.params, record.trials[-1].steps)
        record_lost(job, config, record.trials[-1].id, reason)
    failed = record.failed()
    write_setting(place, failed)
    search.study.tell(failed)


def _confirm(search: _Search, session: Session) -> int:
    """Train what is to be compared on fresh seeds, test cases included; return how many trials ran."""
    _write(search)
    variants = search.confirmation()
    pending = _pending(search)
    if not pending:
        return 0
    job: Job = replace(session.job, configs=pending)
    reader = planned_reader(search.plan.name, search.runs, variants, session.room())
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
    records, best = search.records, search.best
    section: dict[str, Any] = {
        "study": search.study.name,
        "storage": shown_storage(search.storage),
        "fidelity": search.plan.strategy.fidelity,
        "pruner": search.plan.strategy.pruner,
        "rungs": list(search.plan.rungs),
        "steps": search.plan.steps,
        "seed": search.plan.base.seed,
        "trials": search.plan.strategy.trials,
        "space": {key: space.model_dump(mode="json", exclude_none=True) for key, space in search.plan.space.items()},
        "states": dict(Counter(record.state for record in records)),
        "over": not search.study.left,
        "importances": asdict(search.study.importances()),
    }
    for name, record in (("best", best), ("base", next((r for r in records if r.number == BASE_NUMBER), None))):
        if record is not None and record.value is not None:
            section[name] = {
                "number": record.number,
                "value": record.value,
                "set": dict(record.params),
                "trial": record.trials[-1].id,
            }
    if best is not None:
        preset = search.preset or search.sweep.preset
        command = train_command(search.plan, best, search.dataset, search.runs, preset)
        section["best"]["command"] = command
        write_best(search.folder, search.plan, best, command)
    write_resolved(search.folder, search.sweep, search.confirmation(), search.dataset, search.overrides, search=section)


def _tell(search: _Search, console: "Console") -> None:
    from analysis.comparison.search import read_search_result

    result = read_search_result(search.runs, search.plan.name)
    for line in result.sentences() if result is not None else ():
        say(console, line)
