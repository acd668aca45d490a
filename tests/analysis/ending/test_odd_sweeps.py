"""Sweeps that lost trainings, ask one side only, or share trials: the verdict says what the numbers bear out."""

import random
from typing import Any

import pytest

from analysis.comparison.verdict import finding
from analysis.ending.answer import answer_of
from analysis.ending.caution import Asked, first_caution
from analysis.ending.show import MOST_LINES, ending_lines
from tests.analysis.ending.made_endings import ALSO, REFERENCE, WriteSweep, ending, made, rows, variants

Sweep = dict[str, dict[Any, Any]]


def trained(name: str, shift: float, seeds: tuple[int, ...] = (0, 1, 2), **more: Any) -> dict[Any, Any]:
    return {seed: rows(name, seed, shift, **more) for seed in seeds}


def test_one_training_is_not_better_though_the_others_have_three_seeds(write_sweep: WriteSweep) -> None:
    own: Sweep = {REFERENCE: trained("r", 0.0), "other": trained("o", -0.02)}
    own["best"] = {0: rows("b", 0, 0.05), 1: "out_of_memory", 2: "out_of_memory"}
    scored = made(write_sweep, own)
    answer = answer_of(scored)
    assert answer.word == "undecided"
    assert answer.sentence.startswith("Not settled, because best has one seed in common with the reference: best has")
    assert any("0 better, 1 worse, 1 undecided" in part.text for part in ending(scored).parts)


def test_a_mean_that_rests_on_other_seeds_leads_nothing(write_sweep: WriteSweep) -> None:
    """The reference's third training went wrong; `x` lacks that seed: its mean is higher, its difference lower."""
    own: Sweep = {REFERENCE: trained("r", 0.0, (0, 1)) | {2: rows("r", 2, -0.3)}, "w": trained("w", -0.03)}
    own["x"] = trained("x", -0.03, (0, 1)) | {2: None}
    scored = made(write_sweep, own)
    means = {row.variant: row.mean for row in scored.main.means}
    assert (means["x"] or 0) > (means[REFERENCE] or 1)
    row = next(row for row in scored.main.means if row.variant == "x")
    assert finding("x", row.difference).mean < 0  # type: ignore[union-attr]
    answer = answer_of(scored)
    assert answer.best is not None
    assert answer.best.variant != "x"


@pytest.mark.parametrize("metric", ["dice", "hd95_vox"])
def test_a_one_sided_test_is_not_blamed_for_what_it_does_not_ask(write_sweep: WriteSweep, metric: str) -> None:
    from analysis.comparison.scored_sweep import score_sweep

    runs = write_sweep(variants([0, 1, 2]), reference=REFERENCE, metric=metric)
    scored = score_sweep(runs, "toy", sides="one-sided")
    answer = answer_of(scored)
    assert answer.word == "undecided"
    assert answer.sentence.startswith("Not asked: p=0.2 has the ")
    row = next(row for row in scored.main.means if row.variant == "p=0.2")
    caution = first_caution(scored, finding("p=0.2", row.difference), Asked())
    assert caution is None or caution.option is None


def test_variants_that_have_not_run_are_not_called_worse(write_sweep: WriteSweep) -> None:
    own: Sweep = {REFERENCE: trained("r", 0.0), "a": trained("a", -0.05)}
    own |= {"b": {0: "nan", 1: "nan", 2: "nan"}, "c": {0: None, 1: None, 2: None}}
    scored = made(write_sweep, own)
    assert answer_of(scored).sentence == (
        "The reference p=0.1 is the best: one compared variant is worse. Two variants can't be compared."
    )
    (told,) = [part.text for part in ending(scored).parts if part.text.startswith("  probability")]
    assert "is really the best of 2:" in told


def test_a_variant_with_other_seeds_is_named_beside_the_probability(write_sweep: WriteSweep) -> None:
    own: Sweep = {REFERENCE: trained("r", 0.0), "w": trained("w", 0.03), "x": trained("x", 0.029, (0,)) | {1: "nan"}}
    (told,) = [part.text for part in ending(made(write_sweep, own)).parts if part.text.startswith("  probability")]
    assert "is really the best of 2 (1 more with other seeds)" in told


def test_finished_trials_without_a_value_are_not_called_unfinished(write_sweep: WriteSweep) -> None:
    scored = made(write_sweep, variants([0]), metric="nsd_2mm", also=())
    answer = answer_of(scored)
    assert answer.word == "no scores"
    assert answer.sentence == (
        "No case has a value of NSD 2 mm of every class: records of before it was measured have none."
    )


