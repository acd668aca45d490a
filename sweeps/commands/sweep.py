"""`simcvd sweep`: what is asked becomes one request; running, searching and looking ahead take it."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from simcvd.errors import UserError
from sweeps.commands.console import INTERRUPTED, ProgressLine, end, print_columns, print_json, sweep_console
from sweeps.commands.guidance.sweep_name import check_sweep_name
from sweeps.commands.lists import list_sweeps_by_name
from sweeps.commands.options import (
    PHANTOM_FOLDER,
    PHANTOM_PRESET,
    RUNS,
    AddressOption,
    ChangesOption,
    ClusterOption,
    ConcurrentOption,
    CpusOption,
    DatasetArgument,
    DownWhenDoneOption,
    EventsOption,
    GpusOption,
    LogOption,
    PluginOption,
    PresetOption,
    RetryOption,
    RunsOption,
    SweptDeviceOption,
    assignments,
    check_down,
    phantom_or_look,
    trackers,
)
from sweeps.commands.sweep_options import (
    CacheOption,
    DryRunOption,
    GpuHoursOption,
    HangTimeoutOption,
    LabelSplitsOption,
    MaxTrialsOption,
    NameArgument,
    PreflightOption,
    ProbeStepsOption,
    SeedsOption,
    StorageOption,
    TimeBudgetOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from sweeps.request import SweepRequest

PHANTOM_SEEDS: Final = (0,)


def sweep(
    context: typer.Context,
    name: NameArgument = None,
    dataset: DatasetArgument = None,
    runs: RunsOption = RUNS,
    changes: ChangesOption = None,
    seeds: SeedsOption = None,
    label_splits: LabelSplitsOption = None,
    preset: PresetOption = None,
    plugin: PluginOption = None,  # its callback loads it
    device: SweptDeviceOption = "auto",
    workers: WorkersOption = 1,
    cpus_per_worker: CpusOption = 1,
    gpus_per_worker: GpusOption = 1.0,
    max_concurrent: ConcurrentOption = None,
    time_budget: TimeBudgetOption = None,
    max_trials: MaxTrialsOption = None,
    gpu_hours: GpuHoursOption = None,
    dry_run: DryRunOption = False,
    probe_steps: ProbeStepsOption = 5,
    preflight: PreflightOption = False,
    retry_failed: RetryOption = False,
    hang_timeout: HangTimeoutOption = "30m",
    storage: StorageOption = None,
    cluster: ClusterOption = None,
    down_when_done: DownWhenDoneOption = False,
    address: AddressOption = None,
    cache: CacheOption = None,
    log: LogOption = None,
    as_json: EventsOption = False,
) -> None:
    """Run variants times seeds with Ray, on this machine or on a cluster.

    What is finished is not run again, what was cut off continues. A verdict comes last.
    """
    from sweeps.commands.cluster import sweep_on_hosts
    from sweeps.definition.catalogue import is_path, load_sweep, parse_label_splits, parse_seeds
    from sweeps.definition.changes import Changes
    from sweeps.request import Budget, SweepRequest, parse_duration
    from sweeps.resources.request import ResourceRequest, check_request

    if name is None:
        if not as_json:
            list_sweeps_by_name()
        raise UserError("Name a sweep, one of these or a file of your own: simcvd sweep NAME|FILE.yaml [DATASET].")
    _refuse_secrets(storage, dataset, runs)
    check_sweep_name(name, dataset)
    definition = load_sweep(name)
    _check_search_options(definition.search is not None, storage, label_splits, gpu_hours)
    rows = len(definition.rows)
    splits = None if label_splits is None else parse_label_splits(label_splits, rows * len(definition.seeds))
    request = SweepRequest(
        sweep=definition,
        dataset=dataset or runs / PHANTOM_FOLDER,
        runs=runs,
        changes=Changes(
            overrides=assignments(changes),
            seeds=None if seeds is None else parse_seeds(seeds, rows * len(splits or definition.label_splits or (0,))),
            label_splits=splits,
            preset=preset,
        ),
        resources=ResourceRequest(workers, device, cpus_per_worker, gpus_per_worker, max_concurrent, address),
        budget=Budget(
            max_trials, gpu_hours, probe_steps, time_s=None if time_budget is None else parse_duration(time_budget)
        ),
        retry_failed=retry_failed,
        hang_timeout_s=None if hang_timeout.strip() == "0" else parse_duration(hang_timeout, "--hang-timeout"),
        cache=cache,
        study=storage,
        given=Path(name).read_text() if is_path(name) else None,
        trackers=() if cluster else trackers(log, runs),  # with a cluster, it is for the head to have them
    )
    check_down(cluster, down_when_done)
    if cluster is not None:
        check_request(request.resources)
        sweep_on_hosts(context, cluster, definition)
        return
    shown = _named(request)  # also: can it be reached?
    with ExitStack() as held:
        if dataset is None:
            request = _on_phantom(request, shown, held, looks=dry_run)
        for key, names in definition.kept(request.changes.overrides).items():
            typer.echo(f"--set {key} leaves {', '.join(names)} as the sweep has it.", err=True)
        if dry_run:
            _look_ahead(request, as_json)
        elif preflight:
            _check(request)
        else:
            _run(request, shown, as_json)


def _on_phantom(request: "SweepRequest", runs: Path, held: ExitStack, *, looks: bool) -> "SweepRequest":
    """Return the request for the built-in set, made where it is not there yet; a look leaves nothing in RUNS."""
    from dataclasses import replace

    from simcvd.methods.registry import check_method
    from sweeps.definition.expand import expand
    from sweeps.resources.placement import check_machine
    from sweeps.resources.request import check_request

    changes = replace(
        request.changes,
        preset=request.changes.preset or PHANTOM_PRESET,
        seeds=request.changes.seeds or PHANTOM_SEEDS,
    )
    # Settings before data: a wrong one is told before the phantom set is made.
    check_request(request.resources)
    if not looks and not (runs / PHANTOM_FOLDER).exists():
        check_machine(request.resources)
    for variant in expand(request.sweep, "", changes):
        check_method(variant.trials[0].config)
    if request.changes.seeds is None:
        typer.echo("The built-in set is swept with one seed, to end in minutes; --seeds 3 takes three.", err=True)
    return replace(request, changes=changes, dataset=phantom_or_look(runs, held, looks=looks))


def _look_ahead(request: "SweepRequest", as_json: bool) -> None:
    from rich.console import Console

    from sweeps.plan import here
    from sweeps.prediction.dry_run import dry_run
    from sweeps.prediction.preview import Preview
    from sweeps.prediction.show import show
    from sweeps.search.preview import preview_search

    request, _ = here(request, _tell)
    with ProgressLine("measuring", "kinds of trial") as progress:
        look = dry_run if request.sweep.search is None else preview_search
        ahead = look(request, progress=progress)
    for notice in ahead.notices:
        _tell(notice)
    if as_json:
        print_json(ahead.to_dict())
    elif isinstance(ahead, Preview):
        show(ahead, Console(), request.budget.time_s)
    else:
        typer.echo("\n".join(ahead.lines()))


def _check(request: "SweepRequest") -> None:
    from sweeps.plan import here, plan_sweep
    from sweeps.preflight.checks import Subject, check_alone
    from sweeps.storage.data_cache import InPlace

    request, storage = here(request, _tell)
    plan = plan_sweep(request)
    recorded = plan.recorded(request.runs)
    subject = Subject(InPlace(request.dataset), storage, plan.configs, recorded=recorded)
    findings = check_alone(subject, request.resources)
    print_columns(list(findings.lines.items()))
    for notice in findings.notices:
        _tell(notice)


def _run(request: "SweepRequest", runs: Path, as_json: bool) -> None:
    from sweeps.runner import run_sweep
    from sweeps.search.run import run_search
    from sweeps.status.failures import failure_lines

    with sweep_console(as_json, runs, request.sweep.name) as (console, ended):
        run = run_sweep if request.sweep.search is None else run_search
        outcome = run(request, console=console)
        ended(outcome.exit_code, outcome.state)
    for line in failure_lines(runs, outcome.state.rows):
        _tell(line)
    if outcome.exit_code == INTERRUPTED:
        cause = "Interrupted" if outcome.interrupted else f"Trials left for another command: {outcome.left_out}"
        end(f"{cause}; run the same command again to continue.", INTERRUPTED)
    if outcome.exit_code:
        retry = "; --retry-failed runs the failed ones again" if outcome.state.counts["failed"] else ""
        end(f"{outcome.state.summary()}{retry}.", outcome.exit_code)


def _named(request: "SweepRequest") -> Path:
    """Return the runs folder as the user named it; of one in an object store, this machine's image."""
    from sweeps.plan import runs_here
    from sweeps.storage.store import url_in

    folder = runs_here(request).folder
    return request.runs if url_in(request.runs) is None else folder


def _tell(sentence: str) -> None:
    typer.echo(sentence, err=True)


def _refuse_secrets(storage: str | None, *places: Path | None) -> None:
    """Refuse a password or key in what is given, before Ray is started with it as its command line."""
    from sweeps.search.storage_url import refuse_password
    from sweeps.storage.store import url_in

    for place in places:
        if place is not None:
            url_in(place)
    if storage is not None:
        refuse_password(storage)


def _check_search_options(
    searches: bool, storage: str | None, label_splits: str | None, gpu_hours: float | None
) -> None:
    if storage is not None and not searches:
        raise UserError("--storage is for a search, which this sweep is not; drop it.")
    if searches and label_splits is not None:
        raise UserError("--label-splits is not for a search, which has one draw; set data.label_split with --set.")
    if searches and gpu_hours is not None:
        raise UserError("--gpu-hours is not for a search; limit it with --time-budget or --max-trials.")
