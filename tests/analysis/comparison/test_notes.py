from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.comparison.scored_sweep import ScoredSweep, score_sweep
from tests.analysis.made_sweeps import ALSO, REFERENCE, below, method_variants

WriteSweep = Callable[..., Path]


def scored(write_sweep: WriteSweep, given: dict[str, dict[int, Any]]) -> ScoredSweep:
    return score_sweep(write_sweep(given, REFERENCE, also=ALSO), "toy")


def test_what_holds_for_every_metric_is_said_once(write_sweep: WriteSweep) -> None:
    given = method_variants(seeds=[0])
    given["DAN"] = {0: "out_of_memory"}
    notes = scored(write_sweep, given).notes
    assert sum("out_of_memory" in note for note in notes) == 1
    assert "DAN: 1 of 1 trials failed (out_of_memory)." in notes
    assert any(note.startswith("Supervised (upper bound), SimCVD: one seed only, so") for note in notes)


def test_a_note_on_all_variants_does_not_name_them(write_sweep: WriteSweep) -> None:
    source = scored(write_sweep, method_variants([0]))
    assert any(note.startswith("All variants: one seed only") for note in source.notes)


def test_few_cases_carry_a_warning_for_all_variants_at_once(write_sweep: WriteSweep) -> None:
    given = {name: {0: below(shift, 0)[:4]} for name, shift in (("a", 0.02), ("ref", 0.0))}
    assert "a, ref: few cases (n = 4), so SD and p are rough." in score_sweep(write_sweep(given), "toy").notes


def test_what_the_command_set_for_all_is_said(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"ref": {0: below(0, 0)}})
    assert not any("Set by the command" in note for note in score_sweep(runs, "toy").notes)
    with (runs / "sweeps" / "toy" / "sweep.yaml").open("a") as file:
        file.write(
            "overrides: {data.labeled: 8, data.crop_vox: [32, 48, 32], augment.flip: false, contrast.rows: null}"
        )
    assert (
        "Set by the command, where a variant does not set it itself: data.labeled=8, data.crop_vox=32x48x32, "
        "augment.flip=false, contrast.rows=none."
    ) in score_sweep(runs, "toy").notes
