import os
from pathlib import Path

from sweeps.status.command import SweepCommand, write_slots
from sweeps.status.lock import trial_lock
from sweeps.status.sweep import read_status
from sweeps.status.trial import trial_folder


def test_status_tells_who_runs_a_sweep_and_with_how_many_slots(runs: Path) -> None:
    folder = runs / "sweeps" / "mine"
    (mine,) = read_status(runs, "mine")
    assert mine.remarks()[-1] == "Not running; run the same command again to continue"
    with trial_lock(folder):
        (folder / "ray" / "here-1").mkdir(parents=True)
        write_slots(folder / "ray" / "here-1", 3)
        (mine,) = read_status(runs, "mine")
        assert mine.slots == 3
        assert f"Run by process {os.getpid()} on " in mine.remarks()[-1]
        assert mine.remarks()[-1].endswith(", 3 trials at a time")
    (mine,) = read_status(runs, "mine")  # killed: its scratch folder is still there
    assert (mine.slots, mine.command and mine.command.alive) == (1, False)


def test_trials_that_another_command_runs_are_no_sign_of_the_sweeps_own(runs: Path) -> None:
    with trial_lock(trial_folder(runs, "later")):
        (mine,) = read_status(runs, "mine")
    assert mine.counts["running"] == 1
    assert mine.remarks()[-1].startswith("Its own command is not running, but another one runs 1 of its trials")


def test_a_sweep_of_another_host_is_told_by_its_logs() -> None:
    gone = SweepCommand(alive=False, host="elsewhere", pid=1)
    assert gone.sentence(2, 2).startswith("Run on elsewhere, as far as its logs tell")
    assert gone.sentence(2, 0) == "Not running; run the same command again to continue"
