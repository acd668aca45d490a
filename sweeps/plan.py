"""What a sweep would do here: its trials, which of them are over, and the `sweep.yaml` that says so."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sweeps.definition.catalogue import SweepFile
from sweeps.definition.expand import TrialSpec, Variant, all_trials, expand, resolved
from sweeps.preflight.trials import check_trials
from sweeps.resources.request import ResourceRequest, check_request
from sweeps.status.sweep import Planned, SweepReader, SweepState


@dataclass(frozen=True)
class SweepPlan:
    """What a command would do.

    Attributes:
        name: the sweep's name.
        variants: variants and their trials.
        state: the trials as they are now.
        pending: the trials to run.
    """

    name: str
    variants: tuple[Variant, ...]
    state: SweepState
    pending: tuple[TrialSpec, ...]


def plan_sweep(
    sweep: SweepFile,
    dataset: Path,
    runs: Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    seeds: Sequence[int] | None = None,
    label_splits: Sequence[int] | None = None,
    preset: str | None = None,
    retry_failed: bool = False,
    request: ResourceRequest | None = None,
) -> SweepPlan:
    """Resolve a sweep against a data set and what is finished; nothing is written or started.

    Args:
        sweep: the sweep file.
        dataset: data set folder.
        runs: runs folder.
        overrides: dotted settings for all variants.
        seeds: taken in place of the sweep's own.
        label_splits: taken in place of the sweep's own.
        preset: taken in place of the data set's own, which is taken in place of the sweep's.
        retry_failed: failed trials are to run again.
        request: resources, for what can be checked without a cluster.

    Raises:
        UserError: the sweep, the data set or the request is wrong.
    """
    from simcvd.data.store import open_info
    from sweeps.definition.label_splits import labeled_cases

    request = request or ResourceRequest()
    check_request(request)
    info = open_info(dataset)
    variants = expand(
        sweep, info.digest, overrides, preset=preset or info.preset, seeds=seeds, label_splits=label_splits
    )
    labeled_cases(info, variants)
    trials = all_trials(variants)
    check_trials(dataset, trials, request.workers)
    state = planned_reader(sweep.name, runs, variants).read()
    done = {"finished"} if retry_failed else {"finished", "failed"}
    over = {row.planned.id for row in state.rows if row.trial.state in done}
    return SweepPlan(sweep.name, tuple(variants), state, tuple(trial for trial in trials if trial.id not in over))


def planned_reader(name: str, runs: Path, variants: Sequence[Variant], slots: int | None = None) -> SweepReader:
    """Return what reads the trials of `variants`, each once."""
    once: dict[str, Planned] = {}
    for variant in variants:
        for t in variant.trials:
            once.setdefault(t.id, Planned(t.id, variant.name, t.seed, t.config.training.steps, t.label_split))
    return SweepReader(runs, name, list(once.values()), slots)


def write_resolved(
    folder: Path,
    sweep: SweepFile,
    variants: Sequence[Variant],
    dataset: Path,
    overrides: Mapping[str, Any] | None = None,
    search: Mapping[str, Any] | None = None,
) -> bool:
    """Write `sweep.yaml`, with what a search has found; tell whether it named other trials before."""
    from simcvd.data.store import open_info
    from sweeps.definition.label_splits import labeled_cases

    info = open_info(dataset)
    content = resolved(
        sweep,
        variants,
        overrides,
        dataset_name=info.name,
        dataset_digest=info.digest,
        dataset_path=str(dataset),
        labeled_cases=labeled_cases(info, variants),
    )
    # For tables made where the data set is not.
    content["dataset"]["training_cases"] = {
        "labeled": len(info.splits.train_labeled),
        "unlabeled": len(info.splits.train_unlabeled),
    }
    if search is not None:
        content["search"] = dict(search)
    path = folder / "sweep.yaml"
    changed = path.exists() and not _same_trials(path, content)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    partial.write_text(yaml.safe_dump(content, sort_keys=False))
    os.replace(partial, path)
    return changed


def _same_trials(path: Path, content: Mapping[str, Any]) -> bool:
    """Tell whether every trial that the file names is in `content` too."""
    try:
        before = yaml.safe_load(path.read_text())
        old = {trial["id"] for variant in before["variants"] for trial in variant["trials"]}
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return True
    return old <= {trial["id"] for variant in content["variants"] for trial in variant["trials"]}
