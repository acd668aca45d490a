"""The storage of the runs folder fails under trials."""

import re

import pytest

from tests.sweeps.chaos.disturbed import DisturbedSweep

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


def test_a_trial_whose_files_fail_once_goes_on_and_one_whose_files_always_fail_is_lost_with_the_words(
    disturbed: DisturbedSweep,
) -> None:
    def fail(config, trial_dir, step):
        import errno
        import os

        once = trial_dir / "once"
        if step == 5 and (config.loss.sdm == 0.2 or not once.exists()):
            once.touch()
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(trial_dir / "log.jsonl"))
        if step == 8:
            once.unlink(missing_ok=True)

    outcome, text = disturbed.run(fail)
    assert outcome.exit_code == 1, text
    failed = [row.trial for row in outcome.state.rows if row.trial.state == "failed"]
    assert [(trial.failure_kind, trial.step) for trial in failed] == [("worker_lost", 4)] * 2
    assert re.search(r"The storage of .* failed on .* \(Input/output error\)", failed[0].failure_message or "")
    for trial in failed:
        (disturbed.runs / "trials" / trial.id / "once").unlink()

    outcome, text = disturbed.run(retry_failed=True)
    assert (outcome.exit_code, outcome.ran) == (0, 2), text
    disturbed.assert_each_step_once()
    disturbed.assert_same_files()
