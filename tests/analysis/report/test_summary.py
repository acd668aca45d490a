import math

import numpy as np
import pytest
from scipy import stats

from analysis.comparison.metric import find_metric
from analysis.comparison.scored_sweep import score_sweep
from analysis.comparison.verdict import detectable, findings
from analysis.ending.answer import answer_of
from analysis.ending.words import count, p_text
from analysis.report.summary import summarise

NAMES = [f"case{n:02d}" for n in range(12)]


def rows(values, metric="dice", **given):
    return [{"case_id": case, metric: float(value), **given} for case, value in zip(NAMES, values, strict=True)]


def spread_around(mean, seed, sd=0.02):
    return mean + np.random.default_rng(seed).normal(0, sd, len(NAMES))


def told(runs, **given):
    found = score_sweep(runs, "toy", sides="two-sided", **given)
    return summarise(found), found


def text(parts):
    return " ".join([part.text for part in parts] + [f"{name} {said}" for part in parts for name, said in part.items])


def test_a_difference_is_told_with_its_interval_and_holm_adjusted_p(write_sweep):
    base = spread_around(0.8, 0)
    better, alike = base + spread_around(0.03, 1, 0.01), base + spread_around(0.0, 2, 0.03)
    runs = write_sweep({"ref": {0: rows(base)}, "better": {0: rows(better)}, "alike": {0: rows(alike)}})
    parts, _ = told(runs)
    d = 100 * (better - base)
    low, high = stats.t.interval(0.95, 11, d.mean(), stats.sem(d))
    ps = [stats.ttest_rel(own, base).pvalue for own in (better, alike)]
    assert ps[0] < ps[1]
    (item,) = next(part.items for part in parts if part.tone == "better")
    assert item[0] == "better"
    assert item[1] == f"+{d.mean():.2f} points (95 % CI {low:.2f} to {high:.2f}), {p_text(min(1, 2 * ps[0]))}"
    (open_item,) = next(part.items for part in parts if part.tone == "open")
    assert open_item[0] == "alike"
    assert p_text(max(ps[1], min(1, 2 * ps[0]))) in open_item[1]


def test_lower_is_better_for_distances(write_sweep):
    base = spread_around(5, 0, 0.5)
    runs = write_sweep(
        {"ref": {0: rows(base, "hd95_vox")}, "nearer": {0: rows(base - spread_around(1, 1, 0.1), "hd95_vox")}},
        metric="hd95_vox",
    )
    parts, _ = told(runs)
    better = next(part for part in parts if part.tone == "better")
    assert "scores lower in HD95 than the reference, that is better" in better.text
    assert better.items[0][1].startswith("-1.0")
    assert "voxels" in better.items[0][1]
    assert not [part for part in parts if part.tone == "worse"]


def test_one_seed_is_called_the_luck_of_one_training(write_sweep):
    base = spread_around(0.8, 0)
    runs = write_sweep({"ref": {0: rows(base)}, "a": {0: rows(base + spread_around(0.05, 1, 0.01))}})
    parts, _ = told(runs)
    assert "the luck of one training" in text(parts)
    assert "over seeds" not in text(parts)


@pytest.mark.parametrize(("of_seeds", "remains"), [(0.0005, True), (0.05, False)])
def test_seeds_that_differ_can_undo_what_cases_show(write_sweep, of_seeds, remains):
    base = spread_around(0.8, 0)
    luck = of_seeds * np.array([-1.0, 0.3, 0.7])
    noise = [spread_around(0, 10 + seed, 0.004) for seed in range(6)]
    runs = write_sweep(
        {
            "ref": {seed: rows(base + noise[seed]) for seed in range(3)},
            "a": {seed: rows(base + 0.02 + luck[seed] + noise[3 + seed]) for seed in range(3)},
        }
    )
    parts, _ = told(runs)
    assert next(part for part in parts if part.tone == "better" and part.items).items[0][0] == "a"
    assert ("the difference remains" in text(parts)) == remains
    assert ("What other seeds could undo: a." in text(parts)) != remains
    assert "luck of one training" not in text(parts)


def test_what_these_cases_can_show_is_the_number_of_the_table_notes(write_sweep):
    base = spread_around(0.8, 0)
    runs = write_sweep({"ref": {0: rows(base)}, "a": {0: rows(base + spread_around(0, 1))}})
    parts, found = told(runs)
    size = detectable([one.difference for one in findings(found.main.means)])
    assert size is not None
    assert f"a true difference of {100 * size:.2f} points" in text(parts)
    assert any(f"Dice {100 * size:.2f} points" in note for note in found.notes)


