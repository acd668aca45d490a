from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.errors import AnalysisError
from analysis.runs.replicate import Replicate
from analysis.runs.sweep import PlannedVariant, read_search, read_sweep, sweep_file, sweep_names, write_sweep

TEXT = """name: mine
description: ''
metric: dice
also:
- jaccard
reference: default
dataset:
  name: boxes
  digest: 878a
  path: /data/boxes
  training_cases:
    labeled: 4
    unlabeled: 4
seeds:
- 1
- 2
label_splits:
- label_split: 0
  labeled: 1
  cases:
  - case1
published: table-iv-dropout
overrides:
  data.crop_vox: &id001
  - 16
  - 16
  - 16
variants:
- name: default
  group: weights
  published: null
  set: {}
  trials:
  - seed: 1
    label_split: 0
    id: a
  - seed: 2
    label_split: 0
    id: b
- name: best found
  group: null
  published: with
  set:
    data.crop_vox: *id001
  trials:
  - seed: 1
    id: c
search:
  study: mine-32734724166d
  storage: study.journal
  fidelity: schedule
  pruner: halving
  rungs:
  - 5
  steps: 10
  seed: 0
  trials: 12
  space:
    loss.sdm:
      uniform:
      - 0.0
      - 0.6
  states:
    complete: 7
    failed: 1
  over: true
  importances:
    shares: {}
    trials: 0
    steps: null
  best:
    number: 11
    value: 0.46
    set:
      loss.sdm: 0.266
    trial: simcvd-s0-ee29
    command: simcvd train data
  base:
    number: 0
    value: .nan
    set: {}
    trial: simcvd-s0-4f5b
"""
"""As version 0.1 writes it."""


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    path = sweep_file(tmp_path, "mine")
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    return tmp_path


def test_a_file_of_version_01_that_is_read_and_written_is_the_same(runs: Path) -> None:
    sweep, search = read_sweep(runs, "mine"), read_search(runs, "mine")
    sweep_file(runs, "mine").unlink()
    write_sweep(runs, sweep, search)
    assert sweep_file(runs, "mine").read_text() == TEXT
    assert [path.name for path in sweep_file(runs, "mine").parent.iterdir()] == ["sweep.yaml"]


def test_a_sweep_is_what_its_file_says(runs: Path) -> None:
    sweep = read_sweep(runs, "mine")
    trials = {Replicate(1, 0): "a", Replicate(2, 0): "b"}
    assert sweep.variants[0] == PlannedVariant("default", trials, "weights", None, {})
    assert sweep.variants[1].settings == {"data.crop_vox": [16, 16, 16]}
    assert (sweep.metrics, sweep.dataset_folder) == (("dice", "jaccard"), Path("/data/boxes"))
    assert sweep.trial_ids == ["a", "b", "c"]


def test_a_data_set_inside_a_runs_folder_is_found_where_that_was_moved(runs: Path, tmp_path: Path) -> None:
    inside = tmp_path / "data" / "boxes"  # the file says /data/boxes
    inside.mkdir(parents=True)
    assert read_sweep(runs, "mine").dataset_folder == Path("/data/boxes")
    (inside / "dataset.json").write_text('{"name": "other"}')
    assert read_sweep(runs, "mine").dataset_folder == Path("/data/boxes")
    (inside / "dataset.json").write_text('{"name": "boxes"}')
    assert read_sweep(runs, "mine").dataset_folder == inside


def test_a_file_that_says_only_what_is_needed_is_read(tmp_path: Path) -> None:
    path = sweep_file(tmp_path, "old")
    path.parent.mkdir(parents=True)
    content = {"metric": "dice", "dataset": {"name": "boxes"}, "variants": [{"name": "a", "trials": []}]}
    path.write_text(yaml.safe_dump(content))
    sweep = read_sweep(tmp_path, "old")
    assert (sweep.name, sweep.also, sweep.reference, sweep.dataset_folder) == ("old", (), None, None)
    assert (sweep.training_cases, sweep.label_splits, sweep.overrides) == (None, (), {})
    assert read_search(tmp_path, "old") is None


def test_sweeps_are_named_and_a_wrong_name_is_told_with_the_nearest(runs: Path) -> None:
    assert sweep_names(runs) == ["mine"]
    with pytest.raises(AnalysisError, match=r"There is no sweep 'mien' in .*; it has mine; did you mean mine\?\."):
        read_sweep(runs, "mien")
    with pytest.raises(AnalysisError, match="it has none, run `simcvd sweep` first"):
        read_sweep(runs / "nowhere", "mine")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"variants": None}, "not as a sweep writes it"),
        ({"variants": []}, "expected one or more variants"),
        ({"reference": "other"}, "the reference other is none of the variants"),
        ({"variants": [{"name": "a", "trials": [{"seed": 1, "id": "x"}] * 2}]}, "variant a has a seed twice"),
        ({"dataset": "boxes"}, "not as a sweep writes it"),
    ],
)
def test_a_damaged_file_gets_a_sentence(runs: Path, change: dict[str, Any], told: str) -> None:
    sweep_file(runs, "mine").write_text(yaml.safe_dump(yaml.safe_load(TEXT) | change))
    with pytest.raises(AnalysisError, match=told):
        read_sweep(runs, "mine")


@pytest.mark.parametrize("text", ["variants: [", b"\xff\xfe\x00"])
def test_a_file_that_is_no_yaml_gets_a_sentence(runs: Path, text: str | bytes) -> None:
    sweep_file(runs, "mine").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(AnalysisError, match=r"The sweep file .* can't be read .*; run the sweep again to rewrite it"):
        read_sweep(runs, "mine")


def test_a_damaged_section_of_a_search_leaves_its_sweep_readable(runs: Path) -> None:
    content = yaml.safe_load(TEXT)
    del content["search"]["states"]
    sweep_file(runs, "mine").write_text(yaml.safe_dump(content))
    assert read_sweep(runs, "mine").metric == "dice"
    with pytest.raises(AnalysisError, match=r"section search of .* is not as a search writes it"):
        read_search(runs, "mine")
