"""Tunings from their first stage to the model, with real trainings of three steps."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from analysis.runs.sweep import read_sweep
from analysis.runs.tried_setting import read_settings
from simcvd.errors import UserError
from simcvd.inference.ensemble import load_students
from simcvd.inference.model_folder import read_model
from sweeps.status.sweep import read_status
from sweeps.tuning.record import read_record
from sweeps.tuning.verdict import Verdict
from tests.sweeps.tuning.conftest import Counting, Tune, Tuned, tuning_in_process
from tests.without_ray import SessionHere


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, phantom: Path) -> Iterator[tuple[Tune, Path, Tuned, Counting]]:
    """One tuning that came to its end, for those that look at it."""
    folder, counting = tmp_path_factory.mktemp("done"), Counting()
    with tuning_in_process(phantom, folder) as tune:
        yield tune, folder / "runs", tune(counting), counting


def _statuses(runs: Path, trials: Iterable[str]) -> set[str]:
    rows = pd.concat(pd.read_parquet(runs / "results" / "trials" / f"{trial}.parquet") for trial in trials)
    return set(rows["status"])


def _searched(runs: Path) -> list[str]:
    return [trial.id for one in read_settings(runs / "sweeps" / "mine-search" / "search") for trial in one.trials]


def test_a_tuning_ends_with_a_verdict_and_a_model(done: tuple[Tune, Path, Tuned, Counting]) -> None:
    _, runs, found, counting = done
    assert found.outcome.exit_code == 0
    assert found.outcome.model == runs / "sweeps" / "mine" / "model"
    text = "\n".join(found.outcome.lines)
    # Three steps teach nothing, which comes first.
    assert text.startswith("STOP: nothing was learned.")
    assert "The model has the settings of simcvd default" in text
    assert "simcvd predict" in text
    record = read_record(runs / "sweeps" / "mine")
    assert record is not None
    assert list(record.lines) == ["baseline", "search", "confirm", "final"]
    assert all(record.lines.values())
    assert (runs / "sweeps" / "mine" / "tune.md").read_text().startswith("# mine: phantom tuned\n\n- STOP")
    # Each training once: two of the baseline, two more settings, two or three rows on two seeds, one or two final ones.
    assert set(counting.begun.values()) == {1}
    assert 2 + 2 + 4 + 1 <= counting.begun.total() <= 2 + 2 + 6 + 2


def test_what_chooses_never_looks_at_test_cases(done: tuple[Tune, Path, Tuned, Counting]) -> None:
    _, runs, _, _ = done
    chosen_by = {*read_sweep(runs, "mine-baseline").trial_ids, *_searched(runs)}
    assert _statuses(runs, chosen_by) <= {"validated", "stopped"}
    cases = pd.concat(
        pd.read_parquet(runs / "results" / "cases" / f"{trial}.parquet")
        for trial in chosen_by
        if _statuses(runs, [trial]) == {"validated"}  # one that was stopped has no scores
    )
    assert set(cases["split"]) == {"val"}


def test_the_default_is_trained_once_for_baseline_and_search(done: tuple[Tune, Path, Tuned, Counting]) -> None:
    _, runs, _, _ = done
    assert _searched(runs)[0] in read_sweep(runs, "mine-baseline").trial_ids


def test_status_shows_trainings_that_only_choose_as_done(done: tuple[Tune, Path, Tuned, Counting]) -> None:
    _, runs, _, _ = done
    states = {state.name: state for state in read_status(runs)}
    assert all(row.over for name in ("mine-baseline", "mine-confirm", "mine-final") for row in states[name].rows)
    assert not read_sweep(runs, "mine-baseline").with_test
    assert read_sweep(runs, "mine-confirm").with_test


def test_the_final_training_has_the_val_cases(done: tuple[Tune, Path, Tuned, Counting]) -> None:
    _, runs, found, _ = done
    assert found.outcome.model is not None
    assert all(student.config.data.train_on_val for student in load_students(found.outcome.model))
    names = {member.trial for member in read_model(found.outcome.model).members}
    assert names <= set(read_sweep(runs, "mine-final").trial_ids)


def test_the_same_command_again_trains_nothing_and_says_the_same(done: tuple[Tune, Path, Tuned, Counting]) -> None:
    tune, runs, first, _ = done
    again, folder = Counting(), runs / "sweeps" / "mine"
    before = {name: (folder / name).read_bytes() for name in ("tune.md", "tune.json", "model/model.json")}
    assert tune(again).outcome.lines == first.outcome.lines
    assert again.begun.total() == 0
    assert before == {name: (folder / name).read_bytes() for name in before}


@pytest.mark.slow
def test_cut_off_in_any_stage_the_end_is_the_same(
    tune: Tune, done: tuple[Tune, Path, Tuned, Counting], tmp_path: Path
) -> None:
    _, whole_runs, alone, whole = done
    runs, trained = tmp_path / "cut", Counting()
    for stop_at in (1, 3, 5, whole.begun.total() - 1):  # in the baseline, search, comparison, and final training
        counting = Counting(stop_at=stop_at - trained.ended.total())
        with pytest.raises(KeyboardInterrupt):
            tune(counting, runs=runs)
        trained.ended.update(counting.ended)
    last = Counting()
    found = tune(last, runs=runs)
    trained.ended.update(last.ended)
    assert trained.ended == whole.ended
    assert [line.replace(str(runs), str(whole_runs)) for line in found.outcome.lines] == list(alone.outcome.lines)
    assert found.outcome.model is not None
    assert alone.outcome.model is not None
    for one, other in zip(load_students(found.outcome.model), load_students(alone.outcome.model), strict=True):
        weights, others = one.network.state_dict(), other.network.state_dict()
        assert all(torch.equal(weights[name], others[name]) for name in others)


def test_folds_hold_each_labelled_case_out_once(tune: Tune, runs: Path) -> None:
    tune(folds=2, trials=2, skip=frozenset({"baseline", "confirm", "final"}), methods=("supervised",))
    (first, *_) = read_settings(runs / "sweeps" / "mine-search" / "search")
    rows = [pd.read_parquet(runs / "results" / "trials" / f"{trial.id}.parquet") for trial in first.trials]
    assert [tuple(row["setting.data.fold"].iloc[0]) for row in rows] == [(0, 2), (1, 2)]
    cases = pd.concat(pd.read_parquet(runs / "results" / "cases" / f"{trial.id}.parquet") for trial in first.trials)
    # Four labelled cases once each, two val cases in each fold.
    assert sorted(cases["case_id"].value_counts()) == [1, 1, 1, 1, 2, 2]
    assert first.value == pytest.approx(cases.groupby("case_id")["dice"].mean().mean())


@pytest.mark.slow
def test_several_methods_are_compared_and_stand_in_the_table(tune: Tune, runs: Path) -> None:
    found = tune(methods=("simcvd", "mean_teacher"), skip=frozenset({"search", "final"}))
    text = "\n".join(found.outcome.lines)
    assert "simcvd default" in text
    assert "mean_teacher default" in text
    assert len(read_sweep(runs, "mine-confirm").trial_ids) == 3 * 2


def test_a_stage_that_is_skipped_is_not_there(tune: Tune, runs: Path) -> None:
    found = tune(skip=frozenset({"search", "confirm"}))
    assert not (runs / "sweeps" / "mine-search").exists()
    assert not (runs / "sweeps" / "mine-confirm").exists()
    assert (
        found.outcome.lines[0] == "Nothing was compared on fresh seeds: the model has the settings of simcvd default."
    )
    assert found.outcome.model is not None


def test_where_tuned_settings_win_they_are_trained_on_all_cases_over_what_was_set(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a key that is set for all, which the tuned row sets as well."""
    monkeypatch.setattr("sweeps.tuning.run.best_settings", lambda *_: ({"loss.sdm": 0.25}, 0.1))
    monkeypatch.setattr(Verdict, "takes_tuned", True)
    found = tune(overrides={"loss.sdm": 0.15}, trials=2, seeds=1)
    assert found.outcome.model is not None
    (student,) = load_students(found.outcome.model)
    assert (student.config.loss.sdm, student.config.data.train_on_val) == (0.25, True)


