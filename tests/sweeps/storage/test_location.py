from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.storage.location import brought, runs_storage
from sweeps.storage.object_storage import ObjectStorage
from sweeps.storage.shared_folder import SharedFolder
from sweeps.storage.store import Store


def test_a_folder_is_shared_by_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert runs_storage(Path("runs"), Path("cache")) == SharedFolder(tmp_path / "runs", Path("cache"))


def test_a_url_is_an_object_store_with_an_image_in_the_cache(store: Store, tmp_path: Path) -> None:
    storage = runs_storage(Path(store.url), tmp_path)
    assert isinstance(storage, ObjectStorage)
    assert storage.folder.is_relative_to(tmp_path)
    assert str(storage) == store.url


def test_a_cache_in_a_store_is_refused() -> None:
    with pytest.raises(UserError, match=r"--cache is s3://a/b, expected a folder on each node's own disk"):
        runs_storage(Path("runs"), Path("s3://a/b"))


def test_a_folder_needs_not_be_brought() -> None:
    assert brought(Path("runs/mine")) == Path("runs/mine")
