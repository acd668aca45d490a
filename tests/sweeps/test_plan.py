import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.runs.search_section import Chosen, SearchSection
from analysis.runs.sweep import read_search, read_sweep, sweep_file
from simcvd.data.plan.plan_file import read_plan
from simcvd.data.store import open_info
from sweeps.definition.catalogue import load_sweep
from sweeps.definition.sweep_file import SweepFile
from sweeps.plan import plan_sweep, write_resolved
from tests.asked import asked

ROWS = [
    {"name": "a", "group": "weights", "set": {"loss.sdm": 0}, "published": "w/o SDM loss"},
    {"name": "b", "group": "weights", "set": {"data.crop_vox": [16, 16, 16]}},
    {"name": "c", "set": {}},
]
TEXT = """name: mine
description: Three rows
metric: dice
also:
- hd95_mm
reference: c
dataset:
  name: boxes
  digest: {digest}
  path: {path}
  training_cases:
    labeled: 1
    unlabeled: 1
seeds:
- 3
- 1
published: null
overrides:
  training.steps: 5
variants:
- name: a
  group: weights
  published: w/o SDM loss
  set:
    loss.sdm: 0
  trials:
  - seed: 3
    id: {a[0]}
  - seed: 1
    id: {a[1]}
- name: b
  group: weights
  published: null
  set:
    data.crop_vox:
    - 16
    - 16
    - 16
  trials:
  - seed: 3
    id: {b[0]}
  - seed: 1
    id: {b[1]}
- name: c
  group: null
  published: null
  set: {{}}
  trials:
  - seed: 3
    id: {c[0]}
  - seed: 1
    id: {c[1]}
"""
"""What version 0.1 writes."""


def _sweep(**content: Any) -> SweepFile:
    base = {"preset": "phantom"}
    return SweepFile.model_validate({"name": "mine", "base": base, "variants": ROWS, "reference": "c"} | content)


def test_the_resolved_sweep_is_written_as_version_01_wrote_it(dataset: Path, tmp_path: Path) -> None:
    sweep = _sweep(description="Three rows", also=["hd95_mm"])
    request = asked(sweep, dataset, tmp_path, seeds=[3, 1], overrides={"training": {"steps": 5}})
    variants = plan_sweep(request).variants
    write_resolved(request, variants)
    ids = {variant.name: [trial.id for trial in variant.trials] for variant in variants}
    text = TEXT.format(digest=open_info(dataset).digest, path=dataset, **ids)
    assert sweep_file(tmp_path, "mine").read_text() == text


def test_a_list_that_several_variants_share_is_written_once_as_version_01_did(dataset: Path, tmp_path: Path) -> None:
    axes = {"data.crop_vox": [[16, 16, 16], [32, 32, 32]], "loss.sdm": [0, 0.1]}
    request = asked(_sweep(variants=None, axes=axes, reference=None), dataset, tmp_path)
    write_resolved(request, plan_sweep(request).variants)
    text = sweep_file(tmp_path, "mine").read_text()
    assert text.count("&id") == 2
    assert text.count("*id") == 2
    settings = [variant.settings for variant in read_sweep(tmp_path, "mine").variants]
    assert settings[1] == {"data.crop_vox": [16, 16, 16], "loss.sdm": 0.1}


def test_what_is_read_is_what_was_planned(dataset: Path, tmp_path: Path) -> None:
    request = asked(load_sweep("dropout"), dataset, tmp_path, overrides={"data.labeled": 1}, seeds=[0])
    variants = plan_sweep(request).variants
    write_resolved(request, variants)
    read = read_sweep(tmp_path, "dropout")
    assert (read.reference, read.published, read.dataset) == ("dropout=0.1", "table-iv-dropout", "boxes")
    assert read.metrics == ("dice", "jaccard", "hd95_vox", "asd_vox")
    assert (read.dataset_folder, read.dataset_digest) == (dataset, open_info(dataset).digest)
    assert (read.training_cases, read.overrides) == ({"labeled": 1, "unlabeled": 1}, {"data.labeled": 1})
    assert read.trial_ids == [trial.id for variant in variants for trial in variant.trials]
    assert [variant.settings for variant in read.variants] == [dict(variant.settings) for variant in variants]


def test_what_the_tests_ask_for_is_written_where_it_is_not_both_sides(dataset: Path, tmp_path: Path) -> None:
    for sides in ("two-sided", "one-sided"):
        sweep = SweepFile.model_validate({"name": "mine", "axes": {"loss.sdm": [0.0, 0.1]}, "test": sides})
        request = asked(sweep, dataset, tmp_path)
        write_resolved(request, plan_sweep(request).variants)
        assert read_sweep(tmp_path, "mine").sides == sides
        written = yaml.safe_load(sweep_file(tmp_path, "mine").read_text())
        assert written.get("test") == (None if sides == "two-sided" else sides)


