"""Options that several commands share."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from simcvd.errors import UserError
from simcvd.visible_gpus import hide_gpus
from sweeps.commands.guidance.completion import complete_assignments, complete_devices, complete_presets
from sweeps.commands.guidance.grouping import FAILURES, MACHINES, WHAT

RUNS = Path("runs")
PHANTOM_FOLDER, PHANTOM_PRESET = "phantom-data", "phantom"


class Tracker(StrEnum):
    """Trackers by the name of their library."""

    wandb = "wandb"
    mlflow = "mlflow"


def hide_unused_gpus(device: str) -> str:
    """Hide GPUs that the command does not use."""
    if device == "cpu":
        hide_gpus()
    return device


def _loaded(paths: list[Path] | None) -> list[Path] | None:
    """Load plug-ins as soon as they are named: other options may name what they add."""
    if paths:
        from simcvd.config import load_plugin

        for path in paths:
            load_plugin(path)
    return paths


PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="Load methods and networks of your own; repeatable.",
        callback=_loaded,
        is_eager=True,
        rich_help_panel=WHAT,
    ),
]
DatasetArgument = Annotated[
    Path | None,
    typer.Argument(metavar="DATASET", help="Data set folder; without it the built-in phantom set is made."),
]
RunsOption = Annotated[Path, typer.Option("--out", metavar="RUNS", help="Runs folder; what it holds is not run again.")]
ChangesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting (simcvd settings lists them); repeatable.",
        autocompletion=complete_assignments,
        rich_help_panel=WHAT,
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="la, pancreas, phantom or plan. Default: the data set's own, else la.",
        autocompletion=complete_presets,
        rich_help_panel=WHAT,
    ),
]
RetryOption = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        help="Run failed trials again; what training did not cause keeps its steps.",
        rich_help_panel=FAILURES,
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto, cpu, cuda or cuda:N.",
        callback=hide_unused_gpus,
        autocompletion=complete_devices,
        rich_help_panel=MACHINES,
    ),
]
SweptDeviceOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto, cpu or cuda.",
        callback=hide_unused_gpus,
        autocompletion=complete_devices,
        rich_help_panel=MACHINES,
    ),
]
CpusOption = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="CPU cores and threads of each worker.", rich_help_panel=MACHINES),
]
GpusOption = Annotated[
    float,
    typer.Option(metavar="N", help="GPUs of each worker; 0.5 puts two trials on one GPU.", rich_help_panel=MACHINES),
]
ConcurrentOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Most trials at a time. Default: as many as fit.", rich_help_panel=MACHINES),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", help="Join the Ray that runs there, from one of its nodes.", rich_help_panel=MACHINES
    ),
]
ClusterOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Run on the hosts of this Ray cluster file, started if need be.",
        rich_help_panel=MACHINES,
    ),
]
DownWhenDoneOption = Annotated[
    bool,
    typer.Option(
        "--down-when-done",
        help="With --cluster: take it down when the command has ended.",
        rich_help_panel=MACHINES,
    ),
]
EventsOption = Annotated[
    bool, typer.Option("--json", help="Print progress as JSON lines, and nothing else, on standard output.")
]
LogOption = Annotated[
    list[Tracker] | None,
    typer.Option("--log", metavar="wandb|mlflow", help="Show trials in Weights & Biases or MLflow too; repeatable."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def assignments(changes: Sequence[str] | None) -> dict[str, Any]:
    """Return what `--set` gives, by key."""
    from simcvd.config import parse_assignment

    return dict(parse_assignment(text) for text in changes or ())


def trackers(log: list[Tracker] | None, runs: Path) -> tuple[str, ...]:
    """Return what `--log` gave, each once.

    Raises:
        UserError: a library is missing here, or the runs are in an object store.
    """
    from sweeps.storage.store import url_in
    from sweeps.tracking.kinds import check_libraries

    kinds = tuple(dict.fromkeys(each.value for each in log or ()))
    check_libraries(kinds)
    if kinds and (url := url_in(runs)):
        raise UserError(f"--log {kinds[0]} needs a runs folder, but --out is {url}; choose a folder, or drop --log.")
    return kinds


def check_down(cluster: Path | None, down_when_done: bool) -> None:
    """Refuse `--down-when-done` without a cluster.

    Raises:
        UserError: with what to drop.
    """
    if down_when_done and cluster is None:
        raise UserError("--down-when-done is for --cluster; drop it.")


def phantom_or_look(runs: Path, held: ExitStack, *, looks: bool) -> Path:
    """Return the built-in data set; for one who only looks it is made elsewhere, and goes with `held`."""
    elsewhere = looks and not (runs / PHANTOM_FOLDER).exists()
    return phantom(Path(held.enter_context(TemporaryDirectory())) if elsewhere else runs)


def _tell(sentence: str) -> None:
    typer.echo(sentence, err=True)


def phantom(runs: Path, tell: Callable[[str], None] = _tell) -> Path:
    """Return the built-in data set, made where it is not there yet, which `tell` is told."""
    from simcvd.data.phantom import write_phantom

    folder = runs / PHANTOM_FOLDER
    if not folder.exists():
        tell(f"No DATASET given: making the built-in phantom set in {folder}.")
    write_phantom(folder)
    return folder
