"""A case file is damaged while a sweep runs."""

from pathlib import Path

import pytest

from tests.sweeps.chaos.disturbed import DisturbedSweep

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


def test_a_damaged_case_fails_its_trials_by_name_and_they_go_on_once_it_is_repaired(
    disturbed: DisturbedSweep, dataset: Path, tmp_path: Path
) -> None:
    (tmp_path / "cases").mkdir()
    whole = (dataset / "cases" / "case3.h5").read_bytes()
    (tmp_path / "cases" / "case3.h5").write_bytes(whole[: len(whole) // 2])

    def read(config, trial_dir, step):
        if step == 5 and config.seed == 1:
            from simcvd.data.store import open_case

            open_case(tmp_path, "case3", with_label=True)

    outcome, text = disturbed.run(read)
    assert outcome.exit_code == 1
    assert [row.trial.state for row in outcome.state.rows] == ["finished", "failed"] * 2, text
    trial = outcome.state.rows[1].trial
    assert (trial.failure_kind, trial.step) == ("data", 4)
    assert "cases/case3.h5 is truncated or no case file" in str(trial.failure_message)

    (tmp_path / "cases" / "case3.h5").write_bytes(whole)
    outcome, _ = disturbed.run(read, retry_failed=True)
    assert (outcome.exit_code, outcome.ran) == (0, 2)
    disturbed.assert_each_step_once()
    disturbed.assert_same_files()
