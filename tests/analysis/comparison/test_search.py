from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy import stats

from analysis.comparison.search import SearchResult, read_search_result
from analysis.errors import AnalysisError
from analysis.report.content import read_report
from analysis.report.page import render
from analysis.runs.search_section import Chosen, SearchSection
from analysis.runs.sweep import read_sweep, sweep_file
from analysis.runs.sweep import write_sweep as write_sweep_file
from analysis.runs.tried_setting import Training, TriedSetting, write_setting

CASES = 12
Write = Callable[..., Path]


@pytest.fixture
def searched(write_sweep: Write) -> Callable[[Mapping[str, float], float], Path]:
    """Write a search whose best settings gain `gain[split]` on fresh seeds, with `spread` between cases and seeds."""

    def write(gain: Mapping[str, float], spread: float = 0.002) -> Path:
        generator = np.random.default_rng(0)
        base = generator.uniform(0.6, 0.9, CASES)

        def rows(more: float) -> Sequence[Mapping[str, Any]]:
            return [
                {
                    "case_id": f"{split}{index}",
                    "split": split,
                    "dice": base[index] + more * gain[split] + generator.normal(0, spread),
                }
                for split in ("val", "test")
                for index in range(CASES)
            ]

        variants = {
            name: {seed: rows(more) for seed in (1, 2, 3)} for name, more in (("default", 0.0), ("best found", 1.0))
        }
        runs = write_sweep(variants, "default")
        tried = {"loss.sdm": 0.2}
        section = SearchSection(
            study="toy-abc",
            storage="study.journal",
            fidelity="schedule",
            pruner="halving",
            rungs=(200,),
            steps=600,
            seed=0,
            trials=6,
            space={"loss.sdm": {"uniform": [0.0, 1.0]}},
            states={"complete": 2, "pruned": 3, "failed": 1},
            over=True,
            importances={"shares": {"loss.sdm": 0.7, "loss.contrast": 0.3}, "trials": 12, "steps": 200},
            base=Chosen(0, 0.70, {"loss.sdm": 0.1}, "a"),
            best=Chosen(4, 0.72, tried, "b", "simcvd train it"),
        )
        write_sweep_file(runs, read_sweep(runs, "toy"), section)
        place = sweep_file(runs, "toy").with_name("search")
        write_setting(place, TriedSetting(4, tried, (Training(600, "b"),), "complete", 0.72, {200: 0.6}))
        (place / "5.json").write_text('{"number": 5, "par')
        return place.parent

    return write


def _read(folder: Path) -> SearchResult:
    result = read_search_result(folder.parents[1], folder.name)
    assert result is not None
    return result


def test_a_gain_that_is_there_on_fresh_seeds_holds(searched: Callable[..., Path]) -> None:
    result = _read(searched({"val": 0.02, "test": 0.03}))
    assert result.verdict == "holds"
    assert result.gain == pytest.approx(0.02)
    text = "\n".join(result.sentences())
    assert "Best on val: setting 4, Dice 72.00 % against 70.00 % of the base's own: loss.sdm=0.2" in text
    assert "6 settings tried on val cases with seed 0: 2 trained to the end, 3 ended early, 1 failed." in text
    assert "(PED-ANOVA, 12 trials after 200 steps): loss.sdm 70 %, loss.contrast 30 %." in text
    assert "The gain holds." in text


def test_a_gain_of_val_cases_alone_has_vanished(searched: Callable[..., Path]) -> None:
    result = _read(searched({"val": 0.02, "test": -0.01}))
    assert result.verdict == "vanished"
    assert "The gain has vanished: keep the base's own settings." in result.sentences()[-1]


def test_a_gain_within_luck_is_not_shown_to_hold(searched: Callable[..., Path]) -> None:
    result = _read(searched({"val": 0.02, "test": 0.0005}, 0.03))
    assert result.verdict in {"open", "vanished"}
    assert "holds." not in result.sentences()[-1]


def test_the_p_of_fresh_seeds_is_scipys_two_sided_one_over_case_means(searched: Callable[..., Path]) -> None:
    folder = searched({"val": 0.0, "test": 0.004}, 0.01)
    test = _read(folder).test
    assert test is not None
    assert len(test.replicates) == 3
    expected = stats.ttest_rel(test.variant, test.reference)
    assert test.test.p == pytest.approx(expected.pvalue)
    assert len(test.variant) == CASES  # seeds are averaged, val cases are elsewhere


def test_the_report_tells_what_was_tried_and_whether_it_holds(searched: Callable[..., Path]) -> None:
    folder = searched({"val": 0.02, "test": -0.01})
    page = render(read_report(folder.parents[1], folder.name, cases=False))
    assert "The gain has vanished" in page
    assert "Settings that were tried (1)" in page
    row = (
        '<tr><th scope="row">4</th><td>72.00</td><td>600</td><td class="text">trained to the end</td><td>0.2</td></tr>'
    )
    assert row in page


def test_a_sweep_without_a_search_has_none(write_sweep: Write) -> None:
    runs = write_sweep({"ref": {0: [{"case_id": "a", "dice": 0.5}]}})
    assert read_search_result(runs, "toy") is None


def test_a_foreign_file_of_a_setting_gets_a_sentence(searched: Callable[..., Path]) -> None:
    folder = searched({"val": 0.02, "test": 0.03})
    (folder / "search" / "5.json").write_text('{"number": 5}')
    with pytest.raises(AnalysisError, match="not as a search writes it"):
        _read(folder)


def test_a_damaged_section_gets_a_sentence(searched: Callable[..., Path]) -> None:
    folder = searched({"val": 0.02, "test": 0.03})
    content = yaml.safe_load((folder / "sweep.yaml").read_text())
    del content["search"]["states"]
    (folder / "sweep.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(AnalysisError, match="not as a search writes it"):
        _read(folder)
