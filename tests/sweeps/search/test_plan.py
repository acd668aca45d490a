import shutil
from pathlib import Path

import pytest

from simcvd.config import apply_settings, load_preset
from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile, load_sweep
from sweeps.definition.search_space import Strategy
from sweeps.search.plan import plan_search, resolve_search
from tests.asked import asked
from tests.sweeps.search.asking import search_of


def test_a_search_without_val_cases_is_refused(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from simcvd.data import store

    info = store.open_info(dataset)
    bare = info.model_copy(update={"splits": info.splits.model_copy(update={"val": ()})})
    monkeypatch.setattr(store, "open_info", lambda folder: bare)
    with pytest.raises(UserError, match="selects by val cases, but the data set has none"):
        resolve_search(asked(search_of(), dataset, tmp_path))


def test_a_distance_can_not_select(dataset: Path, tmp_path: Path) -> None:
    sweep = search_of().model_copy(update={"metric": "hd95_vox"})
    with pytest.raises(UserError, match="which can't select; expected dice or jaccard"):
        resolve_search(asked(sweep, dataset, tmp_path))


def test_a_search_starts_from_the_plan_of_its_data_set(dataset: Path, tmp_path: Path) -> None:
    planned = shutil.copytree(dataset, tmp_path / "planned")
    (planned / "plan.yaml").write_text("training.batch_labeled: 4\n")
    plan, changes = resolve_search(asked(search_of(), planned, tmp_path))
    assert (plan.base.training.batch_labeled, plan.base.training.steps) == (4, 9)
    assert (changes.preset, changes.plan) == ("plan", {"training.batch_labeled": 4})


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ({"loss.consistency": 1.0}, "sets loss.consistency, which is not searched"),
        ({"loss.sdm": 0.9}, "has loss.sdm = 0.9, which is outside of what is searched"),
    ],
)
def test_what_to_start_with_lies_in_what_is_searched(dataset: Path, tmp_path: Path, start: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        resolve_search(asked(search_of(start=[start]), dataset, tmp_path))


def test_rungs_are_steps_of_the_training_and_by_default_of_the_ramp_up(make_plan) -> None:
    steps, ramp_up = make_plan().steps, make_plan().base.loss.ramp_up_fraction
    assert make_plan(fidelity="full").rungs == ()
    assert make_plan(fidelity="schedule").rungs == (round(0.6 * steps),)
    assert make_plan(fidelity="truncate").rungs == tuple(round(part * ramp_up * steps) for part in (0.6, 0.8))
    assert make_plan(rungs=[0.25, 0.5]).rungs == (round(0.25 * steps), round(0.5 * steps))


def test_a_setting_trains_to_its_first_rung_first_where_each_rung_is_a_training(make_plan) -> None:
    assert make_plan(fidelity="schedule").first_steps == make_plan(fidelity="schedule").rungs[0]
    for fidelity in ("full", "truncate"):
        assert make_plan(fidelity=fidelity).first_steps == make_plan().steps


def test_a_search_goes_on_with_what_was_found_unless_what_is_tried_differs(make_plan) -> None:
    assert make_plan(trials=9, confirm_seeds=0).identity == make_plan().identity
    assert make_plan(reduction=2.0).identity != make_plan().identity


def test_seeds_that_confirm_are_below_2_to_the_power_of_63_too(dataset: Path, tmp_path: Path) -> None:
    sweep = search_of().model_copy(update={"seeds": [2**63 - 2]})
    with pytest.raises(UserError, match="The search mine would confirm with the seed 9223372036854775808; take a seed"):
        resolve_search(asked(sweep, dataset, tmp_path))
    resolve_search(asked(sweep.model_copy(update={"seeds": [2**63 - 3]}), dataset, tmp_path))


def test_folds_are_trainings_of_their_own_that_add_up(make_plan) -> None:
    plan = make_plan(fidelity="folds", folds=3)
    steps = plan.base.training.steps
    assert (plan.rungs, plan.steps, plan.first_steps) == ((steps, 2 * steps), 3 * steps, steps)
    configs = [plan.trial({"loss.sdm": 0.2}, number)[1] for number in (*plan.rungs, plan.steps)]
    assert [config.data.fold for config in configs] == [(0, 3), (1, 3), (2, 3)]
    assert {config.training.steps for config in configs} == {steps}
    full = plan.full({"loss.sdm": 0.2})
    assert (full.data.fold, full.training.steps, full.loss.sdm) == (None, steps, 0.2)


def test_a_search_is_named_as_before_there_were_samplers_and_folds() -> None:
    plan = plan_search(load_sweep("search"), load_preset("la"), "digest", 3)
    assert plan.identity == "c6c81ddfbb53"
    other = plan_search(_strategy(sampler="gp"), load_preset("la"), "digest", 3)
    assert other.identity != plan.identity


def test_folds_choose_where_there_are_no_val_cases() -> None:
    assert plan_search(_strategy(fidelity="folds", folds=3), load_preset("la"), "digest", 0).strategy.folds == 3


def test_val_cases_that_are_trained_on_can_not_select() -> None:
    base = apply_settings(load_preset("la"), {"data.train_on_val": True})
    with pytest.raises(UserError, match=r"which data\.train_on_val trains on"):
        plan_search(load_sweep("search"), base, "digest", 3)


def test_a_sampler_without_its_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.search.sampler.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'simcvd\[cmaes\]'"):
        plan_search(_strategy(sampler="cmaes"), load_preset("la"), "digest", 3)


def _strategy(**strategy: object) -> SweepFile:
    return load_sweep("search").model_copy(update={"strategy": Strategy.model_validate(strategy)})
