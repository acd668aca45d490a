"""The verdict: what is shown, in which direction, and what is not settled."""

from typing import Any

import pytest

from analysis.comparison.learned import NAME_LETTERS
from analysis.comparison.verdict import findings
from analysis.ending.answer import answer_of
from tests.analysis.ending.made_endings import REFERENCE, WriteSweep, made, rows, variants


def test_with_one_seed_nothing_is_settled(write_sweep: WriteSweep) -> None:
    scored = made(write_sweep, variants([0]))
    assert any(one.holds for one in findings(scored.main.means))  # by the cases alone
    answer = answer_of(scored)
    assert answer.word == "one seed"
    assert answer.sentence.startswith("Not settled, because of one seed: p=0.2 has the highest mean, +")


def test_better_is_what_both_tests_show(write_sweep: WriteSweep) -> None:
    answer = answer_of(made(write_sweep, variants([0, 1, 2])))
    assert (answer.word, answer.best and answer.best.variant) == ("better", "p=0.2")
    assert answer.sentence.startswith("Better: p=0.2 beats the reference p=0.1 by ")
    assert answer.sentence.endswith(" points.")


def test_what_other_seeds_could_undo_is_undecided(write_sweep: WriteSweep) -> None:
    scored = made(write_sweep, variants([0, 1, 2], luck=0.05))
    assert answer_of(scored).word == "undecided"
    assert not any(one.holds and one.mean > 0 for one in findings(scored.main.means))


def test_a_gain_is_the_best_of_those_that_are_shown(write_sweep: WriteSweep) -> None:
    """`wild` is the highest through one case; its difference varies far more than it is large."""
    own: dict[str, dict[int, Any]] = {
        name: {seed: rows(name, seed, shift) for seed in (0, 1, 2)} for name, shift in ((REFERENCE, 0.0), ("b", 0.02))
    }
    own["wild"] = {
        seed: [row | {"dice": row["dice"] + (0.3 if row["case_id"] == "c03" else 0.0)} for row in own[REFERENCE][seed]]
        for seed in (0, 1, 2)
    }
    answer = answer_of(made(write_sweep, own))
    assert (answer.word, answer.best and answer.best.variant) == ("better", "b")
    assert answer.sentence.endswith(
        "wild has the highest mean, +2.50 points against the reference p=0.1, but that gain is not shown."
    )


@pytest.mark.parametrize(
    ("names", "word", "sentence"),
    [
        (("p=0.9",), "worse", "The reference p=0.1 is the best: the other variant is worse."),
        (("p=0.9", "p=0.0"), "worse", "The reference p=0.1 is the best: all two other variants are worse."),
    ],
)
def test_a_reference_that_is_best_is_called_so(
    write_sweep: WriteSweep, names: tuple[str, ...], word: str, sentence: str
) -> None:
    own = {name: value for name, value in variants([0, 1, 2]).items() if name in {REFERENCE, *names}}
    answer = answer_of(made(write_sweep, own))
    assert (answer.word, answer.sentence) == (word, sentence)


def test_some_that_are_worse_are_counted(write_sweep: WriteSweep) -> None:
    own = {name: value for name, value in variants([0, 1, 2]).items() if name in {REFERENCE, "p=0.9"}}
    own["alike"] = {seed: rows("alike", seed, -0.0005) for seed in (0, 1, 2)}
    answer = answer_of(made(write_sweep, own))
    if answer.best is not None and answer.best.is_reference:
        assert "No variant is ahead of the reference p=0.1: 1 of two other variants is worse, 1 undecided" in (
            answer.sentence
        )
    else:
        assert answer.word == "undecided"


def test_lower_is_better_for_distances(write_sweep: WriteSweep) -> None:
    answer = answer_of(made(write_sweep, variants([0, 1, 2]), metric="hd95_vox", also=()))
    assert (answer.word, answer.best and answer.best.variant) == ("better", "p=0.2")
    assert answer.sentence.endswith(" voxels.")


def test_without_reference_or_scores_nothing_is_compared(write_sweep: WriteSweep) -> None:
    answer = answer_of(made(write_sweep, variants([0, 1]), reference=None))
    assert answer.sentence == (
        "Nothing is compared: the sweep names no reference (--reference names one). p=0.2 has the highest mean."
    )
    alone = answer_of(made(write_sweep, {REFERENCE: {0: rows("a", 0, 0.0)}}))
    assert alone.sentence == "There is one variant, p=0.1, so nothing is compared."
    nothing = answer_of(made(write_sweep, {"c": {0: None}, "d": {0: "out_of_memory"}}, reference="c"))
    assert (nothing.word, nothing.sentence) == ("no scores", "No trial has finished with scores yet.")


def test_nothing_learned_is_all_that_is_said(write_sweep: WriteSweep) -> None:
    scored = made(write_sweep, variants([0, 1], base=0.01))
    answer = answer_of(scored)
    assert (answer.word, answer.sentence) == ("stop", scored.stop)


def test_long_names_are_cut(write_sweep: WriteSweep) -> None:
    name = "x" * 200
    own = {name: {0: rows("a", 0, 0.02)}, "ref": {0: rows("b", 0, 0.0)}}
    sentence = answer_of(made(write_sweep, own, reference="ref")).sentence
    assert "x" * (NAME_LETTERS - 3) + "... has" in sentence
    assert "x" * (NAME_LETTERS - 2) not in sentence
