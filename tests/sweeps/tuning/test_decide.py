"""The best method, the best settings, and whether anything was learned."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.runs.search_section import Chosen
from simcvd.config.settings import DataConfig
from simcvd.data.average_mask import average_mask_dice
from simcvd.data.phantom import write_phantom
from simcvd.data.training_cases import fold_parts
from sweeps.tuning import decide
from sweeps.tuning.decide import average_masks, best_method, best_settings


def test_the_best_method_has_the_highest_mean_and_the_first_wins_a_tie() -> None:
    scores = {"a": {"x": 0.5, "y": 0.7}, "b": {"x": 0.7, "y": 0.7}, "c": {"x": 0.6, "y": 0.8}}
    assert best_method(scores, ["a", "b", "c"]) == "b"
    assert best_method(scores, ["a"]) == "a"
    assert best_method({"a": {}, "b": {"x": 0.1}}, ["a", "b"]) == "b"
    assert best_method({}, ["a", "b"]) == "a"


def test_a_held_out_case_has_no_part_in_its_average(tmp_path: Path) -> None:
    info = write_phantom(tmp_path, labeled=4, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    data, cases = DataConfig(), [*info.splits.train_labeled, *info.splits.val]
    found = average_masks(tmp_path, info, data, cases, 2)
    assert found.keys() == set(cases)
    for part in fold_parts(info, data, 2):
        others = [case for case in info.splits.train_labeled if case not in part]
        alone = average_mask_dice(tmp_path, others, sorted(part), 1)
        assert {case: found[case] for case in part} == alone
    whole = average_mask_dice(tmp_path, info.splits.train_labeled, info.splits.val, 1)
    assert {case: found[case] for case in info.splits.val} == whole


def test_settings_that_are_the_default_again_are_no_better(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def chosen(number: int, value: float, **settings: float) -> Chosen:
        return Chosen(number, value, settings, "trial")

    def found(best: Chosen | None, base: Chosen | None) -> tuple[dict[str, object] | None, float | None]:
        section = SimpleNamespace(best=best, base=base)
        monkeypatch.setattr(decide, "read_search", lambda *_: section)
        return best_settings(tmp_path, "s", {"sdm": 0.1})

    base = chosen(0, 0.5, sdm=0.1)
    assert found(chosen(4, 0.6, sdm=0.2), base) == ({"sdm": 0.2}, pytest.approx(0.1))
    assert found(chosen(4, 0.6, sdm=0.2), None) == ({"sdm": 0.2}, None)
    assert found(base, base) == (None, None)
    assert found(chosen(4, 0.6, sdm=0.1), None) == (None, None)
    assert found(chosen(4, 0.5, sdm=0.2), base) == (None, None)
    assert found(None, base) == (None, None)
