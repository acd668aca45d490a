"""The command line: arguments and exit codes, nothing else.

Exit codes: 0 done; 1 some trials failed; 2 the user must change something; 130 interrupted, the same command continues.
Heavy modules are imported inside the commands, so that `simcvd --help` is fast.
"""

import errno
import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Self

import typer
from typer.core import TyperGroup

from analysis.errors import AnalysisError
from simcvd.errors import UserError
from simcvd.visible_gpus import hide_gpus

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from simcvd.config import TrialConfig
    from simcvd.data.preparation.prepare import PrepareOptions, PrepareReport
    from sweeps.status.sweep import SweepState

FAILED, MUST_CHANGE, INTERRUPTED = 1, 2, 130
RUNS = Path("runs")
PHANTOM_FOLDER, PHANTOM_PRESET, PHANTOM_SEEDS = "phantom-data", "phantom", (0,)
DEFAULT_PRESET = "la"
_PLACE_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR}
_FIRST_LINE_S, _NEXT_LINE_S = 2.0, 10.0
_LEAST_HEIGHT = 12


class _Commands(TyperGroup):
    """End with one sentence and an exit code where the user must change something or has interrupted."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the groups before the commands: preparing comes first."""
        return sorted(super().list_commands(ctx), key=lambda name: name != "prepare")

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (UserError, AnalysisError) as error:
            _end(f"Error: {error}", MUST_CHANGE)
        except OSError as error:
            if error.errno not in _PLACE_ERRORS:
                raise
            _end(f"Error: {error.filename or 'A file'} can't be written or read: {error.strerror}.", MUST_CHANGE)
        except KeyboardInterrupt:
            _end("Interrupted; run the same command again to continue.", INTERRUPTED)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich would take half of its time
    context_settings={"help_option_names": ["-h", "--help"]},
)
prepare = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Turn raw scans into a data set folder.")
app.add_typer(prepare, name="prepare")
hosts = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Start, look at and stop a cluster of hosts.")
app.add_typer(hosts, name="cluster")


class Split(StrEnum):
    """Splits that are scored."""

    val = "val"
    test = "test"


class TableFormat(StrEnum):
    """Forms of an ablation table."""

    terminal = "terminal"
    md = "md"
    latex = "latex"
    html = "html"
    csv = "csv"


class SpreadChoice(StrEnum):
    """What stands beside a mean."""

    sd = "sd"
    ci = "ci"


class SignificanceChoice(StrEnum):
    """How tests are shown."""

    p = "p"
    stars = "stars"


# ---- options that several commands share ----


def _hide_unused_gpus(device: str) -> str:
    if device == "cpu":
        hide_gpus()
    return device


SourceArgument = Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder with the raw scans.")]
TargetArgument = Annotated[Path, typer.Argument(metavar="DATASET", help="Data set folder to make.")]
DatasetArgument = Annotated[
    Path | None,
    typer.Argument(metavar="DATASET", help="Data set folder; without it the built-in phantom set is made."),
]
ClusterArgument = Annotated[Path, typer.Argument(metavar="CLUSTER.yaml", help="Ray cluster launcher file.")]
TrialArgument = Annotated[Path, typer.Argument(metavar="TRIAL", help="Folder of a trial, RUNS/trials/ID.")]

LabeledOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="Labelled training cases. Default: all.")]
UnlabeledOption = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Unlabelled training cases. Default: all that are left.")
]
ValOption = Annotated[int | None, typer.Option(min=0, metavar="N", help="Validation cases.")]
TestOption = Annotated[int | None, typer.Option(min=0, metavar="N", help="Test cases.")]
SplitFileOption = Annotated[
    Path | None, typer.Option("--split", metavar="FILE", help="File that names the cases of each split.")
]
SplitSeedOption = Annotated[
    int | None, typer.Option("--seed", min=0, metavar="N", help="Draw the splits. Default: in the order of the list.")
]
ClassesOption = Annotated[
    str | None, typer.Option(metavar="NAME,NAME", help="Foreground classes, in the order of their numbers.")
]
ChannelsOption = Annotated[str | None, typer.Option(metavar="NAME,NAME", help="Image channels, in their order.")]
SkipBadOption = Annotated[bool, typer.Option("--skip-bad", help="Leave bad cases out, and list them.")]
PrepareWorkersOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Cases at a time. Default: one a CPU.")
]

RunsOption = Annotated[Path, typer.Option("--out", metavar="RUNS", help="Runs folder; what it holds is not run again.")]
ChangesOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, see docs/settings.md; repeatable."),
]
PresetOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="la, pancreas or phantom. Default: the data set's own, else la.")
]
RetryOption = Annotated[
    bool, typer.Option("--retry-failed", help="Run failed trials again; what training did not cause keeps its steps.")
]
DeviceOption = Annotated[
    str, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:N.", callback=_hide_unused_gpus)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def _about(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version.")] = False,
) -> None:
    """Train SimCVD on a few labelled and many unlabelled 3D scans, sweep its settings, test the differences.

    Start with: simcvd sweep dropout
    """
    if version:
        from simcvd import __version__

        typer.echo(f"simcvd {__version__}")
        raise typer.Exit


# ---- data ----


