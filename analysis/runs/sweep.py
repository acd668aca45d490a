"""What a sweep planned: `RUNS/sweeps/NAME/sweep.yaml`, read without the code that wrote it."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import AnalysisError
from analysis.runs.replicate import Replicate, in_order


@dataclass(frozen=True)
class Variant:
    """One row of an ablation table and its replicates.

    Attributes:
        name: the row's name.
        trials: trial id of each replicate; one trial may stand for several label splits.
        group: heading that it stands under with others; None without groups.
        published: its row in the published table, where that has another name.
    """

    name: str
    trials: dict[Replicate, str]
    group: str | None = None
    published: str | None = None

    def each_trial(self) -> list[tuple[Replicate, str]]:
        """Return each trial once, with the first replicate that it stands for."""
        once: dict[str, Replicate] = {}
        for replicate, trial in self.trials.items():
            once.setdefault(trial, replicate)
        return [(replicate, trial) for trial, replicate in once.items()]


@dataclass(frozen=True)
class Sweep:
    """A sweep as resolved.

    Attributes:
        name: the name of its folder.
        metric: the metric it is about.
        also: further metrics of its table.
        reference: name of the variant that the others are compared with, if any.
        dataset: the data set's name.
        dataset_folder: where the data set was when the sweep ran; None where that is not recorded.
        variants: in the order of the sweep file.
        overrides: settings that the command gave for all variants that don't set them themselves.
        published: key of the published table that belongs to it, if any.
        training_cases: how many labelled and unlabelled training cases the data set has by itself, where that is
            recorded.
    """

    name: str
    metric: str
    also: tuple[str, ...]
    reference: str | None
    dataset: str
    dataset_folder: Path | None
    variants: tuple[Variant, ...]
    overrides: dict[str, Any]
    published: str | None = None
    training_cases: dict[str, int] | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """All metrics, the one it is about first, each once."""
        return tuple(dict.fromkeys((self.metric, *self.also)))

    @property
    def replicates(self) -> tuple[Replicate, ...]:
        """All replicates that any variant has, by seed, then by label split."""
        return in_order({replicate for variant in self.variants for replicate in variant.trials})

    @property
    def trial_ids(self) -> list[str]:
        """All trials, each once; variants with equal settings share trials."""
        return list(dict.fromkeys(trial for variant in self.variants for trial in variant.trials.values()))


def read_sweep(runs: Path, name: str) -> Sweep:
    """Read `runs/sweeps/name/sweep.yaml`.

    Raises:
        AnalysisError: there is no such sweep, or its file is not what a sweep writes.
    """
    content = read_sweep_file(runs, name)
    try:
        return _parse(name, content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnalysisError(
            f"The sweep file {runs / 'sweeps' / name / 'sweep.yaml'} is not as a sweep writes it "
            f"({type(error).__name__}: {error}); run the sweep again to rewrite it."
        ) from error


def read_sweep_file(runs: Path, name: str) -> Any:
    """Return what `runs/sweeps/name/sweep.yaml` holds, unchecked.

    Raises:
        AnalysisError: there is no such sweep, or its file can't be read.
    """
    import yaml

    path = runs / "sweeps" / name / "sweep.yaml"
    if not path.is_file():
        known = sorted(p.parent.name for p in (runs / "sweeps").glob("*/sweep.yaml"))
        there = f"it has {', '.join(known)}{hint(name, known)}" if known else "it has none, run `simcvd sweep` first"
        raise AnalysisError(f"There is no sweep '{name}' in {runs}; {there}.")
    try:
        # The parser in C, where PyYAML has it, reads the thousands of lines of a large sweep ten times as fast.
        return yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AnalysisError(
            f"The sweep file {path} can't be read ({' '.join(str(error).split())}); run the sweep again to rewrite it."
        ) from error


def written(value: Any) -> str:
    """Return a setting as `--set` takes it.

    >>> written((32, 48, 32)), written(True), written(None), written(0.1)
    ('32x48x32', 'true', 'none', '0.1')
    """
    if isinstance(value, list | tuple):
        return "x".join(map(str, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def hint(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` for the known names closest to `word`, or nothing."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    near += [name for name in names if name.startswith(word) and name not in near]
    return f"; did you mean {' or '.join(near[:3])}?" if near else ""


def _parse(name: str, content: Any) -> Sweep:
    variants = []
    for entry in content["variants"]:
        replicates = [_replicate(trial) for trial in entry["trials"]]
        if len(set(replicates)) < len(replicates):
            raise ValueError(f"variant {entry['name']} has a seed twice")
        trials = {replicate: str(trial["id"]) for replicate, trial in zip(replicates, entry["trials"], strict=True)}
        variants.append(Variant(str(entry["name"]), trials, _word(entry.get("group")), _word(entry.get("published"))))
    names = [variant.name for variant in variants]
    if not variants or len(set(names)) < len(names):
        raise ValueError("expected one or more variants with different names")
    reference = content.get("reference")
    if reference is not None and str(reference) not in names:
        raise ValueError(f"the reference {reference} is none of the variants")
    return Sweep(
        name=name,
        metric=str(content["metric"]),
        also=tuple(str(metric) for metric in content.get("also") or ()),
        reference=_word(reference),
        dataset=str(content["dataset"]["name"]),
        dataset_folder=Path(content["dataset"]["path"]) if "path" in content["dataset"] else None,
        variants=tuple(variants),
        overrides=dict(content.get("overrides") or {}),
        published=_word(content.get("published")),
        training_cases=_counts(content["dataset"].get("training_cases")),
    )


def _counts(recorded: Any) -> dict[str, int] | None:
    return None if recorded is None else {name: int(recorded[name]) for name in ("labeled", "unlabeled")}


def _replicate(trial: Mapping[str, Any]) -> Replicate:
    split = trial.get("label_split")
    return Replicate(int(trial["seed"]), None if split is None else int(split))


def _word(value: Any) -> str | None:
    return None if value is None else str(value)
