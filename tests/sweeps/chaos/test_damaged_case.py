"""A case file is damaged while a sweep runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


def test_a_damaged_case_fails_its_trials_by_name_and_they_go_on_once_it_is_repaired(
    run: Callable[..., Any],
    dataset: Path,
    tmp_path: Path,
    make_sweep: Any,
    make_chain: Any,
    undisturbed: Any,
    same_files: Any,
    steps_of: Any,
) -> None:
    (tmp_path / "cases").mkdir()
    whole = (dataset / "cases" / "case3.h5").read_bytes()
    (tmp_path / "cases" / "case3.h5").write_bytes(whole[: len(whole) // 2])

    def read(config, trial_dir, step):
        if step == 5 and config.seed == 1:
            from simcvd.data.store import open_case

            open_case(tmp_path, "case3", with_label=True)

    runs, sweep = tmp_path / "runs", make_sweep()
    outcome, text = run(sweep, make_chain(read))
    assert outcome.exit_code == 1
    assert [row.trial.state for row in outcome.state.rows] == ["finished", "failed"] * 2, text
    trial = outcome.state.rows[1].trial
    assert (trial.failure_kind, trial.step) == ("data", 4)
    assert "cases/case3.h5 is truncated or no case file" in str(trial.failure_message)

    (tmp_path / "cases" / "case3.h5").write_bytes(whole)
    outcome, _ = run(sweep, make_chain(read), retry_failed=True)
    assert (outcome.exit_code, outcome.ran) == (0, 2)
    assert all(steps == list(range(1, 9)) for steps in steps_of(runs).values())
    same_files(runs, undisturbed(sweep), sweep)