@prepare.command("la")
def prepare_la(
    source: SourceArgument,
    dataset: TargetArgument,
    labeled: LabeledOption = None,
    unlabeled: UnlabeledOption = None,
    val: ValOption = None,
    test: TestOption = None,
    split: SplitFileOption = None,
    seed: SplitSeedOption = None,
    skip_bad: SkipBadOption = False,
    workers: PrepareWorkersOption = None,
) -> None:
    """Left Atrium 2018: one folder a case, with mri_norm2.h5, or with lgemri.nrrd and laendo.nrrd."""
    from simcvd.data.preparation.left_atrium import prepare_la
    from simcvd.data.preparation.prepare import PrepareOptions

    options = PrepareOptions(
        labeled=labeled,
        unlabeled=unlabeled,
        val=val,
        test=test,
        split_file=split,
        seed=seed,
        skip_bad=skip_bad,
        workers=workers,
    )
    _prepare(prepare_la, source, dataset, options)


@prepare.command("nifti")
def prepare_nifti(
    source: SourceArgument,
    dataset: TargetArgument,
    labeled: LabeledOption = None,
    unlabeled: UnlabeledOption = None,
    val: ValOption = None,
    test: TestOption = None,
    split: SplitFileOption = None,
    seed: SplitSeedOption = None,
    classes: ClassesOption = None,
    channels: ChannelsOption = None,
    skip_bad: SkipBadOption = False,
    workers: PrepareWorkersOption = None,
) -> None:
    """NIfTI: imagesTr/ and labelsTr/ (Medical Segmentation Decathlon), or images/ and labels/."""
    from simcvd.data.preparation.nifti import prepare_nifti
    from simcvd.data.preparation.prepare import PrepareOptions

    options = PrepareOptions(
        labeled=labeled,
        unlabeled=unlabeled,
        val=val,
        test=test,
        split_file=split,
        seed=seed,
        classes=_names(classes),
        channels=_names(channels),
        skip_bad=skip_bad,
        workers=workers,
    )
    _prepare(prepare_nifti, source, dataset, options)


@app.command()
def inspect(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Data set folder.")],
    as_json: JsonOption = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Don't read every voxel to compare it with its digest.")
    ] = False,
) -> None:
    """Say what a data set holds; exit code 2 if it is not sound."""
    from simcvd.data.inspection import inspect

    with _Progress("inspecting", "cases") as progress:
        report = inspect(dataset, verify=not quick, progress=progress)
    if as_json:
        _print_json(report.to_dict())
    else:
        typer.echo("\n".join(report.lines()))
    if report.problems:
        raise typer.Exit(MUST_CHANGE)


# ---- one trial ----


@app.command()
def train(
    dataset: DatasetArgument = None,
    runs: RunsOption = RUNS,
    method: Annotated[str | None, typer.Option(metavar="NAME", help="See simcvd methods.")] = None,
    preset: PresetOption = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="All settings; a trial's config.yaml reproduces it.")
    ] = None,
    changes: ChangesOption = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Seed of weights, order and draws.")] = None,
    device: DeviceOption = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="CPU threads. Default: torch's choice.")
    ] = None,
    retry_failed: RetryOption = False,
) -> None:
    """Train and score one trial, without Ray.

    The same command again continues what was cut off.
    """
    from simcvd.config import trial_id
    from simcvd.data.store import open_info
    from simcvd.methods.registry import check_known
    from simcvd.training.environment import choose_device
    from simcvd.training.interruption import stop_on_signals
    from simcvd.training.precision import choose_precision
    from sweeps.definition.expand import TrialSpec
    from sweeps.preflight.trials import check_trials
    from sweeps.status.trial import read_trial, trial_folder
    from sweeps.storage.object_runs import refuse_store
    from sweeps.trial.execute import execute_trial

    refuse_store(runs, "train")
    # Settings before data: a wrong one is told before the phantom set is made.
    own_preset = PHANTOM_PRESET if dataset is None else open_info(dataset).preset
    config = _settings(config_file, preset, own_preset, changes, {"method": method, "seed": seed})
    check_known(config.method)
    choose_precision(config.training.precision, choose_device(device))
    dataset = dataset or _phantom(runs)
    info = open_info(dataset)
    identity = trial_id(config, info.digest)
    check_trials(dataset, [TrialSpec(identity, config, config.method, config.seed)], workers=1)
    folder = trial_folder(runs, identity)
    typer.echo(f"{config.method}, seed {config.seed}, {config.training.steps} steps on {info.name}: {folder}", err=True)
    with _Progress("training", "steps") as progress, stop_on_signals() as asked_to_stop:

        def report(numbers: Mapping[str, Any]) -> None:
            progress(numbers["step"], numbers["steps"])
            if numbers["step"] == numbers["steps"]:
                progress.say_once("Trained; scoring the validation and test cases.")

        def should_stop() -> bool:
            if asked_to_stop():
                progress.say_once("Stopping: a checkpoint is written first; press Ctrl-C again to leave at once.")
            return asked_to_stop()

        status = execute_trial(
            config,
            dataset,
            runs,
            trial_id=identity,
            device=device,
            threads=threads,
            report=report,
            should_stop=should_stop,
            tell=progress.say_once,
            retry_failed=retry_failed,
        )
    if status.state == "interrupted":
        _end(status.message or "Interrupted; run the same command again to continue.", INTERRUPTED)
    if status.state == "failed":
        advice = "--retry-failed runs it again" if status.skipped else f"more in {folder / 'failure.txt'}"
        _end(f"The trial failed ({status.kind}): {str(status.message).rstrip('.')}; {advice}.", FAILED)
    trial = read_trial(runs, identity)
    score = "" if trial.dice is None else f", {trial.dice_split} Dice {trial.dice:.4f}"
    typer.echo(f"{'Finished before' if status.skipped else 'Finished'}: {folder}, {status.steps} steps{score}")