def test_a_stage_whose_time_is_over_stays_ended(tune: Tune, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search of whose three settings one was tried."""
    asked: dict[str, Any] = {"time_s": 60.0, "skip": frozenset({"confirm", "final"})}
    began = time.time()
    with monkeypatch.context() as patch:
        patch.setattr(SessionHere, "stopped", lambda self: len(_searched_so_far(runs)) > 0)
        patch.setattr("sweeps.tuning.run.time.time", _clock(began, jump_s=100.0, after=lambda: _searched_so_far(runs)))
        first = tune(**asked)
    assert "The time was over before the stage search was done." in first.outcome.lines
    assert len(_searched_so_far(runs)) == 1
    # No later training was done, so the one that chose the method is the model.
    assert "Its training is the baseline's, since no later one was finished." in first.outcome.lines
    assert first.outcome.model is not None
    (member,) = read_model(first.outcome.model).members
    assert member.trial in read_sweep(runs, "mine-baseline").trial_ids
    again = Counting()
    second = tune(again, **asked)
    assert again.begun.total() == 0
    assert second.outcome.lines == first.outcome.lines


def _searched_so_far(runs: Path) -> list[Path]:
    return list((runs / "sweeps" / "mine-search" / "search").glob("[0-9]*.json"))


def _clock(began: float, jump_s: float, after: Callable[[], object]) -> Callable[[], float]:
    return lambda: began + (jump_s if after() else 0.0)


def test_settings_that_a_tuning_sets_itself_are_refused(tune: Tune, runs: Path) -> None:
    with pytest.raises(UserError, match=r"data\.fold is set by tune itself; use --folds"):
        tune(overrides={"data.fold": [0, 2]})
    assert not runs.exists()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"also": ("training.steps",)}, "--also training.steps has no range here"),
        ({"also": ("method",)}, "--also method chooses among the methods of --methods, which names one"),
        ({"folds": 9}, "can't be divided into 9 parts"),
        ({"time_s": 5.0}, "--time-budget 5 s is too short"),
    ],
)
def test_what_can_not_be_is_one_sentence_and_nothing_is_trained(
    tune: Tune, runs: Path, asked: dict[str, Any], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        tune(**asked)
    assert not runs.exists()


@pytest.mark.slow
def test_another_question_plans_anew_and_shares_trials(tune: Tune) -> None:
    skip = frozenset({"confirm", "final"})
    first, again = Counting(), Counting()
    tune(first, skip=skip)
    assert "planned anew" in tune(again, skip=skip, trials=4).text
    assert set(first.begun) & set(again.begun) == set()
