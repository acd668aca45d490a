"""What a sweep would do here: its trials, which of them are over, and the `sweep.yaml` that says so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.runs.replicate import Replicate
from analysis.runs.search_section import SearchSection
from analysis.runs.sweep import PlannedVariant, Sweep, given_file, read_sweep, write_sweep
from simcvd.config import TrialConfig
from simcvd.config.plugins import PLUGINS, plugin_files
from simcvd.files import write_file
from simcvd.nested import dotted
from sweeps.definition.expand import TrialSpec, Variant, all_trials, expand
from sweeps.preflight.precision import recorded_precisions
from sweeps.preflight.trials import check_trials
from sweeps.request import SweepRequest
from sweeps.resources.request import check_request
from sweeps.status.sweep import Planned, SweepReader, SweepState
from sweeps.storage.data_cache import CACHE, local_dataset
from sweeps.storage.location import refuse_search, runs_storage
from sweeps.storage.runs import RunsStorage

Tell = Callable[[str], None]


@dataclass(frozen=True)
class SweepPlan:
    """What a command would do.

    Attributes:
        name: the sweep's name.
        variants: variants and their trials.
        state: the trials as they are now.
        pending: the trials to run.
        with_test: whether their test cases are scored.
    """

    name: str
    variants: tuple[Variant, ...]
    state: SweepState
    pending: tuple[TrialSpec, ...]
    with_test: bool = True

    def reader(self, runs: Path, slots: int | None = None) -> SweepReader:
        """Return what reads its trials."""
        return planned_reader(self.name, runs, self.variants, slots, with_test=self.with_test)

    @property
    def configs(self) -> list[TrialConfig]:
        """Settings of the trials to run."""
        return [trial.config for trial in self.pending]

    def recorded(self, runs: Path) -> dict[str, int]:
        """Return how many trials with `training.precision=auto` ran before, by what they ran in."""
        return recorded_precisions(runs, {trial.id: trial.config for trial in all_trials(self.variants)})


def runs_here(request: SweepRequest) -> RunsStorage:
    """Return the storage of a request's runs.

    Raises:
        UserError: a store can't be reached, or a search is to run in one.
    """
    if request.sweep.search is not None:
        refuse_search(request.runs, request.cache)
    return runs_storage(request.runs, request.cache)


def here(request: SweepRequest, tell: Tell = lambda sentence: None) -> tuple[SweepRequest, RunsStorage]:
    """Return a request whose data set and runs are folders of this machine, and the storage of the runs.

    What a store holds is brought: of the runs what is shown, of a data set what describes it.

    Args:
        request: as the command got it.
        tell: gets sentences for the user.

    Raises:
        UserError: a store can't be reached, a search is to run in one, or there is no data set.
    """
    storage = runs_here(request)
    dataset = local_dataset(request.dataset, request.cache or CACHE, tell).resolve()
    storage.bring(request.sweep.name)
    return replace(request, dataset=dataset, runs=storage.folder), storage


def plan_sweep(request: SweepRequest) -> SweepPlan:
    """Resolve a sweep against a data set and what is finished; nothing is written or started.

    Args:
        request: with folders of this machine.

    Raises:
        UserError: the sweep, the data set or the resources are wrong.
    """
    from simcvd.data.store import open_info
    from sweeps.definition.label_splits import labeled_cases

    check_request(request.resources)
    info = open_info(request.dataset)
    variants = expand(request.sweep, info.digest, request.changes.on_dataset(request.dataset, info.preset))
    labeled_cases(info, variants)
    trials = all_trials(variants)
    check_trials(request.dataset, trials, request.resources.workers)
    state = planned_reader(request.sweep.name, request.runs, variants, with_test=request.with_test).read()
    again = {"failed"} if request.retry_failed else set()
    over = {row.planned.id for row in state.rows if row.over and row.trial.state not in again}
    pending = tuple(trial for trial in trials if trial.id not in over)
    return SweepPlan(request.sweep.name, tuple(variants), state, pending, request.with_test)


def planned_reader(
    name: str, runs: Path, variants: Sequence[Variant], slots: int | None = None, *, with_test: bool = True
) -> SweepReader:
    """Return what reads the trials of `variants`, each once."""
    once: dict[str, Planned] = {}
    for variant in variants:
        for t in variant.trials:
            planned = Planned(t.id, variant.name, t.seed, t.config.training.steps, t.label_split, test=with_test)
            once.setdefault(t.id, planned)
    return SweepReader(runs, name, list(once.values()), slots)


def write_resolved(request: SweepRequest, variants: Sequence[Variant], search: SearchSection | None = None) -> bool:
    """Write `sweep.yaml`, with what a search has found; tell whether it named other trials before."""
    from simcvd.data.store import open_info
    from sweeps.definition.label_splits import labeled_cases

    sweep, info = request.sweep, open_info(request.dataset)
    resolved = Sweep(
        name=sweep.name,
        description=sweep.description,
        metric=sweep.metric,
        also=tuple(sweep.also),
        reference=next((variant.name for variant in variants if variant.reference), None),
        dataset=info.name,
        dataset_digest=info.digest,
        dataset_folder=request.dataset,
        training_cases={"labeled": len(info.splits.train_labeled), "unlabeled": len(info.splits.train_unlabeled)},
        label_splits=tuple(labeled_cases(info, variants)),
        published=sweep.published,
        overrides=dotted(request.changes.overrides),
        with_test=request.with_test,
        sides=sweep.test,
        preset=request.changes.preset,
        labels=sweep.labels,
        variants=tuple(_row(variant) for variant in variants),
    )
    try:
        before = read_sweep(request.runs, sweep.name).trial_ids
    except AnalysisError:  # there is none, or it is damaged
        before = []
    write_sweep(request.runs, resolved, search)
    given = given_file(request.runs, sweep.name)
    if request.given is None:
        given.unlink(missing_ok=True)  # of another sweep that was called so
    else:
        write_file(given, request.given)
    for name, text in plugin_files().items():
        write_file(given.parent / PLUGINS / name, text)
    return not set(before) <= set(resolved.trial_ids)


def _row(variant: Variant) -> PlannedVariant:
    trials = {Replicate(trial.seed, trial.label_split): trial.id for trial in variant.trials}
    return PlannedVariant(variant.name, trials, variant.group, variant.published, variant.settings)