@app.command()
def evaluate(
    trial: TrialArgument,
    dataset: Annotated[
        Path | None,
        typer.Argument(metavar="DATASET", help="Score the trial's network on this data set now, without recording it."),
    ] = None,
    split: Annotated[Split, typer.Option(help="Cases to show.")] = Split.test,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Show the per-case scores of a trial.

    They come from its records, or, with DATASET, from scoring its network anew.
    """
    if dataset is None:
        rows = _recorded_scores(trial, split)
    else:
        from dataclasses import asdict

        from simcvd.data.store import open_info
        from simcvd.training.evaluation import evaluate_trial

        cases = len(getattr(open_info(dataset).splits, split))
        with _Progress("scoring", "cases") as progress:
            done = itertools.count(1)
            scores = evaluate_trial(
                trial, dataset, split, device=device, on_case=lambda *_: progress(next(done), cases)
            )
        rows = [asdict(score) for score in scores]
    if not rows:
        raise UserError(
            f"There are no {split} scores of {trial}: its data set has no such cases; try the other --split."
        )
    if as_json:
        _print_json(rows)
    else:
        _print_scores(rows)


@app.command()
def predict(
    trial: TrialArgument,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help=".nii, .nii.gz, .nrrd or .h5 files.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the masks.")],
    device: DeviceOption = "auto",
) -> None:
    """Segment images with a finished trial.

    Each mask has its image's space and format.
    """
    from simcvd.training.evaluation import predict_images

    with _Progress("predicting", "images") as progress:
        masks: list[Path] = []

        def on_image(mask: Path) -> None:
            masks.append(mask)
            progress(len(masks), len(images))

        predict_images(trial, images, out, device=device, on_image=on_image)
    for mask in masks:
        typer.echo(str(mask))


# ---- sweeps ----


@app.command()
def sweep(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME|FILE.yaml", help="Built-in sweep (see simcvd sweeps) or a file.")
    ],
    dataset: DatasetArgument = None,
    runs: RunsOption = RUNS,
    changes: ChangesOption = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="N|N,N,...", help="How many seeds, or which. Default: the sweep's own.")
    ] = None,
    label_splits: Annotated[
        str | None,
        typer.Option(
            metavar="N|N,N,...",
            help="How many random draws of the labelled cases, or which. Default: the sweep's, else the data set's.",
        ),
    ] = None,
    preset: PresetOption = None,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu or cuda.", callback=_hide_unused_gpus)
    ] = "auto",
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes a trial, each on its own GPU or CPUs.")
    ] = 1,
    cpus_per_worker: Annotated[int, typer.Option(min=1, metavar="N", help="CPU cores and threads of each worker.")] = 1,
    gpus_per_worker: Annotated[
        float, typer.Option(metavar="N", help="GPUs of each worker; 0.5 puts two trials on one GPU.")
    ] = 1.0,
    max_concurrent: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Most trials at a time. Default: as many as fit.")
    ] = None,
    time_budget: Annotated[
        str | None, typer.Option(metavar="8h|30m|90", help="Stop after this time; the same command continues.")
    ] = None,
    max_trials: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Run at most so many trials now, in the sweep's order.")
    ] = None,
    gpu_hours: Annotated[
        float | None, typer.Option(metavar="H", help="Run what is predicted to fit, and stop when they are used up.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would run and how long it would take, and run nothing.")
    ] = False,
    probe_steps: Annotated[
        int, typer.Option(min=0, metavar="N", help="Steps of each kind of trial to time for a prediction; 0: none.")
    ] = 5,
    preflight: Annotated[
        bool, typer.Option("--preflight", help="Check machines, storage, data and disk, and run nothing.")
    ] = False,
    retry_failed: RetryOption = False,
    hang_timeout: Annotated[
        str, typer.Option(metavar="30m|0", help="Start a trial again that shows no progress for so long; 0: never.")
    ] = "30m",
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Database for a search's study. Default: a file in the sweep's folder."),
    ] = None,
    cluster: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Run on the hosts of this Ray cluster file, started if need be.")
    ] = None,
    down_when_done: Annotated[
        bool, typer.Option("--down-when-done", help="With --cluster: take it down when the sweep has ended.")
    ] = False,
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Join the Ray that runs there, from one of its nodes.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder on each node's own disk; data sets are copied there once."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print progress as JSON lines, and nothing else, on standard output.")
    ] = False,
) -> None:
    """Run variants times seeds with Ray, on this machine or on a cluster.

    What is finished is not run again, what was cut off continues. The ablation table comes last.
    """
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from simcvd.methods.registry import check_known
    from sweeps.definition.catalogue import load_sweep, parse_label_splits, parse_seeds
    from sweeps.definition.expand import all_trials, expand
    from sweeps.plan import plan_sweep
    from sweeps.prediction.budget import Budget, parse_duration
    from sweeps.prediction.dry_run import dry_run as plan_ahead
    from sweeps.prediction.show import show
    from sweeps.preflight.checks import Subject, check_alone
    from sweeps.preflight.precision import recorded_precisions
    from sweeps.resources.placement import check_machine
    from sweeps.resources.request import ResourceRequest, check_request
    from sweeps.runner import run_sweep
    from sweeps.search.preview import preview_search
    from sweeps.search.run import run_search
    from sweeps.status.failures import failure_lines
    from sweeps.storage.data_cache import local_dataset
    from sweeps.storage.mirror import bring
    from sweeps.storage.object_runs import CACHE, object_runs, refuse_search

    definition = load_sweep(name)
    _check_search_options(definition.search is not None, storage, label_splits, gpu_hours)
    overrides = _assignments(changes)
    request = ResourceRequest(workers, device, cpus_per_worker, gpus_per_worker, max_concurrent, address)
    budget = Budget(max_trials, gpu_hours, probe_steps)
    time_budget_s = None if time_budget is None else parse_duration(time_budget)
    hang_timeout_s = None if hang_timeout.strip() == "0" else parse_duration(hang_timeout, "--hang-timeout")
    shared: dict[str, Any] = {
        "overrides": overrides,
        "seeds": None if seeds is None else parse_seeds(seeds),
        "label_splits": None if label_splits is None else parse_label_splits(label_splits),
        "preset": preset,
    }
    if down_when_done and cluster is None:
        raise UserError("--down-when-done is for --cluster; drop it.")
    if cluster is not None:
        check_request(request)
        searches = definition.search is not None
        _sweep_on_cluster(context, cluster, definition.name, searches, name, dataset, runs, as_json, down_when_done)
        return
    if definition.search is not None:
        refuse_search(runs, cache)
    remote = object_runs(runs, cache)
    place, runs = runs, runs if remote is None else remote.mirror  # what is looked at is an image on this machine
    if remote is not None and (dry_run or preflight):
        bring(remote, definition.name)
    if dataset is None:
        # Settings before data: a wrong one is told before the phantom set is made.
        shared["preset"] = preset or PHANTOM_PRESET
        if seeds is None:
            shared["seeds"] = PHANTOM_SEEDS
        check_request(request)
        if not dry_run and not (runs / PHANTOM_FOLDER).exists():
            check_machine(request)
        for variant in expand(definition, "", **shared):
            check_known(variant.trials[0].config.method)
        if seeds is None:
            typer.echo("The built-in set is swept with one seed, to end in minutes; --seeds 3 takes three.", err=True)
        alone = dry_run and not (runs / PHANTOM_FOLDER).exists()  # a dry run leaves nothing in RUNS
        dataset = _phantom(Path(context.with_resource(TemporaryDirectory())) if alone else runs)
    for key, names in definition.kept(overrides).items():
        typer.echo(f"--set {key} leaves {', '.join(names)} as the sweep has it.", err=True)
    shared |= {"retry_failed": retry_failed, "request": request}
    given, dataset = dataset, local_dataset(dataset, cache or CACHE, lambda text: typer.echo(text, err=True))
    if dry_run and definition.search is not None:
        searching = {key: shared[key] for key in ("overrides", "seeds", "preset", "request")}
        with _Progress("measuring", "kinds of trial") as progress:
            tries = preview_search(
                definition,
                dataset,
                runs,
                max_trials=max_trials,
                probe_steps=probe_steps,
                progress=progress,
                **searching,
            )
        for notice in tries.notices:
            typer.echo(notice, err=True)
        if as_json:
            _print_json(tries.to_dict())
        else:
            typer.echo("\n".join(tries.lines()))
        return
    if dry_run:
        with _Progress("measuring", "kinds of trial") as progress:
            ahead, notices = plan_ahead(definition, dataset, runs, budget=budget, progress=progress, **shared)
        for notice in notices:
            typer.echo(notice, err=True)
        if as_json:
            _print_json(ahead.to_dict())
        else:
            show(ahead, Console(), time_budget_s)
        return
    if preflight:
        plan = plan_sweep(definition, dataset, runs, **shared)
        recorded = recorded_precisions(runs, {trial.id: trial.config for trial in all_trials(plan.variants)})
        configs = [trial.config for trial in plan.pending]
        subject = Subject(dataset.resolve(), runs.resolve(), configs, remote=remote, recorded=recorded)
        findings = check_alone(subject, request)
        _print_columns(list(findings.lines.items()))
        for notice in findings.notices:
            typer.echo(notice, err=True)
        return
    with _sweep_console(as_json, runs, definition.name) as (console, ended):
        shared |= {"time_budget_s": time_budget_s, "hang_timeout_s": hang_timeout_s, "console": console}
        if definition.search is None:
            outcome = run_sweep(definition, given, place, budget=budget, cache=cache, **shared)
        else:
            shared.pop("label_splits")
            outcome = run_search(definition, dataset, runs, max_trials=max_trials, storage=storage, **shared)
        ended(outcome.exit_code, outcome.state)
    for line in failure_lines(runs, outcome.state.rows):
        typer.echo(line, err=True)
    if outcome.exit_code == INTERRUPTED:
        cause = "Interrupted" if outcome.interrupted else f"Trials left for another command: {outcome.left_out}"
        _end(f"{cause}; run the same command again to continue.", INTERRUPTED)
    if outcome.exit_code:
        retry = "; --retry-failed runs the failed ones again" if outcome.state.counts["failed"] else ""
        _end(f"{outcome.state.summary()}{retry}.", outcome.exit_code)


def _sweep_on_cluster(
    context: typer.Context,
    file: Path,
    name: str,
    searches: bool,
    place: str,
    dataset: Path | None,
    runs: Path,
    as_json: bool,
    down_when_done: bool,
) -> None:
    from sweeps.cluster.cluster_file import load_cluster
    from sweeps.cluster.launch import stop as take_down
    from sweeps.cluster.overview import look
    from sweeps.cluster.sweep import RemoteSweep, sweep_on_cluster
    from sweeps.definition.catalogue import is_path

    for option in ("address", "dry_run", "preflight"):
        if context.params[option]:
            told = f"--{option.replace('_', '-')}"
            raise UserError(f"{told} is for the machine that it is given on, so --cluster can't be; drop one.")
    cluster = load_cluster(file)
    own_file = Path(place) if is_path(place) else None
    left_out = {"cluster", "down_when_done", "runs", "as_json"}
    wanted = RemoteSweep(cluster, name, searches, own_file, dataset, _given_options(context, left_out), runs)
    with _sweep_console(as_json, runs, name) as (console, ended):
        outcome = sweep_on_cluster(wanted, console)
        ended(outcome.exit_code, outcome.state, outcome.message)
    if outcome.detached:
        again = f"simcvd sweep {place} --cluster {file}"
        _end(
            f"Left; the sweep goes on.\n  follow it: the same command again\n  stop it:   simcvd cluster stop {file} "
            f"{name}, and {again} continues it\n  end all:   simcvd cluster down {file}",
            INTERRUPTED,
        )
    if down_when_done and (others := look(cluster).sweeps):
        typer.echo(f"The cluster is left up, since {', '.join(others)} runs on it.", err=True)
    elif down_when_done:
        _tell_down(file, take_down(cluster))
    if outcome.exit_code == MUST_CHANGE:
        _end(f"Error: {outcome.message}", MUST_CHANGE)
    if outcome.exit_code:
        _end(
            f"{outcome.message or outcome.state.summary()}; run the same command again to continue.", outcome.exit_code
        )


def _given_options(context: typer.Context, left_out: Collection[str]) -> list[str]:
    """Return the options that were given on the command line, as they are given again to the same command."""
    arguments: list[str] = []
    for parameter in context.command.params:
        key = str(parameter.name)
        source = context.get_parameter_source(key)
        given = source is not None and source.name == "COMMANDLINE"
        if parameter.param_type_name != "option" or key in left_out or not given:
            continue
        value, option = context.params[key], parameter.opts[0]
        if isinstance(value, bool):
            arguments += [option] if value else []
        else:
            arguments += [f"{option}={each}" for each in (value if isinstance(value, list | tuple) else [value])]
    return arguments


@hosts.command("up")
def cluster_up(file: ClusterArgument) -> None:
    """Start Ray on all hosts, unless it is up."""
    from sweeps.cluster.cluster_file import load_cluster
    from sweeps.cluster.up import bring_up

    cluster = load_cluster(file)
    with bring_up(cluster, lambda text: typer.echo(text, err=True)) as (head, _):
        typer.echo(f"{cluster.name} is up, its head is {head.address}.")


@hosts.command("status")
def cluster_status(file: ClusterArgument, as_json: JsonOption = False) -> None:
    """Show the hosts, what they have, and the sweeps that run."""
    from sweeps.cluster.cluster_file import load_cluster
    from sweeps.cluster.overview import look

    overview = look(load_cluster(file))
    if as_json:
        _print_json(overview.to_dict())
    else:
        if overview.nodes:
            _print_columns(overview.rows())
        for sentence in overview.sentences():
            typer.echo(sentence)


@hosts.command("stop")
def cluster_stop(
    file: ClusterArgument, name: Annotated[str, typer.Argument(metavar="SWEEP", help="The sweep's name.")]
) -> None:
    """Stop a sweep; its trials write a checkpoint, and the same sweep command continues it."""
    from sweeps.cluster.cluster_file import load_cluster
    from sweeps.cluster.overview import stop_sweep

    stop_sweep(load_cluster(file), name)
    typer.echo(f"The sweep {name} has ended; its command continues it.")


@hosts.command("down")
def cluster_down(file: ClusterArgument) -> None:
    """Stop the sweeps and Ray on all hosts; nothing of ours runs there then."""
    from sweeps.cluster.cluster_file import load_cluster
    from sweeps.cluster.hosts import UnreachableError
    from sweeps.cluster.launch import stop as take_down
    from sweeps.cluster.overview import stop_sweeps

    cluster = load_cluster(file)
    try:
        for name in stop_sweeps(cluster):
            typer.echo(f"The sweep {name} has ended; its command continues it.", err=True)
    except UnreachableError as error:  # the other hosts are stopped all the same
        typer.echo(str(error), err=True)
    _tell_down(file, take_down(cluster))


def _tell_down(file: Path, unsure: Mapping[str, str]) -> None:
    if unsure:
        told = "; ".join(f"{address}: {reason}" for address, reason in unsure.items())
        _end(f"Not all hosts of {file} are known to be down: {told}", FAILED)
    typer.echo(f"The cluster of {file} is down.", err=True)


@app.command()
def status(
    place: Annotated[Path, typer.Argument(metavar="RUNS[/SWEEP]", help="Runs folder, or one sweep in it.")] = RUNS,
    every: Annotated[
        bool, typer.Option("--all", help="Show every trial, also on a terminal that has no room for them.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what runs, what has finished, and what failed and why."""
    from rich.console import Console

    from sweeps.show.trial_table import render
    from sweeps.status.failures import failure_lines
    from sweeps.status.sweep import read_status
    from sweeps.storage.mirror import brought

    place = brought(place)
    runs, name = (place, None) if any((place / part).is_dir() for part in ("sweeps", "trials")) else _sweep_place(place)
    if name is not None and not (runs / "sweeps" / name).is_dir():
        raise UserError(f"There are no runs in {place}; expected a folder that `simcvd train` or `simcvd sweep` made.")
    states = read_status(runs, name)
    if as_json:
        from sweeps.show.events import status_fields

        _print_json({"sweeps": [status_fields(state, runs) for state in states]})
        return
    console = Console()
    room = max(_LEAST_HEIGHT, console.height // max(1, len(states))) if console.is_terminal and not every else None
    for state in states:
        console.print(render(state, console.width, room, failures=False))
        for line in failure_lines(runs, state.rows):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command()
def tables(
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="SWEEP...",
            help="RUNS/sweeps/NAME or a NAME in --out, or several; or a CSV or parquet file of scores.",
        ),
    ],
    runs: Annotated[Path, typer.Option("--out", metavar="RUNS", help="Runs folder, where SWEEP is a name.")] = RUNS,
    form: Annotated[TableFormat, typer.Option("--format", help="How to print it.")] = TableFormat.terminal,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="dice, jaccard, hd95_mm, asd_mm, ...; repeatable. Default: the sweep's own."),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(metavar="VARIANT", help="Compare with this variant. Default: the sweep's own.")
    ] = None,
    two_sided: Annotated[
        bool, typer.Option("--two-sided", help="Test for any difference. Default: for the reference being better.")
    ] = False,
    spread: Annotated[
        SpreadChoice, typer.Option(help="Beside a mean: SD over cases, or half of its 95 % interval.")
    ] = SpreadChoice.sd,
    significance: Annotated[SignificanceChoice, typer.Option(help="p-values, or stars.")] = SignificanceChoice.p,
    published: Annotated[bool, typer.Option("--published", help="Show the paper's values beside ours.")] = False,
    block: Annotated[
        str | None,
        typer.Option(
            "--published-block", metavar="NAME", help="la-16, la-8 or pancreas-12, where the data set does not tell."
        ),
    ] = None,
    case: Annotated[str | None, typer.Option(metavar="COLUMN", help="File of scores: column of the case.")] = None,
    variant: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="File of scores: column of the method or setting.")
    ] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="File of scores: column of the seed, if any.")
    ] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", metavar="COLUMN", help="File of scores: column of the class, if any.")
    ] = None,
    higher_is_better: Annotated[
        bool | None,
        typer.Option(
            "--higher-is-better/--lower-is-better",
            help="File of scores: direction of the metric, where its name does not tell.",
        ),
    ] = None,
) -> None:
    """Print the ablation table of a sweep with paired tests.

    Of a sweep with several metrics: all of them in one table; --metric prints one with its differences. Several sweeps
    are stacked. A file of per-case scores of another tool needs --case, --variant and --metric.
    """
    from analysis.tables import Style, render_csv, render_html, render_latex, render_markdown, render_terminal
    from analysis.tables.request import Request, ScoreColumns, is_scores_file, sheet_of_scores, sheet_of_sweeps
    from sweeps.storage.mirror import brought

    request = Request(tuple(metric or ()), reference, two_sided, Style(spread.value, significance.value))
    columns = ScoreColumns(case, variant, seed, class_name, higher_is_better)
    if len(places) == 1 and is_scores_file(places[0]):
        if published and block is None:
            raise UserError(
                "A file of scores does not tell which published table it belongs to; add --published-block."
            )
        sheet = sheet_of_scores(Path(places[0]), columns, request, block)
    elif columns.given:
        raise UserError(
            f"{', '.join(columns.given)} is for one CSV or parquet file of scores, not for {', '.join(places)}."
        )
    else:
        found = [_sweep_place(brought(Path(place))) if "/" in place else (brought(runs), place) for place in places]
        sheet = sheet_of_sweeps(found, request, published, block)
    if form is TableFormat.terminal:
        from rich.console import Console

        console = Console()
        console.print(render_terminal(sheet, console.width))
        return
    render = {
        TableFormat.md: render_markdown,
        TableFormat.latex: render_latex,
        TableFormat.html: render_html,
        TableFormat.csv: render_csv,
    }[form]
    typer.echo(render(sheet), nl=False)