def test_labels_are_written_where_there_are_any(dataset: Path, tmp_path: Path) -> None:
    for labels in ({}, {"loss.sdm": "w"}):
        sweep = SweepFile.model_validate({"name": "mine", "axes": {"loss.sdm": [0.0, 0.1]}, "labels": labels})
        request = asked(sweep, dataset, tmp_path)
        write_resolved(request, plan_sweep(request).variants)
        assert read_sweep(tmp_path, "mine").labels == labels
        assert ("labels" in yaml.safe_load(sweep_file(tmp_path, "mine").read_text())) == bool(labels)


def test_a_sweep_that_named_other_trials_before_is_told(dataset: Path, tmp_path: Path) -> None:
    request = asked(_sweep(), dataset, tmp_path)
    more = asked(_sweep(), dataset, tmp_path, seeds=[0, 1])
    variants, both = plan_sweep(request).variants, plan_sweep(more).variants
    assert not write_resolved(request, variants), "there was none"
    assert not write_resolved(more, both), "its trials are among these"
    assert write_resolved(request, variants)
    assert not write_resolved(request, variants)
    sweep_file(tmp_path, "mine").write_text("variants: [")
    assert not write_resolved(request, variants), "nobody knows what a damaged file named"


def test_what_a_search_has_found_is_written_with_its_sweep(dataset: Path, tmp_path: Path) -> None:
    base, best = Chosen(0, 0.7, {"loss.sdm": 0.1}, "a"), Chosen(4, 0.72, {"loss.sdm": 0.2}, "b", "simcvd train it")
    space = {"loss.sdm": {"uniform": [0.0, 1.0]}}
    importances = {"shares": {}, "trials": 0, "steps": None}
    found = SearchSection(
        *("mine-abc", "study.journal", "schedule", "halving"),
        *((5,), 10, 0, 6, space, {"complete": 2, "pruned": 4}, True, importances, best, base),
    )
    request = asked(_sweep(), dataset, tmp_path)
    write_resolved(request, plan_sweep(request).variants, found)
    assert read_search(tmp_path, "mine") == found
    write_resolved(request, plan_sweep(request).variants)
    assert read_search(tmp_path, "mine") is None


@pytest.fixture
def planned(dataset: Path, tmp_path: Path) -> Path:
    """The tiny data set with a plan of its own."""
    folder = shutil.copytree(dataset, tmp_path / "planned")
    text = "data:\n  crop_vox: [16, 16, 8]\ninference.stride_vox: [8, 8, 8]\ntraining: {steps: 7}\n"
    (folder / "plan.yaml").write_text(text + "network.strides: [[2, 2, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2]]\n")
    return folder


def test_a_sweep_starts_from_the_plan_of_its_data_set(planned: Path, tmp_path: Path) -> None:
    """As it does from a data set's preset: in place of the sweep's own, below what the sweep and the command set."""
    rows = [ROWS[0], ROWS[2]]
    plan = plan_sweep(asked(_sweep(variants=rows), planned, tmp_path, overrides={"loss.contrast": 0.2}))
    config = plan.pending[0].config
    assert (config.data.crop_vox, config.training.steps, config.loss.contrast) == ((16, 16, 8), 7, 0.2)
    assert config.network.width == 16  # the default, not the phantom's, which the sweep names
    named = plan_sweep(asked(_sweep(variants=rows), planned, tmp_path, preset="phantom"))
    assert named.pending[0].config.data.crop_vox == (32, 32, 32)


def test_a_plan_decides_no_identity_but_through_the_settings_that_it_gives(planned: Path, tmp_path: Path) -> None:
    rows = [ROWS[0], ROWS[2]]
    by_plan = plan_sweep(asked(_sweep(variants=rows), planned, tmp_path))
    settings = read_plan(planned)
    by_hand = plan_sweep(asked(_sweep(variants=rows), planned, tmp_path, preset="la", overrides=settings))
    assert [trial.id for trial in by_plan.pending] == [trial.id for trial in by_hand.pending]


# Ray and its dependencies warn of each other's old ways.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)


def test_a_plan_leaves_out_what_is_over_and_writes_nothing(dataset: Path, tmp_path: Path) -> None:
    plan = plan_sweep(
        asked(_sweep(variants=None, axes={"loss.sdm": [0.0, 0.1]}, reference=None), dataset, tmp_path, seeds=[0])
    )
    assert [trial.variant for trial in plan.pending] == ["sdm=0.0", "sdm=0.1"]
    assert plan.pending[0].config.data.crop_vox == (32, 32, 32)  # the data set's own preset
    assert list(tmp_path.iterdir()) == []
