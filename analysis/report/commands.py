"""The commands that make a sweep, its tables, figures and report again."""

import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.runs.search_section import SearchSection
from analysis.runs.sweep import Sweep, given_file
from simcvd.nested import written

_TUNING: Final = "tune.json"
_STAGES: Final = ("baseline", "search", "confirm", "final")


@dataclass(frozen=True)
class Command:
    """A command line and what it does.

    Attributes:
        does: in a sentence.
        line: to paste; empty where there is none.
    """

    does: str
    line: str


def commands(
    sweep: Sweep, runs: Path, dataset: str, reference: str | None, search: SearchSection | None = None
) -> list[Command]:
    """Return the command lines, with paths as they are from the folder that this one was made in.

    Args:
        sweep: the sweep.
        runs: the runs folder, as the command named it.
        dataset: the data set folder, as a command is to name it.
        reference: the variant that the report compares with.
        search: what the sweep searches, if it does.
    """
    out = str(runs)
    place = str(runs / "sweeps" / sweep.name)
    chosen = ["--reference", reference] if reference is not None and reference != sweep.reference else []
    trial = next((own for own in sweep.trial_ids if (runs / "trials" / own / "config.yaml").is_file()), None)
    found = [_sweep(sweep, runs, dataset, search)]
    if trial is not None:
        config = str(runs / "trials" / trial / "config.yaml")
        plugins = _plugins(runs / "trials" / trial)
        again = ["simcvd", "train", dataset, "--config", config, "--out", f"{out}-again", *plugins]
        does = "One trial alone, here the first; every trial's folder holds its config.yaml."
        found.append(Command(does, shlex.join(again)))
    return [
        *found,
        Command("The tables.", shlex.join(["simcvd", "tables", place, *chosen])),
        Command("This report.", shlex.join(["simcvd", "report", place, *chosen])),
    ]


def path_from_here(folder: Path | None, name: str) -> str:
    """Return a folder as a command names it from here: from this folder on where it is inside, else in full.

    Args:
        folder: the folder; None where it is not known.
        name: what stands in its place then.
    """
    if folder is None:
        return name
    here = Path.cwd()
    return os.path.relpath(folder, here) if folder.is_absolute() and folder.is_relative_to(here) else str(folder)


def _plugins(folder: Path) -> list[str]:
    """Return the options that load the plug-ins that a trial's or a sweep's folder keeps."""
    return [part for path in sorted((folder / "plugins").glob("*.py")) for part in ("--plugin", str(path))]


def _sweep(sweep: Sweep, runs: Path, dataset: str, search: SearchSection | None) -> Command:
    given = given_file(runs, sweep.name)
    if not given.is_file() and (tuning := _tuning(runs, sweep.name)) is not None:
        return Command(f"This sweep is a stage of the tuning {tuning}: its `simcvd tune` runs it.", "")
    own = given.is_file()
    asked = [
        *("simcvd", "sweep", str(given) if own else sweep.name, dataset, "--out", str(runs)),
        *_replicates(sweep, search),
        *(["--preset", sweep.preset] if sweep.preset is not None else []),
        *_plugins(given.parent),
        *(part for key, value in sweep.overrides.items() for part in ("--set", f"{key}={written(value)}")),
    ]
    if search is not None:
        asked += ["--max-trials", str(search.trials)]
        asked += ["--storage", search.storage] if "://" in search.storage else []
    more = " from a copy of the sweep file that it was given" if own else ""
    return Command(f"The whole sweep{more}; what is finished is not run again.", shlex.join(asked))


def _tuning(runs: Path, name: str) -> str | None:
    """Return the tuning that a sweep is a stage of."""
    for stage in _STAGES:
        above = name.removesuffix(f"-{stage}")
        if above != name and (runs / "sweeps" / above / _TUNING).is_file():
            return above
    return None


def _replicates(sweep: Sweep, search: SearchSection | None) -> Iterator[str]:
    if search is not None:  # what it compares in the end has seeds of its own
        yield from ("--seeds", _listed([search.seed]))
        return
    yield from ("--seeds", _listed(dict.fromkeys(replicate.seed for replicate in sweep.replicates)))
    if splits := sorted({each.label_split for each in sweep.replicates if each.label_split is not None}):
        yield from ("--label-splits", _listed(splits))


def _listed(numbers: Iterable[int]) -> str:
    """Write numbers as `--seeds` takes them: a single one has a comma, or it would be a count."""
    told = ",".join(map(str, numbers))
    return told if "," in told else f"{told},"