@app.command()
def figures(
    place: Annotated[str, typer.Argument(metavar="SWEEP", help="RUNS/sweeps/NAME, or a NAME in --out.")],
    runs: Annotated[Path, typer.Option("--out", metavar="RUNS", help="Runs folder, where SWEEP is a name.")] = RUNS,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="dice, jaccard, hd95_mm, asd_mm, ... Default: the sweep's own.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(metavar="VARIANT", help="Compare with this variant. Default: the sweep's own.")
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(metavar="DATASET", help="Where the images are, if not where the sweep found them.")
    ] = None,
) -> None:
    """Draw a sweep's figures as PDF, SVG and PNG, with captions, into RUNS/sweeps/NAME/figures.

    Sensitivity curves, forest plot, paired cases, boxes, label efficiency, slices and surfaces of the best, median and
    worst case, training curves: those that apply to what has finished.
    """
    from analysis.figures.of_sweep import write_figures
    from sweeps.storage.mirror import shown_from

    folder, name = _sweep_place(Path(place)) if "/" in place else (runs, place)
    with shown_from(folder, name) as folder, _Progress("drawing", "figures") as progress:
        written = write_figures(folder, name, metric, reference, dataset, progress, workers=None)
    for file, formats in itertools.groupby(written.files, key=lambda path: path.with_suffix("")):
        kinds = [path.suffix[1:] for path in formats]
        typer.echo(f"{file}.{kinds[0] if len(kinds) == 1 else '{' + ','.join(kinds) + '}'}")
    for remark in written.remarks:
        typer.echo(remark, err=True)


