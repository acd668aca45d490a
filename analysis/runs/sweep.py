"""What a sweep planned and what its search found: `RUNS/sweeps/NAME/sweep.yaml`.

The only writer and reader, and the owner of the schema: whatever is in the file is a field here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from analysis.errors import AnalysisError
from analysis.runs.replicate import Replicate, in_order
from analysis.runs.search_section import SearchSection, parse_section, section_content
from simcvd.files import write_file
from simcvd.nearest import did_you_mean

SWEEP_FILE: Final = "sweep.yaml"
GIVEN_FILE: Final = "given.yaml"
Sides = Literal["two-sided", "one-sided"]
"""What a test asks for: any difference, or the reference being better, as the paper's tests do."""


@dataclass(frozen=True)
class PlannedVariant:
    """One row of an ablation table and its replicates.

    Attributes:
        name: the row's name.
        trials: trial id of each replicate; one trial may stand for several label splits.
        group: heading that it stands under with others; None without groups.
        published: its row in the published table, where that has another name.
        settings: what sets it apart from the others, dotted keys.
    """

    name: str
    trials: dict[Replicate, str]
    group: str | None = None
    published: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

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
        dataset_folder: where the data set was when the sweep ran, or where it is now if it lay inside a runs folder
            that was moved; None where that is not recorded.
        variants: in the order of the sweep file.
        overrides: settings that the command gave for all variants that don't set them themselves.
        published: key of the published table that belongs to it, if any.
        training_cases: how many labelled and unlabelled training cases the data set has by itself, where that is
            recorded.
        description: a line that says what it is.
        dataset_digest: of the data set that it ran on; None where that is not recorded.
        label_splits: `label_split`, `labeled` and `cases` of each draw of the labelled cases.
        with_test: whether its trials' test cases are scored; not where they only choose.
        sides: what its tests ask for.
        preset: that the command named, in place of the data set's own.
        labels: what figures call settings, by dotted key.
    """

    name: str
    metric: str
    also: tuple[str, ...]
    reference: str | None
    dataset: str
    dataset_folder: Path | None
    variants: tuple[PlannedVariant, ...]
    overrides: dict[str, Any]
    published: str | None = None
    training_cases: dict[str, int] | None = None
    description: str = ""
    dataset_digest: str | None = None
    label_splits: tuple[Mapping[str, Any], ...] = ()
    with_test: bool = True
    sides: Sides = "two-sided"
    preset: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

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


def sweep_file(runs: Path, name: str) -> Path:
    """Return the file of a sweep, whether it is there or not."""
    return runs / "sweeps" / name / SWEEP_FILE


def given_file(runs: Path, name: str) -> Path:
    """Return the copy of the sweep file that the command was given; not there where the sweep is built in."""
    return runs / "sweeps" / name / GIVEN_FILE


def sweep_names(runs: Path) -> list[str]:
    """Return the names of the sweeps of a runs folder."""
    return sorted(path.parent.name for path in (runs / "sweeps").glob(f"*/{SWEEP_FILE}"))


def write_sweep(runs: Path, sweep: Sweep, search: SearchSection | None = None) -> None:
    """Write a sweep, and what its search has found; the file appears whole."""
    import yaml

    content = _content(sweep)
    if search is not None:
        content["search"] = section_content(search)
    write_file(sweep_file(runs, sweep.name), yaml.safe_dump(content, sort_keys=False))


def read_sweep(runs: Path, name: str) -> Sweep:
    """Read a sweep.

    Raises:
        AnalysisError: there is no such sweep, or its file is not what a sweep writes.
    """
    content = _read(runs, name)
    with as_written(f"sweep file {sweep_file(runs, name)}", "a sweep"):
        return _parse(runs, name, content)


def read_search(runs: Path, name: str) -> SearchSection | None:
    """Read what the search of a sweep has found; None for a sweep that searches nothing.

    Raises:
        AnalysisError: there is no such sweep, or its file is not what a search writes.
    """
    content = _read(runs, name)
    with as_written(f"section search of {sweep_file(runs, name)}", "a search"):
        section = content.get("search")
        return None if section is None else parse_section(section)


@contextmanager
def as_written(what: str, writer: str) -> Iterator[None]:
    """Say of a file that has not the form expected what to do.

    Raises:
        AnalysisError: the block has met something else than `writer` leaves in `what`.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnalysisError(
            f"The {what} is not as {writer} writes it ({type(error).__name__}: {error}); run the sweep again to "
            "rewrite it."
        ) from error


