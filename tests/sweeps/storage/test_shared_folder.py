from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from simcvd.data.store import open_info
from simcvd.errors import UserError
from sweeps.status.lock import trial_lock
from sweeps.storage.data_cache import CachedData, InPlace
from sweeps.storage.data_source import StoreSource
from sweeps.storage.shared_folder import SharedFolder, sweep_lock

Tell = Callable[[str], None]


def test_a_data_set_is_read_in_place_unless_there_is_a_cache_or_it_is_in_a_store(dataset: Path, tmp_path: Path) -> None:
    told: list[str] = []
    digest = open_info(dataset).digest
    assert SharedFolder(tmp_path).data(dataset, dataset, told.append) == InPlace(dataset)
    cached = SharedFolder(tmp_path, tmp_path / "cache").data(dataset, dataset, told.append)
    assert isinstance(cached, CachedData)
    assert (cached.digest, cached.cache) == (digest, tmp_path / "cache")
    remote = SharedFolder(tmp_path).data(Path("s3:/bucket/data"), dataset, told.append)
    assert isinstance(remote, CachedData)
    assert isinstance(remote.source, StoreSource)
    assert remote.source.store.url == "s3://bucket/data"


def test_a_sweep_is_held_by_one_command_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(folder: Path, wait_s: float) -> AbstractContextManager[None]:
        return trial_lock(folder, wait_s=min(wait_s, 0.1))

    monkeypatch.setattr("sweeps.storage.shared_folder.trial_lock", impatient)
    with (
        sweep_lock(tmp_path / "mine"),
        pytest.raises(UserError, match="The sweep mine is being run by another command"),
        sweep_lock(tmp_path / "mine"),
    ):
        pytest.fail("it was held twice")
    with sweep_lock(tmp_path / "mine"):
        pass
