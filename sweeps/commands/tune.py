"""`simcvd tune`: a data set that nobody has seen, from its plan to a model and a verdict."""

import re
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from simcvd.errors import UserError
from sweeps.commands.console import FAILED, INTERRUPTED, TRAININGS_FAILED, ProgressLine, end, sweep_console
from sweeps.commands.guidance.completion import complete_method_list
from sweeps.commands.guidance.grouping import LIMITS, LOOK, WHAT
from sweeps.commands.options import (
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

if TYPE_CHECKING:
    from sweeps.tuning.request import Stage, TuneRequest

_PHANTOM_TIME: Final = "8m"


class Sampler(StrEnum):
    """Optuna's samplers by name."""

    tpe = "tpe"
    gp = "gp"
    cmaes = "cmaes"


def tune(
    context: typer.Context,
    dataset: DatasetArgument = None,
    runs: RunsOption = RUNS,
    time_budget: Annotated[
        str | None,
        typer.Option(
            metavar="8h|30m|90", help="Time of all stages together. Default: no limit.", rich_help_panel=LIMITS
        ),
    ] = None,
    gpu_hours: Annotated[
        float | None, typer.Option(metavar="H", help="Hours of GPU of all stages together.", rich_help_panel=LIMITS)
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of its folder in RUNS/sweeps. Default: tune-DATASET.")
    ] = None,
    methods: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="Compared at their defaults; the best one is searched.",
            autocompletion=complete_method_list,
            rich_help_panel=WHAT,
        ),
    ] = "simcvd",
    also: Annotated[
        str | None,
        typer.Option(
            metavar="KEY,...", help="Further settings to search, such as training.learning_rate.", rich_help_panel=WHAT
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Cross-validation over the labelled cases; 0: val cases. Default: if under 20.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=2, metavar="N", help="Most settings to try. Default: what the time allows.", rich_help_panel=LIMITS
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=20, metavar="N", help="Fresh seeds of the comparison.", rich_help_panel=WHAT)
    ] = 3,
    sampler: Annotated[Sampler, typer.Option(help="How settings are drawn.", rich_help_panel=WHAT)] = Sampler.tpe,
    start: Annotated[
        list[Path] | None,
        typer.Option(metavar="best.yaml", help="Settings to try first, of an earlier search.", rich_help_panel=WHAT),
    ] = None,
    skip: Annotated[
        str | None,
        typer.Option(metavar="STAGE,...", help="Leave out: baseline, search, confirm, final.", rich_help_panel=WHAT),
    ] = None,
    changes: ChangesOption = None,
    preset: PresetOption = None,
    plugin: PluginOption = None,  # its callback loads it
    device: SweptDeviceOption = "auto",
    cpus_per_worker: CpusOption = 1,
    gpus_per_worker: GpusOption = 1.0,
    max_concurrent: ConcurrentOption = None,
    cluster: ClusterOption = None,
    down_when_done: DownWhenDoneOption = False,
    address: AddressOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the schedule, and train nothing.", rich_help_panel=LOOK)
    ] = False,
    retry_failed: RetryOption = False,
    log: LogOption = None,
    as_json: EventsOption = False,
) -> None:
    """Tune a data set: search on val cases, confirm on fresh seeds, and leave a model.

    Supervised training, the method at its defaults and at its best settings are compared on test cases. The same
    command again continues.
    """
    from simcvd.config import apply_settings, load_preset
    from simcvd.data.dataset_info import open_info
    from simcvd.methods.registry import check_known
    from sweeps.commands.cluster import tune_on_hosts
    from sweeps.definition.changes import Changes
    from sweeps.request import Budget, SweepRequest, parse_duration
    from sweeps.resources.request import ResourceRequest, check_request
    from sweeps.tuning.request import STAGES, TuneRequest, stage_name
    from sweeps.tuning.space import read_start
    from sweeps.tuning.stages import placeholder

    wanted = tuple(dict.fromkeys(part.strip() for part in methods.split(",") if part.strip()))
    for method in wanted:
        check_known(method)
    if not wanted:
        raise UserError("--methods names no method; see simcvd methods.")
    resources = ResourceRequest(1, device, cpus_per_worker, gpus_per_worker, max_concurrent, address)
    check_request(resources)
    skipped = _skipped(skip)
    given = time_budget or (_PHANTOM_TIME if dataset is None else None)
    time_s = None if given is None else parse_duration(given)
    preset = preset or (PHANTOM_PRESET if dataset is None else None)
    shown_in = () if cluster else trackers(log, runs)  # with a cluster, it is for the head to have them
    check_down(cluster, down_when_done)
    if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UserError(f"--name is '{name}', expected letters, digits, dots, dashes and underscores, a letter first.")
    overrides, first = assignments(changes), tuple(read_start(file) for file in start or ())
    if cluster is not None:
        own_name = name or _name_of(_dataset_name(dataset))
        tune_on_hosts(context, cluster, own_name, [stage_name(own_name, stage) for stage in STAGES])
        return
    held = ExitStack()
    if dataset is None:
        apply_settings(load_preset(preset or PHANTOM_PRESET), overrides)  # a wrong one is told before the set is made
        dataset = phantom_or_look(runs, held, looks=dry_run)
    own_name = name or _name_of(open_info(dataset).name)
    request = TuneRequest(
        name=own_name,
        base=SweepRequest(
            sweep=placeholder(own_name),
            dataset=dataset,
            runs=runs,
            changes=Changes(overrides=overrides, preset=preset),
            resources=resources,
            budget=Budget(gpu_hours=gpu_hours, time_s=time_s),
            retry_failed=retry_failed,
            trackers=shown_in,
        ),
        methods=wanted,
        also=tuple(part.strip() for part in (also or "").split(",") if part.strip()),
        folds=folds,
        trials=trials,
        seeds=seeds,
        sampler=sampler.value,
        start=first,
        skip=skipped,
    )
    with held:
        if dry_run:
            _look_ahead(request)
        else:
            _run(request, runs, as_json)


