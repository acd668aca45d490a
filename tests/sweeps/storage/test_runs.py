"""What every storage of runs does, whichever it is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from simcvd.config import load_preset
from simcvd.data.store import open_info
from simcvd.errors import UserError
from sweeps.status.lock import TrialBusyError
from sweeps.status.trial import read_result, trial_folder
from sweeps.storage.exchange import HERE
from sweeps.storage.lease import Pace
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.object_storage import ObjectStorage
from sweeps.storage.runs import RunsStorage
from sweeps.storage.shared_folder import SharedFolder
from sweeps.storage.store import Store
from sweeps.trial.records import record_failure

TRIAL = "t-s0"


@pytest.fixture(params=["shared folder", "object store"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], RunsStorage]:
    """Return the storage as a node of this name has it."""
    if request.param == "shared folder":
        (tmp_path / "runs").mkdir()
        return lambda name: SharedFolder(tmp_path / "runs")
    store: Store = request.getfixturevalue("store")
    return lambda name: ObjectStorage(ObjectRuns(store, tmp_path / name, Pace(0.1, 30)))


def _fail(storage: RunsStorage, dataset: Path) -> None:
    with storage.trial(TRIAL) as files, files.held():
        record_failure(load_preset("phantom"), dataset, files.runs, TRIAL, "worker_lost", "It went away.")


def test_what_one_node_records_of_a_trial_another_reads(node, dataset: Path) -> None:
    assert node("b").recorded(TRIAL) is None
    _fail(node("a"), dataset)
    row = node("b").recorded(TRIAL)
    assert row is not None
    assert (row["status"], row["failure_message"]) == ("failed", "It went away.")


def test_a_trial_is_held_by_one_alone(node) -> None:
    def hold(name: str) -> None:
        with node(name).trial(TRIAL, wait_s=0.5) as files, files.held():
            pass

    with node("a").trial(TRIAL) as files, files.held(), pytest.raises(TrialBusyError, match=r"t-s0 is being run by"):
        hold("b")
    hold("b")


def test_files_of_a_trial_are_found_on_another_node(node) -> None:
    with node("a").trial(TRIAL) as files, files.held():
        trial_folder(files.runs, TRIAL).mkdir(parents=True, exist_ok=True)
        (trial_folder(files.runs, TRIAL) / "log.jsonl").write_text("{}\n")
    with node("b").trial(TRIAL) as files, files.held():
        assert (trial_folder(files.runs, TRIAL) / "log.jsonl").read_text() == "{}\n"


def test_who_holds_a_sweep_gets_what_trials_record_and_another_command_may_follow(node, dataset: Path) -> None:
    command, told = node("command"), list[str]()
    with command.held("mine", told.append) as pull:
        _fail(node("a"), dataset)
        pull()
        row = read_result(command.folder, TRIAL)
        assert row is not None
        assert row["status"] == "failed"
    with node("another").held("mine", told.append):
        pass


def test_an_exchange_with_a_node_finds_it_sound_and_one_that_is_not_seen_is_refused(node) -> None:
    storage = node("command")
    with storage.exchange() as exchange:
        reports = {HERE: exchange.look("here"), "node b": exchange.look("b")}
        assert exchange.answered("b")
        assert exchange.judge(reports) == []
        with pytest.raises(UserError, match=r"[nN]ode b"):
            exchange.judge(reports, ["node b"])


def test_a_data_set_finds_its_way_to_a_node(node, dataset: Path) -> None:
    data = node("command").data(dataset, dataset, lambda sentence: None)
    assert data.folder == dataset
    assert open_info(data.here(lambda sentence: None, lambda: False)) == open_info(dataset)


def test_a_shared_folder_has_it_all_and_an_object_store_only_what_is_brought(store: Store, tmp_path: Path) -> None:
    shared, remote = SharedFolder(tmp_path), ObjectStorage(ObjectRuns(store, tmp_path / "cache"))
    assert (shared.staying(7), remote.staying(7)) == (7, 0)
    assert (shared.disk, remote.disk) == (tmp_path, tmp_path / "cache")
    assert (shared.sees(tmp_path), shared.sees(tmp_path / "absent"), remote.sees(tmp_path / "absent")) == (
        True,
        False,
        True,
    )
    assert (str(shared), str(remote)) == (str(tmp_path), store.url)