@app.command()
def report(
    place: Annotated[str, typer.Argument(metavar="SWEEP", help="RUNS/sweeps/NAME, or a NAME in --out.")],
    runs: Annotated[Path, typer.Option("--out", metavar="RUNS", help="Runs folder, where SWEEP is a name.")] = RUNS,
    reference: Annotated[
        str | None, typer.Option(metavar="VARIANT", help="Compare with this variant. Default: the sweep's own.")
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(metavar="DATASET", help="Where the images are, if not where the sweep found them.")
    ] = None,
    no_cases: Annotated[bool, typer.Option("--no-cases", help="Leave images and masks out.")] = False,
) -> None:
    """Write a sweep's report, one HTML file that needs nothing else, to RUNS/sweeps/NAME/report.html.

    Summary in words, tables that sort and filter, figures, slices of cases under each variant, failures, settings.
    """
    from analysis.report.write import write_report
    from sweeps.storage.mirror import shown_from

    folder, name = _sweep_place(Path(place)) if "/" in place else (runs, place)
    with shown_from(folder, name) as folder, _Progress("encoding", "cases") as progress:
        written = write_report(folder, name, reference, dataset, cases=not no_cases, on_case=progress)
    typer.echo(f"{written.path} ({written.size / 1e6:.1f} MB)")
    if not no_cases and not written.report.browser.pictures:
        typer.echo(" ".join(written.report.browser.notes), err=True)


