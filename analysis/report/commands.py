"""The commands that make a sweep, its tables, figures and report again."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.runs.sweep import Sweep
from simcvd.nested import written


@dataclass(frozen=True)
class Command:
    """A command line and what it does."""

    does: str
    line: str


def commands(sweep: Sweep, runs: Path, dataset: str, reference: str | None) -> list[Command]:
    """Return the command lines, with names in place of this machine's folders.

    Args:
        sweep: the sweep.
        runs: the runs folder; its last part is named.
        dataset: name of the data set folder.
        reference: the variant that the report compares with.
    """
    out = runs.resolve().name or "runs"
    place = f"{out}/sweeps/{sweep.name}"
    chosen = ["--reference", reference] if reference is not None and reference != sweep.reference else []
    trial = next(iter(sweep.trial_ids), "TRIAL")
    sets = _sets(sweep.overrides)
    run = ["simcvd", "sweep", sweep.name, dataset, "--out", out, *_replicates(sweep), *sets]
    again = ["simcvd", "train", dataset, "--config", f"{out}/trials/{trial}/config.yaml", "--out", f"{out}-again"]
    return [
        Command(
            "The whole sweep; what is finished is not run again. Of a sweep file of your own, give the file.",
            _line(run),
        ),
        Command("One trial alone, here the first; every trial's folder holds its config.yaml.", _line(again)),
        Command("The tables.", _line(["simcvd", "tables", place, *chosen])),
        Command("This report.", _line(["simcvd", "report", place, *chosen])),
    ]


def _replicates(sweep: Sweep) -> Iterable[str]:
    seeds = dict.fromkeys(replicate.seed for replicate in sweep.replicates)
    splits = sorted({each.label_split for each in sweep.replicates if each.label_split is not None})
    return ["--seeds", _listed(seeds), *(["--label-splits", _listed(splits)] if splits else [])]


def _listed(numbers: Iterable[int]) -> str:
    """Write numbers as `--seeds` takes them: a single one has a comma, or it would be a count."""
    told = ",".join(map(str, numbers))
    return told if "," in told else f"{told},"


def _sets(overrides: Mapping[str, Any]) -> Iterable[str]:
    return [part for key, value in overrides.items() for part in ("--set", f"{key}={written(value)}")]


def _line(words: Iterable[str]) -> str:
    return shlex.join(words)
