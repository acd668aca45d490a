import json
from pathlib import Path

import pytest

from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.remote.events import FollowedSweep
from sweeps.cluster.remote.run import RemoteOutcome


def cluster_of(own):
    """Return the file of a cluster."""
    return ClusterFile(Path("c.yaml"), "lab", "local", {"metadata": {"simcvd": own}, "provider": {"type": "local"}})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sweep", "dropout", "--cluster", "absent.yaml"], "The cluster file absent.yaml can't be read"),
        (["sweep", "dropout", "--down-when-done"], "--down-when-done is for --cluster"),
        (["sweep", "dropout", "--cluster", "absent.yaml", "--dry-run"], "The cluster file absent.yaml can't be read"),
        (["sweep", "dropout", "--cluster", "c.yaml", "--address", "a:1"], "--address is for the machine that it is"),
        (["sweep", "nothing", "--cluster", "c.yaml"], "There is no built-in sweep 'nothing'"),
        (["tune", "--cluster", "absent.yaml"], "The cluster file absent.yaml can't be read"),
        (["tune", "--down-when-done"], "--down-when-done is for --cluster"),
        (["tune", "--cluster", "c.yaml", "--address", "a:1"], "--address is for the machine that it is"),
        (["tune", "/there/only", "--cluster", "c.yaml"], "so the tuning has no name; give it one with --name."),
        (["cluster", "up", "absent.yaml"], "The cluster file absent.yaml can't be read"),
        (["cluster", "status", "c.yaml"], "unknown key, did you mean provider?"),
        (["cluster", "down", "c.yaml"], "c.yaml is wrong: line 1, provder"),
    ],
)
def test_what_is_wrong_with_a_cluster_is_told_before_any_host_is_asked(run, arguments, told):
    Path("c.yaml").write_text("provder: {type: local}\ncluster_name: c\n")
    done = run(*arguments)
    assert done.exit_code == 2
    assert told in done.output
    assert not Path("runs").exists()


@pytest.fixture
def sent(monkeypatch):
    """Keep what would be sent to a cluster, which answers as a tuning does."""
    found = []

    def sweep_on_cluster(wanted, console):
        found.append(wanted)
        return RemoteOutcome(0, FollowedSweep(wanted.command.name).state, answer=("No gain.", "The model is in runs."))

    monkeypatch.setattr("sweeps.cluster.remote.run.sweep_on_cluster", sweep_on_cluster)
    monkeypatch.setattr("sweeps.cluster.cluster_file.load_cluster", lambda path: cluster_of({"runs": "/r"}))
    return found


def test_a_tuning_is_sent_with_its_name_and_the_files_that_it_reads(run, sent):
    Path("best.yaml").write_text("projection.pool_size: 4\n")
    options = ("--time-budget", "1h", "--start", "best.yaml", "--start", "best.yaml", "--set", "loss.sdm=0.2")
    done = run("tune", "--cluster", "c.yaml", "--out", "here", *options)
    assert done.exit_code == 0, done.output
    assert done.output == "\nNo gain.\nThe model is in runs.\n"
    (wanted,) = sent
    assert wanted.arguments("/r/data") == [
        *("tune", "--name=tune-phantom", "--start=start-0.yaml", "--start=start-1.yaml", "/r/data", "--out", "/r"),
        *("--time-budget=1h", "--set=loss.sdm=0.2"),
    ]
    assert wanted.command.files == {"start-0.yaml": Path("best.yaml"), "start-1.yaml": Path("best.yaml")}
    assert wanted.command.stages == tuple(f"tune-phantom-{name}" for name in ("baseline", "search", "confirm", "final"))
    assert (wanted.key, wanted.runs, wanted.dataset) == ("/r/sweeps/tune-phantom", Path("here"), None)
    assert not Path("here").exists()


def test_the_last_event_of_a_tuning_elsewhere_has_its_lines(run, sent):
    done = run("tune", "/on/the/hosts", "--name", "mine", "--cluster", "c.yaml", "--json")
    assert done.exit_code == 0, done.output
    end = json.loads(done.stdout)
    assert (end["event"], end["exit_code"], end["message"]) == ("end", 0, "No gain.\nThe model is in runs.")
