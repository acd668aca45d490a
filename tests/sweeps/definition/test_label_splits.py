"""Label splits: a trial for each variant, seed and draw of the labelled cases, recorded and equal across variants."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.runs.replicate import Replicate
from analysis.runs.sweep import read_sweep
from simcvd.config.settings import DataConfig
from simcvd.data.store import open_info, open_training
from simcvd.errors import UserError
from sweeps.definition.changes import Changes
from sweeps.definition.expand import all_trials, expand
from sweeps.definition.label_splits import labeled_cases
from sweeps.definition.sweep_file import SweepFile
from sweeps.plan import plan_sweep, write_resolved
from sweeps.status.sweep import read_status
from tests.asked import asked

METHODS = {"axes": {"method": ["simcvd", "ua_mt"]}, "base": {"preset": "phantom", "data.labeled": 1}}


def _sweep(**content: Any) -> SweepFile:
    return SweepFile.model_validate({"name": "mine", **METHODS, **content})


def test_every_variant_is_trained_with_each_seed_on_each_label_split() -> None:
    variants = expand(_sweep(seeds=[0, 5], label_splits=[3, 7]), "d")
    for variant in variants:
        assert [(t.seed, t.label_split) for t in variant.trials] == [(0, 3), (0, 7), (5, 3), (5, 7)]
        assert [(t.config.seed, t.config.data.label_split) for t in variant.trials] == [(0, 3), (0, 7), (5, 3), (5, 7)]
    assert len({trial.id for trial in all_trials(variants)}) == 8
    assert [t.variant for t in all_trials(variants)[:2]] == ["method=simcvd", "method=ua_mt"]


def test_label_splits_of_the_call_replace_those_of_the_file() -> None:
    assert [t.label_split for t in expand(_sweep(label_splits=[3]), "d", Changes(label_splits=[1, 2]))[0].trials] == [
        1,
        2,
    ]


def test_a_trial_of_a_label_split_is_that_of_the_setting() -> None:
    given = expand(_sweep(base={"data.label_split": 4}), "d")[0].trials[0]
    drawn = expand(_sweep(base={}, label_splits=[4]), "d")[0].trials[0]
    assert (given.id, given.config) == (drawn.id, drawn.config)
    assert expand(_sweep(), "d")[0].trials[0].label_split is None


def test_a_variant_with_all_labels_is_trained_once_a_seed() -> None:
    rows = [{"name": "all", "set": {"data.labeled": "all"}}, {"name": "few", "set": {}}]
    sweep = SweepFile.model_validate({"name": "mine", "variants": rows, "seeds": [0, 1], "label_splits": [0, 1, 2]})
    variants = expand(sweep, "d")
    assert len({trial.id for trial in variants[0].trials}) == 2
    assert {trial.config.data.label_split for trial in variants[0].trials} == {None}
    assert [len(variant.trials) for variant in variants] == [6, 6]
    assert len(all_trials(variants)) == 2 + 6


@pytest.mark.parametrize(
    ("content", "call", "sentence"),
    [
        ({"label_splits": [0]}, {"overrides": {"data.label_split": 3}}, "data.label_split is given as a setting"),
        ({"base": {"data.label_split": 3}}, {"label_splits": [0, 1]}, "data.label_split is given as a setting"),
        ({"axes": {"data.label_split": [0, 1]}}, {"label_splits": [0, 1]}, "data.label_split is given as a setting"),
        (
            {"axes": None, "search": {"loss.sdm": {"uniform": [0.0, 1.0]}}},
            {"label_splits": [0]},
            "one draw of labelled",
        ),
    ],
)
def test_labels_are_drawn_in_one_way(content: dict[str, Any], call: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        expand(_sweep(**content), "d", Changes(**call))


def test_the_labelled_cases_are_recorded_as_training_draws_them(dataset: Path, tmp_path: Path) -> None:
    sweep = _sweep(label_splits=[0, 1, 2, 3])
    wanted = {
        split: {case.id for case in open_training(dataset, DataConfig(labeled=1, label_split=split)).labeled}
        for split in range(4)
    }
    first = {next(iter(cases)): split for split, cases in reversed(wanted.items())}
    kept = sorted(first.values())
    assert len(kept) == 2, "the two training cases are each drawn by some split"
    plan = plan_sweep(asked(sweep, dataset, tmp_path, label_splits=kept))
    assert len(plan.pending) == 4
    assert {row.planned.label_split for row in plan.state.rows} == set(kept)
    write_resolved(asked(sweep, dataset, tmp_path), plan.variants)
    content = yaml.safe_load((tmp_path / "sweeps" / "mine" / "sweep.yaml").read_text())
    assert content["label_splits"] == [{"label_split": k, "labeled": 1, "cases": sorted(wanted[k])} for k in kept]
    assert [trial["label_split"] for trial in content["variants"][0]["trials"]] == kept
    assert list(read_sweep(tmp_path, "mine").variants[0].trials) == [Replicate(0, k) for k in kept]
    assert [row.planned.label_split for row in read_status(tmp_path, "mine")[0].rows] == kept * 2


def test_without_label_splits_the_resolved_sweep_does_not_speak_of_them(dataset: Path, tmp_path: Path) -> None:
    plan = plan_sweep(asked(_sweep(), dataset, tmp_path))
    write_resolved(asked(_sweep(), dataset, tmp_path), plan.variants)
    assert "label_split" not in (tmp_path / "sweeps" / "mine" / "sweep.yaml").read_text()


def test_each_number_of_labels_has_its_cases(dataset: Path) -> None:
    info = open_info(dataset)
    more = info.model_copy(update={"train_order": info.train_order + info.splits.val})
    sweep = _sweep(base={}, axes={"data.labeled": [1, 2]}, label_splits=[0])
    found = labeled_cases(more, expand(sweep, "d"))
    assert [(each["label_split"], each["labeled"], len(each["cases"])) for each in found] == [(0, 1, 1), (0, 2, 2)]
    assert set(found[0]["cases"]) <= set(found[1]["cases"])


@pytest.mark.parametrize(
    ("base", "sentence"),
    [
        ({"data.labeled": 2}, "label splits 0 and 1 draw the same 2 labelled cases of 'boxes'"),
        ({"data.labeled": 3}, "only 2 training cases of 'boxes' have a label"),
        ({"data.labeled": "all"}, "label splits draw nothing; leave them out"),
    ],
)
def test_label_splits_that_draw_nothing_are_refused_before_anything_starts(
    dataset: Path, tmp_path: Path, base: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        plan_sweep(asked(_sweep(base={"preset": "phantom", **base}, label_splits=[0, 1]), dataset, tmp_path))


def test_a_label_split_labels_all_scans_of_a_patient_or_none(dataset: Path) -> None:
    info = open_info(dataset)
    more = info.model_copy(update={"train_order": info.train_order + info.splits.val})
    first, second, third = more.train_order[:3]
    grouped = more.model_copy(update={"groups": {first: "p", third: "p"}})
    sweep = _sweep(base={"data.labeled": 2}, label_splits=[0])
    assert [set(each["cases"]) for each in labeled_cases(grouped, expand(sweep, "d"))] == [{first, third}]
    alone = _sweep(base={"data.labeled": 1}, label_splits=[0])
    assert [set(each["cases"]) for each in labeled_cases(grouped, expand(alone, "d"))] == [{second}]