def hint(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` for the known names closest to `word`, or nothing."""
    told = did_you_mean(word, known, also=lambda name: name.startswith(word))
    return f"; {told}" if told else ""


def _read(runs: Path, name: str) -> Any:
    import yaml

    path = sweep_file(runs, name)
    if not path.is_file():
        known = sweep_names(runs)
        there = f"it has {', '.join(known)}{hint(name, known)}" if known else "it has none, run `simcvd sweep` first"
        raise AnalysisError(f"There is no sweep '{name}' in {runs}; {there}.")
    try:
        # The parser in C, where PyYAML has it, reads the thousands of lines of a large sweep ten times as fast.
        return yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AnalysisError(
            f"The sweep file {path} can't be read ({' '.join(str(error).split())}); run the sweep again to rewrite it."
        ) from error


def _content(sweep: Sweep) -> dict[str, Any]:
    dataset = {
        "name": sweep.dataset,
        "digest": sweep.dataset_digest,
        "path": None if sweep.dataset_folder is None else str(sweep.dataset_folder),
        "training_cases": sweep.training_cases,  # for tables made where the data set is not
    }
    return {
        "name": sweep.name,
        "description": sweep.description,
        "metric": sweep.metric,
        "also": list(sweep.also),
        "reference": sweep.reference,
        **({} if sweep.sides == "two-sided" else {"test": sweep.sides}),
        "dataset": {key: value for key, value in dataset.items() if value is not None},
        "seeds": list(dict.fromkeys(replicate.seed for replicate in sweep.variants[0].trials)),
        **({"label_splits": [dict(each) for each in sweep.label_splits]} if sweep.label_splits else {}),
        **({} if sweep.with_test else {"with_test": False}),
        **({} if sweep.preset is None else {"preset": sweep.preset}),
        **({"labels": dict(sweep.labels)} if sweep.labels else {}),
        "published": sweep.published,
        "overrides": sweep.overrides,
        "variants": [
            {
                "name": variant.name,
                "group": variant.group,
                "published": variant.published,
                "set": dict(variant.settings),
                "trials": [_entry(replicate, trial) for replicate, trial in variant.trials.items()],
            }
            for variant in sweep.variants
        ],
    }


def _entry(replicate: Replicate, trial: str) -> dict[str, Any]:
    split = {} if replicate.label_split is None else {"label_split": replicate.label_split}
    return {"seed": replicate.seed, **split, "id": trial}


def _parse(runs: Path, name: str, content: Any) -> Sweep:
    variants = []
    for entry in content["variants"]:
        replicates = [_replicate(trial) for trial in entry["trials"]]
        if len(set(replicates)) < len(replicates):
            raise ValueError(f"variant {entry['name']} has a seed twice")
        trials = {replicate: str(trial["id"]) for replicate, trial in zip(replicates, entry["trials"], strict=True)}
        group, published = _word(entry.get("group")), _word(entry.get("published"))
        variants.append(PlannedVariant(str(entry["name"]), trials, group, published, dict(entry.get("set") or {})))
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
        dataset_folder=_dataset_folder(runs, content["dataset"]),
        variants=tuple(variants),
        overrides=dict(content.get("overrides") or {}),
        published=_word(content.get("published")),
        training_cases=_counts(content["dataset"].get("training_cases")),
        description=str(content.get("description") or ""),
        dataset_digest=_word(content["dataset"].get("digest")),
        label_splits=tuple(content.get("label_splits") or ()),
        with_test=content.get("with_test", True) is not False,
        sides="one-sided" if content.get("test") == "one-sided" else "two-sided",
        preset=_word(content.get("preset")),
        labels={str(key): str(label) for key, label in (content.get("labels") or {}).items()},
    )


def _dataset_folder(runs: Path, recorded: Mapping[str, Any]) -> Path | None:
    """Return where the data set was; where one is that lay inside a runs folder and was moved with it."""
    if "path" not in recorded:
        return None
    folder = Path(recorded["path"])
    if folder.exists():
        return folder
    for depth in range(1, len(folder.parts)):
        inside = runs.resolve().joinpath(*folder.parts[-depth:])
        with suppress(OSError, ValueError, KeyError, TypeError):
            if json.loads((inside / "dataset.json").read_text())["name"] == recorded["name"]:
                return inside
    return folder


def _counts(recorded: Any) -> dict[str, int] | None:
    return None if recorded is None else {name: int(recorded[name]) for name in ("labeled", "unlabeled")}


def _replicate(trial: Mapping[str, Any]) -> Replicate:
    split = trial.get("label_split")
    return Replicate(int(trial["seed"]), None if split is None else int(split))


def _word(value: Any) -> str | None:
    return None if value is None else str(value)
