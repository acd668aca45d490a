"""What weakens a verdict most comes first, with the option that mends it."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from analysis.comparison.verdict import finding
from analysis.ending.caution import Asked, Caution, first_caution
from tests.analysis.ending.made_endings import REFERENCE, WriteSweep, made, rows, variants


def caution(
    write_sweep: WriteSweep,
    own: dict[str, dict[int, Any]],
    slots: int | None = None,
    seeds: Any = "--seeds",
    **more: Any,
) -> Caution:
    scored = made(write_sweep, own, **more)
    seconds = pd.Series([100.0] * len(scored.trials))
    scored = replace(scored, trials=scored.trials.assign(seconds=seconds.to_numpy()))
    row = next(row for row in scored.main.means if row.variant == "p=0.2")
    found = first_caution(scored, finding(row.variant, row.difference), Asked(slots, seeds))
    assert found is not None
    return found


def test_failed_trials_come_before_all_else(write_sweep: WriteSweep) -> None:
    own = variants([0])
    own["p=0.9"] = {0: "out_of_memory"}
    found = caution(write_sweep, own)
    assert found.option == "--retry-failed"
    assert found.text.startswith("1 of 6 trials failed (out_of_memory)")


def test_trials_that_are_open_come_next(write_sweep: WriteSweep) -> None:
    assert caution(write_sweep, variants([0]) | {"p=0.9": {0: None}}).text.startswith("1 of 6 trials are not finished")


@pytest.mark.parametrize(("slots", "time"), [(None, "20 min"), (2, "10 min, 2 at a time")])
def test_one_seed_asks_for_three_and_says_what_they_cost(write_sweep: WriteSweep, slots: int | None, time: str) -> None:
    """Six variants, two more seeds each, 100 s a trial: 1,200 s one after the other."""
    found = caution(write_sweep, variants([0]), slots)
    assert (found.option, found.more_trials, found.seconds) == ("--seeds 3", 12, 1200 / (slots or 1))
    assert found.text.endswith(f"The same command with --seeds 3 tells (twelve more trials, about {time}).")


def test_luck_of_seeds_asks_for_twice_as_many(write_sweep: WriteSweep) -> None:
    found = caution(write_sweep, variants([0, 1, 2], luck=0.05))
    assert (found.option, found.more_trials) == ("--seeds 6", 18)
    assert "of the uncertainty (variance) comes from seeds." in found.text


def test_luck_of_cases_asks_for_more_cases(write_sweep: WriteSweep) -> None:
    """The difference varies from case to case, by as much at each seed."""
    own: dict[str, dict[int, Any]] = {
        REFERENCE: {seed: rows("a", seed, 0.0) for seed in (0, 1, 2)},
        "p=0.2": {
            seed: [row | {"dice": row["dice"] + 0.1 * (-1) ** place} for place, row in enumerate(rows("a", seed, 0.0))]
            for seed in (0, 1, 2)
        },
    }
    found = caution(write_sweep, own)
    assert found.option is None
    assert "more test cases would make it smaller, more seeds hardly" in found.text


def test_few_cases_and_empty_predictions_are_said_of_what_is_shown(write_sweep: WriteSweep) -> None:
    assert caution(write_sweep, variants([0, 1, 2])).text == (
        "With twelve cases intervals are wide: read them before p."
    )