@app.command("methods")
def list_methods() -> None:
    """List the training methods with their papers."""
    from simcvd.methods.registry import describe

    entries = describe()
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        typer.echo(f"{entry.name:<{width}}  {entry.summary}")
        typer.secho(f"{'':<{width}}  {entry.paper}, doi {entry.doi}", dim=True)


@app.command("sweeps")
def list_sweeps() -> None:
    """List the built-in sweeps."""
    from sweeps.definition.catalogue import list_sweeps

    _print_columns([[entry.name, entry.description] for entry in list_sweeps()])


# ---- arguments ----


def _settings(
    file: Path | None,
    preset: str | None,
    own_preset: str | None,
    changes: Sequence[str] | None,
    named: Mapping[str, Any],
) -> "TrialConfig":
    """Return a trial's settings; an option of its own wins over `--set`, which wins over file or preset."""
    from simcvd.config import apply_settings, from_file, load_preset

    if file is not None and preset is not None:
        raise UserError(f"--config {file} holds all settings, so --preset {preset} can't be given as well; drop one.")
    base = from_file(file) if file is not None else load_preset(preset or own_preset or DEFAULT_PRESET)
    given = {key: value for key, value in named.items() if value is not None}
    return apply_settings(base, _assignments(changes) | given)


def _check_search_options(
    searches: bool, storage: str | None, label_splits: str | None, gpu_hours: float | None
) -> None:
    if storage is not None and not searches:
        raise UserError("--storage is for a search, which this sweep is not; drop it.")
    if searches and label_splits is not None:
        raise UserError("--label-splits is not for a search, which has one draw; set data.label_split with --set.")
    if searches and gpu_hours is not None:
        raise UserError("--gpu-hours is not for a search; limit it with --time-budget or --max-trials.")


