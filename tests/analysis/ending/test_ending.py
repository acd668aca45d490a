"""The numbers of an ending are those of the comparison."""

import json
from pathlib import Path

import pytest
from scipy import stats

from analysis.comparison.search import read_search_result
from analysis.ending.words import p_text
from simcvd.nested import finite
from tests.analysis.ending.made_endings import REFERENCE, WriteSweep, ending, made, variants


def means(own: dict[str, dict[int, list[dict[str, float]]]], name: str, metric: str) -> list[float]:
    by_seed = own[name].values()
    return [sum(rows[case][metric] for rows in by_seed) / len(by_seed) for case in range(12)]


def test_numbers_are_those_of_the_cases(write_sweep: WriteSweep) -> None:
    own = variants([0, 1, 2])
    scored = made(write_sweep, own)
    found = ending(scored)
    ours, theirs = means(own, "p=0.2", "dice"), means(own, REFERENCE, "dice")
    difference = [a - b for a, b in zip(ours, theirs, strict=True)]
    texts = [part.text for part in found.parts]
    assert any(
        f"best: p=0.2, Dice {100 * sum(ours) / 12:.2f} % (SD {100 * stats.tstd(ours):.2f}); 12 test cases, 3 seeds"
        in text
        for text in texts
    )
    (told,) = [text for text in texts if text.startswith("  difference: ")]
    assert f"{100 * sum(difference) / 12:+.2f} points (95 % CI " in told
    (row,) = [row for row in scored.main.means if row.variant == "p=0.2"]
    assert row.difference is not None
    over_seeds = row.difference.over_seeds
    assert over_seeds is not None
    assert over_seeds.interval.low is not None
    assert over_seeds.interval.high is not None
    assert f"CI {100 * over_seeds.interval.low:.2f} to {100 * over_seeds.interval.high:.2f})" in told
    assert found.content["difference"]["mean"] == pytest.approx(sum(difference) / 12)
    assert found.content["best"]["mean"] == pytest.approx(sum(ours) / 12)
    p = min(1.0, 5 * float(stats.ttest_rel(ours, theirs).pvalue))
    assert found.content["difference"]["p_over_cases"] <= p + 1e-12
    assert p_text(found.content["difference"]["p_over_seeds_and_cases"]) in told


def test_other_metrics_have_the_p_that_decides(write_sweep: WriteSweep) -> None:
    scored = made(write_sweep, variants([0, 1, 2]))
    (told,) = [part.text for part in ending(scored).parts if part.text.startswith("Other metrics")]
    assert "(p over seeds and cases), p=0.2 against the reference: Jaccard " in told
    for each in scored.found[1:]:
        (row,) = [row for row in each.means if row.variant == "p=0.2"]
        assert row.difference is not None
        assert row.difference.over_seeds_holm is not None
        assert p_text(row.difference.over_seeds_holm) in told


def test_counts_are_of_what_both_tests_show(write_sweep: WriteSweep) -> None:
    texts = [part.text for part in ending(made(write_sweep, variants([0, 1, 2]))).parts]
    (told,) = [text for text in texts if text.startswith("Against the reference over cases and seeds: ")]
    assert told.endswith("1 better, 3 worse, 1 undecided (p < 0.05, two-sided, Holm).")


def test_one_seed_counts_nothing(write_sweep: WriteSweep) -> None:
    assert not any("better," in part.text for part in ending(made(write_sweep, variants([0]))).parts)


def test_where_nothing_was_learned_no_p_is_said(write_sweep: WriteSweep) -> None:
    found = ending(made(write_sweep, variants([0, 1, 2], base=0.01)))
    assert found.word == "stop"
    assert not any(" p = " in part.text or "p <" in part.text for part in found.parts)
    assert found.content["difference"]["p_over_cases"] is None


def test_programs_get_plain_json(write_sweep: WriteSweep) -> None:
    found = ending(made(write_sweep, variants([0])), slots=2)
    content = json.loads(json.dumps(finite(found.content), allow_nan=False))
    assert content["verdict"] == "one seed"
    assert content["caution"]["option"] == "--seeds 3"
    assert content["trials"] == {"planned": 6, "finished": 6, "failed": 0, "unfinished": 0}
    assert content["commands"][-1] == "simcvd report runs/sweeps/toy"


def test_a_sweep_that_searches_nothing_has_no_search(write_sweep: WriteSweep, tmp_path: Path) -> None:
    made(write_sweep, variants([0]))
    assert read_search_result(tmp_path, "toy") is None