def test_the_best_mean_and_the_reference_are_named(write_sweep):
    runs = write_sweep({"ref": {0: rows([0.8] * 12)}, "a": {0: rows([0.9] * 12)}})
    parts, _ = told(runs)
    assert "The reference, ref, reaches Dice 80.00 % (SD 0.00) on 12 test cases." in parts[1].text
    assert "a has the highest mean, Dice 90.00 %" in parts[1].text
    # All differences are equal: no test exists, so nothing is called significant.
    assert [part.tone for part in parts if part.items] == ["open"]


def test_no_other_variant_is_better(write_sweep):
    runs = write_sweep({"ref": {0: rows([0.9] * 12)}, "a": {0: rows(spread_around(0.8, 1))}})
    assert "No other variant has a higher mean." in told(runs)[0][1].text


@pytest.mark.parametrize("base", [0.02, 0.8])
@pytest.mark.parametrize("seeds", [1, 3])
def test_the_answer_comes_first_and_where_nothing_was_learned_no_p_follows(write_sweep, base, seeds):
    """A mean Dice of 2 % is below what any mask reaches; then no difference means anything."""
    runs = write_sweep(
        {
            name: {seed: rows(np.abs(spread_around(base + more, 10 * seed + place, 0.003))) for seed in range(seeds)}
            for place, (name, more) in enumerate({"ref": 0.0, "a": 0.05 * base}.items())
        }
    )
    parts, found = told(runs)
    assert parts[0].text == answer_of(found).sentence
    assert (found.stop is not None) == (base < 0.1)
    rest = text(parts[1:])
    assert ("CI" in rest) == (found.stop is None)
    assert found.stop is None or not ("p = " in rest or "p < " in rest)


def test_without_a_reference_nothing_is_compared(write_sweep):
    runs = write_sweep({"a": {0: rows([0.8] * 12)}, "b": {0: rows([0.7] * 12)}}, reference=None)
    parts, _ = told(runs)
    assert "names no reference" in text(parts)
    assert not [part for part in parts if part.tone in ("better", "worse", "open")]


def test_one_variant_is_no_comparison(write_sweep):
    parts, _ = told(write_sweep({"ref": {0: rows([0.8] * 12)}}))
    assert parts[0].text == "There is one variant, ref, so nothing is compared."
    assert parts[1].text.startswith("One variant was trained with one seed each on toy.")


def test_before_anything_has_finished_the_summary_says_so(write_sweep):
    parts, _ = told(write_sweep({"ref": {0: None}, "a": {0: None}}))
    assert [part.text for part in parts] == [
        "No trial has finished with scores yet.",
        "Two variants are trained with one seed each on toy.",
    ]


def test_failures_and_empty_predictions_are_counted(write_sweep):
    some = rows([0.8] * 11 + [0.0])
    some[-1] |= {"empty_prediction": True}
    runs = write_sweep({"ref": {0: some, 1: "nan"}, "a": {0: rows(spread_around(0.8, 1)), 1: "out_of_memory"}})
    words = text(told(runs)[0])
    assert "2 of 4 trials failed (nan, out_of_memory)" in words
    assert "2 of 4 trials have finished." in words
    assert "1 of 24 predictions are empty" in words


def test_other_metrics_are_counted_by_their_own_direction(write_sweep):
    base, far = spread_around(0.8, 0), spread_around(5, 3, 0.5)
    a, near = base + spread_around(0.05, 1, 0.01), far - spread_around(1, 2, 0.1)

    def both(dice, distance):
        return [one | {"hd95_vox": float(value)} for one, value in zip(rows(dice), distance, strict=True)]

    runs = write_sweep({"ref": {0: both(base, far)}, "a": {0: both(a, near)}}, also=["hd95_vox"])
    parts, _ = told(runs)
    assert parts[-1].items == (("HD95 [voxel]", "1 better, 0 worse, 0 open"),)


def test_skewed_differences_send_the_reader_to_the_signed_rank_test(write_sweep):
    base = spread_around(0.8, 0)
    skewed = base + np.array([0.001 * n for n in range(11)] + [0.4])
    runs = write_sweep({"ref": {0: rows(base)}, "a": {0: rows(skewed)}})
    assert "The differences of a do not look normally distributed" in text(told(runs)[0])


def test_numbers_are_words_while_they_are_small():
    assert [count(n, "case") for n in (0, 1, 12, 13)] == ["no cases", "one case", "twelve cases", "13 cases"]
    assert [find_metric(name).difference_unit for name in ("dice", "hd95_vox", "asd_mm")] == ["points", "voxels", "mm"]
    assert p_text(0.0004).replace("\N{NO-BREAK SPACE}", " ") == "p < 0.001"
    assert math.isclose(float(p_text(0.0456).split("=")[1]), 0.046)
