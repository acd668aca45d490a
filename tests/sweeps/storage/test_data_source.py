import shutil
from pathlib import Path

from simcvd.data.store import open_info
from sweeps.storage.data_cache import cached_dataset, local_dataset
from sweeps.storage.data_source import StoreSource, put_dataset
from sweeps.storage.store import Store


def test_a_data_set_goes_to_the_store_once_and_from_there_to_a_node(dataset: Path, store: Store, tmp_path) -> None:
    digest = open_info(dataset).digest
    told: list[str] = []
    put_dataset(dataset, digest, store, told.append)
    put_dataset(dataset, digest, store, told.append)
    assert told == [f"Copying the data set {dataset} to {store} ..."]
    folder = cached_dataset(StoreSource(store), digest, tmp_path)
    for name in ("dataset.json", *(f"cases/case{index}.h5" for index in range(6))):
        assert (folder / name).read_bytes() == (dataset / name).read_bytes()
    assert local_dataset(Path(store.url), tmp_path, told.append) == folder
    assert local_dataset(dataset, tmp_path, told.append) == dataset


def test_an_upload_cut_off_midway_goes_on(dataset: Path, store: Store, monkeypatch) -> None:
    for index in range(3):
        store.put(f"cases/case{index}.h5", dataset / "cases" / f"case{index}.h5")
    put, names = Store.put, []
    monkeypatch.setattr(Store, "put", lambda *given: (names.append(given[1]), put(*given)))
    put_dataset(dataset, open_info(dataset).digest, store)
    assert names == ["cases/case3.h5", "cases/case4.h5", "cases/case5.h5", "dataset.json"]


def test_the_plan_of_a_data_set_comes_along_as_it_is_now(dataset: Path, store: Store, tmp_path: Path) -> None:
    mine = shutil.copytree(dataset, tmp_path / "mine")
    digest = open_info(mine).digest
    for steps in (7, 8):
        (mine / "plan.yaml").write_text(f"training.steps: {steps}\n")
        put_dataset(mine, digest, store)
        folder = local_dataset(Path(store.url), tmp_path / "cache", lambda _: None)
        assert (folder / "plan.yaml").read_text() == f"training.steps: {steps}\n"
    store.delete(["plan.yaml"])
    assert not (local_dataset(Path(store.url), tmp_path / "cache", lambda _: None) / "plan.yaml").exists()
