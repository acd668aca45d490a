from pathlib import Path

import pytest

from analysis.runs.tried_setting import TriedSetting, read_setting, write_setting
from sweeps.search.study import SearchStudy

# Ray and its dependencies warn of each other's old ways.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)


def test_a_setting_is_on_file_when_it_is_handed_out_and_its_file_says_what_became_of_it(
    make_plan, tmp_path: Path
) -> None:
    from sweeps.search.searcher import StudySearcher

    study, folder = SearchStudy(make_plan(trials=2), tmp_path), tmp_path / "search"
    searcher = StudySearcher(study, folder, lambda: False)
    first = searcher.suggest("tune-a")
    assert first["trial_id"] == "0"
    assert read_setting(folder, 0) == TriedSetting(0, first["settings"])
    second = searcher.suggest("tune-b")
    for number, suggested, state in ((0, first, "complete"), (1, second, "running")):
        write_setting(folder, TriedSetting(number, suggested["settings"], state=state, value=0.5))
    # What Ray reports is not asked: its last report may be lost.
    searcher.on_trial_complete("tune-a", {"value": 0.1}, error=True)
    searcher.on_trial_complete("tune-b")
    assert searcher.suggest("tune-c") == "FINISHED", "two were asked for"
    assert [setting.value for setting in (read_setting(folder, number) for number in (0, 1))] == [0.5, 0.5]


def test_nothing_begins_once_the_command_is_asked_to_stop(make_plan, tmp_path: Path) -> None:
    from sweeps.search.searcher import StudySearcher

    searcher = StudySearcher(SearchStudy(make_plan(), tmp_path), tmp_path / "search", lambda: True)
    assert searcher.suggest("tune-a") == "FINISHED"
    assert not (tmp_path / "search").exists()