def _assignments(changes: Sequence[str] | None) -> dict[str, Any]:
    from simcvd.config import parse_assignment

    return dict(parse_assignment(text) for text in changes or ())


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(","))


def _sweep_place(path: Path) -> tuple[Path, str]:
    """Return runs folder and sweep name of RUNS/sweeps/NAME or RUNS/NAME."""
    if path.name in {"", ".."}:
        path = path.resolve()
    return (path.parent.parent if path.parent.name == "sweeps" else path.parent), path.name


def _phantom(runs: Path) -> Path:
    """Return the built-in data set, made where it is not there yet."""
    from simcvd.data.phantom import write_phantom

    folder = runs / PHANTOM_FOLDER
    if not folder.exists():
        typer.echo(f"No DATASET given: making the built-in phantom set in {folder}.", err=True)
    write_phantom(folder)
    return folder


def _prepare(
    make: "Callable[[Path, Path, PrepareOptions], PrepareReport]",
    source: Path,
    dataset: Path,
    options: "PrepareOptions",
) -> None:
    from dataclasses import replace

    with _Progress("preparing", "cases") as progress:
        report = make(source, dataset, replace(options, progress=progress))
    for note in report.notes:
        typer.echo(note)
    for case_id, problem in report.left_out.items():
        typer.echo(f"Left out {case_id}: {problem}.")
    counts = ", ".join(f"{len(ids)} {name}" for name, ids in report.info.splits.items())
    typer.echo(f"{dataset}: {counts}; {report.written} cases written, {report.resumed} there before.")
    typer.echo(f"Next: simcvd inspect {dataset}")


