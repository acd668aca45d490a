import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from analysis.runs.tried_setting import TriedSetting, write_setting
from simcvd.errors import UserError
from sweeps.search.claim import claim
from sweeps.search.plan import SearchPlan
from sweeps.search.study import SearchStudy, Suggestion

MakePlan = Callable[..., SearchPlan]


def _ask(study: SearchStudy) -> Suggestion:
    suggestion = study.ask()
    assert suggestion is not None
    return suggestion


def _finish(study: SearchStudy, suggestion: Suggestion, value: float, state: str = "complete") -> None:
    record = TriedSetting(suggestion.number, suggestion.settings, value=value, rungs={40: value})
    study.tell(replace(record, state=state))  # type: ignore[arg-type]


def _states(folder: Path) -> list[str]:
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / "study.journal")))
    (name,) = optuna.get_all_study_names(storage)
    return [trial.state.name for trial in optuna.load_study(study_name=name, storage=storage).trials]


def test_the_bases_own_settings_come_first_then_those_to_start_with(make_plan: MakePlan, tmp_path: Path) -> None:
    study = SearchStudy(make_plan(start=[{"loss.sdm": 0.5}]), tmp_path)
    assert _ask(study) == Suggestion(0, {"loss.sdm": 0.1, "projection.pool_size": 32})  # 32 is added to the choices
    assert _ask(study) == Suggestion(1, {"loss.sdm": 0.5, "projection.pool_size": 32})
    drawn = _ask(study).settings
    assert 0.01 <= drawn["loss.sdm"] <= 1
    assert drawn["loss.sdm"] == float(f"{drawn['loss.sdm']:.3g}")
    assert drawn["projection.pool_size"] in {16, 32, 64}


