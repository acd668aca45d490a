import errno
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import h5py
import pytest

from simcvd.data.store import case_digest, open_info
from simcvd.errors import DataError
from sweeps.storage import data_cache
from sweeps.storage.data_cache import NoRoomError, StoppedError, cached_dataset
from sweeps.storage.data_source import FolderSource

ONE_PROCESS = """
import sys
from pathlib import Path
from sweeps.storage.data_cache import cached_dataset
from sweeps.storage.data_source import FolderSource
class Slow(FolderSource):
    def copy(self, name, *given):
        import time
        with (Path(sys.argv[2]) / "copied").open("a") as file:
            file.write(f"{name}\\n")
        if sys.argv[4] == name:
            (Path(sys.argv[2]) / "held").touch()
            time.sleep(600)
        time.sleep(0.1)
        super().copy(name, *given)
print(cached_dataset(Slow(Path(sys.argv[1])), sys.argv[3], Path(sys.argv[2])))
"""


def _process(dataset: Path, cache: Path, hold_at: str = "") -> "subprocess.Popen[str]":
    cache.mkdir(exist_ok=True)
    command = [sys.executable, "-c", ONE_PROCESS, str(dataset), str(cache), open_info(dataset).digest, hold_at]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _check(dataset: Path, folder: Path) -> None:
    info = open_info(dataset)
    assert open_info(folder) == info
    assert {case_id: case_digest(folder, case_id) for case_id in info.digests} == info.digests
    assert not (folder / ".coming").exists()


def _cached(dataset: Path, cache: Path, **options) -> Path:
    return cached_dataset(FolderSource(dataset), open_info(dataset).digest, cache, **options)


def test_of_many_processes_of_a_node_one_copies(dataset: Path, tmp_path: Path) -> None:
    processes = [_process(dataset, tmp_path / "cache") for _ in range(4)]
    folders = {process.communicate(timeout=120)[0].strip() for process in processes}
    assert folders == {str(tmp_path / "cache" / "datasets" / open_info(dataset).digest[:16])}
    _check(dataset, Path(folders.pop()))
    copied = (tmp_path / "cache" / "copied").read_text().split()
    assert sorted(copied) == [*(f"cases/case{index}.h5" for index in range(6)), "dataset.json"]


def test_a_copy_killed_midway_is_not_taken_for_whole_and_goes_on(dataset: Path, tmp_path: Path, wait) -> None:
    cache = tmp_path / "cache"
    process = _process(dataset, cache, hold_at="cases/case3.h5")
    wait((cache / "held").exists)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    folder = cache / "datasets" / open_info(dataset).digest[:16]
    assert not (folder / "dataset.json").exists()
    assert sorted(path.name for path in (folder / "cases").iterdir()) == ["case0.h5", "case1.h5", "case2.h5"]
    (cache / "copied").unlink()
    process = _process(dataset, cache)
    assert process.communicate(timeout=60)[0].strip() == str(folder)
    assert (cache / "copied").read_text().split() == ["dataset.json", *(f"cases/case{n}.h5" for n in (3, 4, 5))]
    _check(dataset, folder)


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_file_damaged_later_is_copied_again(dataset: Path, tmp_path: Path, damage: str) -> None:
    folder = _cached(dataset, tmp_path)
    case = folder / "cases" / "case4.h5"
    if damage == "cut":
        os.truncate(case, 100)
    else:
        case.unlink()
    other = (folder / "cases" / "case3.h5").stat().st_ino
    assert _cached(dataset, tmp_path) == folder
    assert (folder / "cases" / "case3.h5").stat().st_ino == other
    _check(dataset, folder)


def test_a_case_that_arrives_with_another_content_is_refused(dataset: Path, tmp_path: Path) -> None:
    class Careless(FolderSource):
        def copy(self, name, size, target, on_bytes):
            super().copy(name, size, target, on_bytes)
            if name.endswith("case2.h5"):
                with h5py.File(target, "r+") as file:
                    file["image"][0, 0, 0] += 1

    with pytest.raises(DataError, match=r"The case case2 of .* did not arrive on .* as it was prepared"):
        cached_dataset(Careless(dataset), open_info(dataset).digest, tmp_path)
    _check(dataset, _cached(dataset, tmp_path))


def test_a_data_set_that_changed_after_planning_is_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has digest .*, expected 0123456789ab; it was changed"):
        cached_dataset(FolderSource(dataset), "0123456789abcdef" * 4, tmp_path)


def test_a_disk_without_room_is_one_sentence_before_anything_is_copied(dataset: Path, tmp_path, monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(data_cache.shutil, "disk_usage", lambda path: usage(1, 1, 2**28))
    with pytest.raises(
        NoRoomError, match=r"has no room for the data set in .*: 0.00 GB are needed, 0.27 GB free; free"
    ):
        _cached(dataset, tmp_path)
    assert list(tmp_path.rglob("*.h5")) == []


def test_a_disk_that_gets_full_is_one_sentence_and_the_part_is_removed(dataset: Path, tmp_path: Path) -> None:
    class Full(FolderSource):
        def copy(self, name, size, target, on_bytes):
            if name.endswith("case2.h5"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().copy(name, size, target, on_bytes)

    with pytest.raises(NoRoomError, match="the disk got full"):
        cached_dataset(Full(dataset), open_info(dataset).digest, tmp_path)
    assert list(tmp_path.rglob("*.h5")) == []


def test_progress_is_told_in_sentences_and_a_stop_is_heard(dataset: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(data_cache, "TOLD_S", 0.0)
    told: list[str] = []
    with pytest.raises(StoppedError):
        _cached(dataset, tmp_path, tell=told.append, should_stop=lambda: len(told) > 6)
    assert "copies the data set: 0 of 6 cases, 0.0 of 0.00 GB" in told[0]
    assert "copies the data set: 3 of 6 cases" in told[-1]
    _check(dataset, _cached(dataset, tmp_path))


def test_an_incomplete_source_is_refused(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "source")
    (tmp_path / "source" / "cases" / "case5.h5").unlink()
    with pytest.raises(DataError, match=r"lacks 1 case files, such as cases/case5\.h5"):
        _cached(tmp_path / "source", tmp_path)