def _recorded_scores(trial: Path, split: Split) -> list[dict[str, Any]]:
    from analysis.runs.records import read_cases

    folder = trial.resolve()
    if not (folder / "config.yaml").is_file():
        raise UserError(f"There is no trial in {trial}; expected a folder RUNS/trials/ID.")
    frame = read_cases(folder.parent.parent, [folder.name])
    if frame.empty:
        raise UserError(f"The trial {trial} has recorded no scores yet; run its command again to finish it.")
    rows: list[dict[str, Any]] = json.loads(
        frame[frame["split"] == split].to_json(orient="records", double_precision=15)
    )
    return rows


# ---- output ----


def _end(sentence: str, code: int) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


@contextmanager
def _sweep_console(as_json: bool, runs: Path, name: str) -> "Iterator[tuple[Console, Callable[..., None]]]":
    """Yield where a sweep says how far it is, and what is to be told its exit code, state and message at the end.

    With `as_json` standard output holds events alone, the last one with the exit code, however the sweep ends.
    """
    if not as_json:
        from rich.console import Console

        yield Console(), lambda *outcome: None
        return
    from sweeps.show.events import EventConsole

    console, runs = EventConsole(sys.stdout), runs.resolve()

    def ended(exit_code: int, state: "SweepState", message: str | None = None) -> None:
        written = sorted((runs / "sweeps" / name / "tables").glob("*")) if state.counts["finished"] else []
        console.events.end(exit_code, state, runs, written, message)

    with redirect_stdout(sys.stderr):
        try:
            yield console, ended
        except (UserError, AnalysisError) as error:
            console.events.end(MUST_CHANGE, None, runs, message=str(error))
            raise
        except KeyboardInterrupt:
            console.events.end(INTERRUPTED, None, runs, message="Interrupted; the same command continues.")
            raise


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(_plain(content), indent=2))


def _plain(value: Any) -> Any:
    """Return `value` with NaN, which JSON does not know, as null."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print_columns(rows: Sequence[Sequence[Any]]) -> None:
    """Print rows of text in columns, numbers to the right."""
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            str(cell).rjust(width) if isinstance(cell, int) else str(cell).ljust(width)
            for cell, width in zip(row, widths, strict=True)
        )
        typer.echo("  ".join(cells).rstrip())


def _print_scores(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print per-case scores and each class's mean over the cases that have the metric."""
    metrics = ("dice", "jaccard", "hd95_vox", "asd_vox", "hd95_mm", "asd_mm")

    def cells(values: Mapping[str, Any]) -> list[str]:
        numbers = [values[metric] for metric in metrics]
        return [f"{number:.4f}" if number is not None and math.isfinite(number) else "-" for number in numbers]

    table = [["case", "class", *metrics], *([row["case_id"], row["class_name"], *cells(row)] for row in rows)]
    for name in dict.fromkeys(row["class_name"] for row in rows):
        own = [_plain(row) for row in rows if row["class_name"] == name]
        means: dict[str, float] = {}
        for metric in metrics:
            values = [row[metric] for row in own if row[metric] is not None]
            means[metric] = math.fsum(values) / len(values) if values else math.nan
        table.append([f"mean of {len(own)}", name, *cells(means)])
    _print_columns(table)
    empty = sum(bool(row["empty_prediction"]) for row in rows)
    if empty:
        typer.echo(f"{empty} predictions are empty; their distances are missing and in no mean.")


class _Progress:
    """A bar with rate and time left on a terminal, elsewhere a plain line now and then; on standard error."""

    def __init__(self, what: str, unit: str) -> None:
        self._what, self._unit = what, unit
        self._bar: Progress | None = None
        self._first: tuple[float, int] | None = None
        self._next_line = time.monotonic() + _FIRST_LINE_S
        self._said: set[str] = set()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[pace]}"),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._bar.add_task(self._what, total=None, pace="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int, *_: object) -> None:
        """Show that `done` of `total` are done."""
        now = time.monotonic()
        pace = self._pace(now, done, total)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total, pace=pace)
        elif now >= self._next_line:
            typer.echo(f"{self._what}: {done} of {total} {self._unit}{pace and ', '}{pace}", err=True)
            self._next_line = now + _NEXT_LINE_S

    def say_once(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        if sentence in self._said:
            return
        self._said.add(sentence)
        if self._bar is not None:
            self._bar.console.print(sentence, markup=False, highlight=False)
        else:
            typer.echo(sentence, err=True)

    def _pace(self, now: float, done: int, total: int) -> str:
        """Return rate and time left, from the second call on: the first one may be far along already."""
        if self._first is None:
            self._first = (now, done)
        start, before = self._first
        if done <= before or now <= start:
            return ""
        from sweeps.status.sweep import duration

        rate = (done - before) / (now - start)
        return f"{rate:.3g} {self._unit}/s, {duration((total - done) / rate)} left"


def main() -> None:
    """Run the command line."""
    app(prog_name="simcvd")


if __name__ == "__main__":
    main()