def _name_of(dataset: str) -> str:
    return f"tune-{re.sub('[^A-Za-z0-9._-]+', '-', dataset)}"


def _dataset_name(dataset: Path | None) -> str:
    """Return the name of a data set that is to be tuned on a cluster: the built-in one's, or that of one here."""
    from simcvd.data.dataset_info import open_info
    from simcvd.data.phantom import PHANTOM

    if dataset is None:
        return PHANTOM
    if not (dataset / "dataset.json").is_file():
        raise UserError(f"There is no data set in {dataset} here, so the tuning has no name; give it one with --name.")
    return open_info(dataset).name


def _skipped(skip: str | None) -> "frozenset[Stage]":
    from sweeps.tuning.request import STAGES

    asked = [part.strip() for part in (skip or "").split(",") if part.strip()]
    for part in asked:
        if part not in STAGES:
            raise UserError(f"--skip {part} is no stage; stages are {', '.join(STAGES)}.")
    return frozenset(stage for stage in STAGES if stage in asked)


def _look_ahead(request: "TuneRequest") -> None:
    from rich.console import Console

    from sweeps.tuning.opened import open_tuning, schedule_lines

    opened = open_tuning(request, Console(stderr=True))
    with ProgressLine("measuring", "kinds of trial") as progress:
        record = opened.forecast("", progress)
    for line in (*record.plan, *schedule_lines(record.schedule, record.limit_s)):
        typer.echo(line)


def _run(request: "TuneRequest", runs: Path, as_json: bool) -> None:
    from sweeps.tuning.run import run_tune

    with sweep_console(as_json, runs, request.name) as (console, ended):
        outcome = run_tune(request, console=console)
        ended(outcome.exit_code, None, "\n".join(outcome.lines) or None)
    if outcome.exit_code == INTERRUPTED:
        end("Interrupted; run the same command again to continue.", INTERRUPTED)
    if not as_json:
        typer.echo("")
        for line in outcome.lines:
            typer.echo(line)
    if outcome.exit_code:
        end(TRAININGS_FAILED, FAILED)
