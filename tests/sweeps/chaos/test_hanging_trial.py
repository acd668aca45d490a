"""A trial stands still."""

from pathlib import Path

import pytest

from tests.sweeps.chaos.disturbed import DisturbedSweep

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


def test_a_trial_that_hangs_once_finishes_and_one_that_always_hangs_fails_without_the_others(
    disturbed: DisturbedSweep, tmp_path: Path
) -> None:
    hung = tmp_path / "hung"

    def hang(config, trial_dir, step):
        import time

        once = (config.loss.sdm, config.seed) == (0.1, 1) and not hung.exists()
        always = (config.loss.sdm, config.seed) == (0.2, 0)
        if step == 5 and (once or always):
            if once:
                hung.touch()
            time.sleep(3600)

    outcome, text = disturbed.run(hang, hang_timeout_s=5.0)
    states = {(row.planned.variant, row.planned.seed): row.trial for row in outcome.state.rows}
    assert [trial.state for trial in states.values()] == ["finished", "finished", "failed", "finished"], text
    assert outcome.exit_code == 1
    failed = states["sdm=0.2", 0]
    assert (failed.failure_kind, failed.step) == ("hung", 4)
    assert "hung in hang (test_hanging_trial.py:" in str(failed.failure_message)
    assert "most recent call first" in (disturbed.runs / "trials" / failed.id / "failure.txt").read_text()
    once = states["sdm=0.1", 1].id
    assert f"The trial {once} hung in hang (test_hanging_trial.py:" in text
    assert all(steps == list(range(1, len(steps) + 1)) for steps in disturbed.steps.values())

    outcome, text = disturbed.run(retry_failed=True)
    assert (outcome.exit_code, outcome.ran) == (0, 1), text
    disturbed.assert_each_step_once()
    disturbed.assert_same_files()