def test_a_reopened_study_hands_out_what_was_cut_off_and_enqueues_nothing_twice(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    first = SearchStudy(make_plan(), tmp_path)
    base, second = _ask(first), _ask(first)
    _finish(first, base, 0.7)
    again = SearchStudy(make_plan(), tmp_path)
    assert _ask(again) == second
    assert _ask(again).number == 2
    assert _states(tmp_path) == ["COMPLETE", "RUNNING", "RUNNING"]


def test_a_line_that_was_cut_off_costs_the_study_nothing_else(make_plan: MakePlan, tmp_path: Path) -> None:
    first, journal = SearchStudy(make_plan(), tmp_path), tmp_path / "study.journal"
    _finish(first, _ask(first), 0.7)
    second, before = _ask(first), journal.read_bytes()
    for torn in (b"", b'{"op_code":6,"worker'):
        journal.write_bytes(before + torn)
        assert _ask(SearchStudy(make_plan(), tmp_path)) == second
        assert _states(tmp_path) == ["COMPLETE", "RUNNING"]


def test_a_lock_that_a_killed_command_left_is_not_waited_for(make_plan: MakePlan, tmp_path: Path) -> None:
    first = _ask(SearchStudy(make_plan(), tmp_path))
    lock = tmp_path / "study.journal.lock"
    lock.symlink_to(tmp_path / "study.journal")
    (tmp_path / "study.journal.lock0-1.rename").symlink_to(tmp_path / "study.journal")
    study = SearchStudy(make_plan(), tmp_path)
    assert _ask(study) == first
    assert not list(tmp_path.glob("study.journal.lock*"))


def test_draws_depend_on_what_is_known_and_not_on_how_often_the_study_was_opened(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    def run(folder: Path, reopen: bool) -> list[Suggestion]:
        study, found = SearchStudy(make_plan(trials=9), folder), []
        while (suggestion := study.ask()) is not None:
            found.append(suggestion)
            _finish(study, suggestion, 0.5 + suggestion.settings["loss.sdm"] / 4)
            if reopen:
                study = SearchStudy(make_plan(trials=9), folder)
        return found

    undisturbed = run(tmp_path / "a", reopen=False)
    assert run(tmp_path / "b", reopen=True) == undisturbed
    assert len({suggestion.settings["loss.sdm"] for suggestion in undisturbed}) == 9


def test_a_number_that_is_none_becomes_a_failed_trial_and_counts(make_plan: MakePlan, tmp_path: Path) -> None:
    study = SearchStudy(make_plan(trials=3), tmp_path)
    _finish(study, _ask(study), float("nan"))
    _finish(study, _ask(study), 0.6, "pruned")
    _finish(study, _ask(study), 0.6, "failed")
    assert study.ask() is None
    assert not study.left
    assert _states(tmp_path) == ["FAIL", "PRUNED", "FAIL"]


def test_what_is_running_is_not_told(make_plan: MakePlan, tmp_path: Path) -> None:
    study = SearchStudy(make_plan(), tmp_path)
    _finish(study, _ask(study), 0.6, "running")
    assert _states(tmp_path) == ["RUNNING"]
    assert study.left


def test_failed_settings_are_tried_once_more_when_asked(make_plan: MakePlan, tmp_path: Path) -> None:
    study = SearchStudy(make_plan(trials=2), tmp_path)
    base = _ask(study)
    _finish(study, base, 0.0, "failed")
    _finish(study, _ask(study), 0.6)
    study.retry_failed()
    study.retry_failed()
    assert study.left
    again = _ask(study)
    assert again.settings == base.settings
    assert study.ask() is None


def test_a_search_goes_on_when_more_settings_are_asked_for(make_plan: MakePlan, tmp_path: Path) -> None:
    study = SearchStudy(make_plan(trials=2), tmp_path)
    for _ in range(2):
        _finish(study, _ask(study), 0.6)
    assert study.ask() is None
    assert _ask(SearchStudy(make_plan(trials=3), tmp_path)).number == 2


def test_importances_are_told_where_ten_trials_can_be_compared(make_plan: MakePlan, tmp_path: Path) -> None:
    study = SearchStudy(make_plan(trials=12), tmp_path)
    assert study.importances().shares == {}
    while (suggestion := study.ask()) is not None:
        # Most are ended early: told from what all of them reached at the rung.
        _finish(study, suggestion, suggestion.settings["loss.sdm"], "complete" if suggestion.number < 4 else "pruned")
    found = study.importances()
    assert found.basis == "12 trials after 40 steps"
    assert found.shares["loss.sdm"] > found.shares["projection.pool_size"]
    assert sum(found.shares.values()) == pytest.approx(1)


def test_a_database_holds_the_study_and_leaves_a_copy_for_figures(make_plan: MakePlan, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = SearchStudy(make_plan(trials=2), tmp_path, url)
    _finish(study, _ask(study), 0.6)
    assert not (tmp_path / "study.journal").exists()
    study.mirror()
    assert _states(tmp_path) == ["COMPLETE"]
    assert _ask(SearchStudy(make_plan(trials=2), tmp_path, url)).number == 1


def test_a_study_of_another_runs_folder_is_refused(make_plan: MakePlan, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    SearchStudy(make_plan(), tmp_path / "here", url)
    with pytest.raises(UserError, match=r"belongs to .*here; go on there"):
        SearchStudy(make_plan(), tmp_path / "there", url)


def test_a_search_goes_on_in_a_runs_folder_that_was_moved(make_plan: MakePlan, tmp_path: Path) -> None:
    study = SearchStudy(make_plan(), tmp_path / "old")
    first, cut_off = _ask(study), _ask(study)
    _finish(study, first, 0.7)
    (tmp_path / "old").rename(tmp_path / "new")
    assert _ask(SearchStudy(make_plan(), tmp_path / "new")) == cut_off
    assert _states(tmp_path / "new") == ["COMPLETE", "RUNNING"]


def test_a_study_in_a_database_goes_on_in_a_moved_folder_and_not_in_a_copy(make_plan: MakePlan, tmp_path: Path) -> None:
    plan, url, old, new = make_plan(), f"sqlite:///{tmp_path / 'study.db'}", tmp_path / "old", tmp_path / "new"
    tries = claim(old, plan.identity)
    study = SearchStudy(plan, old, url)
    first = _ask(study)
    write_setting(tries, TriedSetting(first.number, first.settings))
    study.close()
    shutil.copytree(old, new)
    with pytest.raises(UserError, match=r"belongs to .*old; go on there"):
        SearchStudy(plan, new, url)
    shutil.rmtree(old)
    moved = SearchStudy(plan, new, url)
    assert _ask(moved) == first
    moved.close()
    with pytest.raises(UserError, match=r"belongs to .*new; go on there"):
        SearchStudy(plan, tmp_path / "third", url)


def test_an_older_study_goes_on_though_its_journal_names_the_folder_it_was_in(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    study = SearchStudy(make_plan(), tmp_path)
    first = _ask(study)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "study.journal"))
    storage = optuna.storages.JournalStorage(backend)
    optuna.load_study(study_name=study.name, storage=storage).set_user_attr("runs", "/gone/sweeps/mine")
    assert _ask(SearchStudy(make_plan(), tmp_path)) == first


@pytest.mark.parametrize("url", ["no url", "sqlite:////nowhere/there/study.db", "nosuchdb://host/name"])
def test_a_storage_that_can_not_be_had_gets_a_sentence(make_plan: MakePlan, tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError, match="The storage"):
        SearchStudy(make_plan(), tmp_path, url)


@pytest.mark.parametrize("place", [0, 1, 6, 7, 8])
def test_a_draw_that_was_cut_off_is_finished_as_it_would_have_been(
    make_plan: MakePlan, tmp_path: Path, place: int
) -> None:
    def run(folder: Path, cut: int | None) -> list[Suggestion]:
        study, found = SearchStudy(make_plan(trials=9), folder), []
        while True:
            if len(found) == cut:
                cut = None
                before = (folder / "study.journal").read_bytes().splitlines(keepends=True)
                _ask(study)
                drawn = (folder / "study.journal").read_bytes().splitlines(keepends=True)
                asked = []
                for lines in range(len(before) + 1, len(drawn) + 1):  # killed after each line of the draw
                    (folder / "study.journal").write_bytes(b"".join(drawn[:lines]))
                    study = SearchStudy(make_plan(trials=9), folder)
                    asked.append(suggestion := _ask(study))
                assert len(asked) > 2
                assert all(each == suggestion for each in asked)
            elif (suggestion := study.ask()) is None:  # type: ignore[assignment]
                return found
            found.append(suggestion)
            _finish(study, suggestion, 0.5 + suggestion.settings["loss.sdm"] / 4)

    assert run(tmp_path / "cut", place) == run(tmp_path / "whole", None)
    assert set(_states(tmp_path / "cut")) == {"COMPLETE"}