@pytest.mark.parametrize(
    ("seeds", "option", "more"),
    [((5, 6), "--seeds 0,1,5,6", 12), ((0, 1), "--seeds 4", 12), ((0, 2), "--seeds 4", 12)],
)
def test_more_seeds_keep_those_that_are_there(
    write_sweep: WriteSweep, seeds: tuple[int, ...], option: str, more: int
) -> None:
    scored = made(write_sweep, variants(seeds, luck=0.05))
    row = next(row for row in scored.main.means if row.variant == "p=0.2")
    caution = first_caution(scored, finding("p=0.2", row.difference), Asked())
    assert caution is not None
    assert (caution.option, caution.more_trials) == (option, more)


def test_a_search_and_a_stage_of_a_tuning_have_other_advice(write_sweep: WriteSweep) -> None:
    scored = made(write_sweep, variants([1]))
    row = next(row for row in scored.main.means if row.variant == "p=0.2")
    found = finding("p=0.2", row.difference)
    search = first_caution(scored, found, Asked(seeds="strategy.confirm_seeds"))
    assert search is not None
    assert search.text.endswith("strategy.confirm_seeds: 3 in its file tells.")
    stage = first_caution(scored, found, Asked(seeds=None))
    assert stage is not None
    assert (stage.option, stage.text) == (
        None,
        "With one seed a difference may be the luck of one training, however small its p.",
    )


def test_trials_that_variants_share_are_counted_once(write_sweep: WriteSweep) -> None:
    import yaml

    from analysis.comparison.scored_sweep import score_sweep
    from analysis.runs.sweep import sweep_file

    runs = write_sweep({REFERENCE: trained("r", 0.0), "a": trained("a", -0.02)}, reference=REFERENCE)
    file = sweep_file(runs, "toy")
    content = yaml.safe_load(file.read_text())
    content["variants"].append(content["variants"][1] | {"name": "copy"})
    file.write_text(yaml.safe_dump(content))
    found = ending(score_sweep(runs, "toy"))
    assert any(part.text.startswith("Trials: 6 of 6 finished, 0 failed, 0 open;") for part in found.parts)
    assert found.content["trials"]["planned"] == 6


def test_label_splits_are_called_so(write_sweep: WriteSweep) -> None:
    own: Sweep = {
        name: {(seed, split): rows(name, 10 * seed + split, shift) for seed in (0, 1) for split in (0, 1, 2)}
        for name, shift in ((REFERENCE, 0.0), ("a", 0.05), ("b", -0.05))
    }
    texts = [part.text for part in ending(made(write_sweep, own)).parts]
    assert any(text.startswith("Against the reference over cases and label splits: ") for text in texts)


def test_the_class_that_is_never_predicted_is_the_weakest(write_sweep: WriteSweep) -> None:
    def without(own: list[dict[str, Any]]) -> list[dict[str, Any]]:
        gone = dict.fromkeys(("hd95_vox", "asd_vox"))
        return [row | (gone if row["class_id"] == 2 else {}) for row in own]

    own = {
        name: {s: without(own) for s, own in by_seed.items()} for name, by_seed in variants([0, 1], classes=2).items()
    }
    found = made(write_sweep, own, metric="dice", also=("hd95_vox",))
    assert any("Weakest of 2 classes" in part.text for part in ending(found).parts)


def test_a_long_path_costs_commands_not_lines(write_sweep: WriteSweep) -> None:
    from pathlib import Path

    from analysis.ending.ending import ending_of

    luck = random.Random(0)
    place = Path("/mnt/experiments/somebody/project") / "/".join("abcdefgh"[: luck.randint(5, 8)] for _ in range(20))
    lines = ending_lines(ending_of(made(write_sweep, variants([0, 1, 2], classes=3), also=ALSO), place), 80)
    assert sum(-(-max(1, len(line)) // 80) for line in lines) <= MOST_LINES
    assert lines[-1].startswith("simcvd report ")


def test_a_long_name_does_not_fill_the_sentence_of_a_stop(write_sweep: WriteSweep) -> None:
    name = "x" * 200
    own = {name: {0: rows("a", 0, 0.0, base=0.01)}, "b": {0: rows("b", 0, 0.0, base=0.01)}}
    sentence = answer_of(made(write_sweep, own, reference=name)).sentence
    assert sentence.startswith("STOP")
    assert "x" * 33 not in sentence


def test_trainings_without_a_value_of_the_metric_are_named_and_not_counted(write_sweep: WriteSweep) -> None:
    """Seed 0 was scored before the metric was measured."""
    own: Sweep = {
        name: {
            seed: [row | {"nsd_2mm": None if seed == 0 else row["dice"]} for row in rows(name, seed, shift)]
            for seed in (0, 1, 2)
        }
        for name, shift in ((REFERENCE, 0.0), ("a", 0.03))
    }
    scored = made(write_sweep, own, metric="nsd_2mm", also=())
    assert any("seed 0 without any value, left out of mean and comparison" in note for note in scored.notes)
    assert any("12 test cases, 2 seeds" in part.text for part in ending(scored).parts)
