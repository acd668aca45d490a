from pathlib import Path

import pytest

from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.store import Store


def test_each_store_has_folders_of_its_own_in_the_cache_of_each_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (ObjectRuns(Store(f"s3://bucket/{name}"), tmp_path) for name in ("one", "other"))
    places = [one.mirror, one.workspaces, other.mirror, other.workspaces]
    assert len(set(places)) == 4
    assert [place.parent for place in places] == [tmp_path / "runs", tmp_path / "trials"] * 2
    assert ObjectRuns(Store("s3://bucket/one"), tmp_path).mirror == one.mirror, "a later command finds it again"
    monkeypatch.setenv("HOME", "/home/of/the/node")
    assert ObjectRuns(one.store, Path("~/cache")).mirror.parent == Path("/home/of/the/node/cache/runs")
