"""Data sets on a node's own disk: copied once a node, under their digest, and then read from there by all its trials.

A copy is whole when it has its `dataset.json`, which comes last. A kill midway leaves case files that are kept and
checked again the next time, and nothing that looks whole.
"""

import errno
import fcntl
import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, ClassVar, Final, Protocol

from simcvd.case_id import case_file_name
from simcvd.errors import DataError, UserError
from sweeps.storage.data_source import INFO, TOLD_S, Source, StoreSource, bring_plan, digest_of, gigabytes
from sweeps.storage.store import Store, url_in

if TYPE_CHECKING:
    from simcvd.data.dataset_info import DatasetInfo

CACHE: Final = Path("~/.cache/simcvd")
_MANIFEST: Final = "files.json"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_SPARE_BYTES: Final = 2**28
"""What is left free on the node's disk, for checkpoints and Ray."""

Tell = Callable[[str], None]


class NoRoomError(UserError):
    """The node's disk has no room for the data set."""


class StoppedError(Exception):
    """The command was asked to stop before the data set was there."""


def cached_dataset(
    source: Source,
    digest: str,
    cache: Path,
    tell: Tell = lambda sentence: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Return a data set folder on this node's own disk, copied there unless it is there.

    Of several processes of a node one copies; the others wait for it.

    Args:
        source: where it is.
        digest: `DatasetInfo.digest`.
        cache: folder on this node's own disk.
        tell: gets sentences on the progress.
        should_stop: is asked while it is copied.

    Raises:
        NoRoomError: the disk has no room for it.
        DataError: what arrived is not what was prepared.
        StoppedError: `should_stop` said yes.
        StoreError: the object store can't be reached.
    """
    folder = cache.expanduser() / "datasets" / digest[:16]
    if _is_whole(folder):
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder.with_name(f"{folder.name}.lock"), should_stop):
            if not _is_whole(folder):
                _Copy(source, digest, folder, tell, should_stop).run()
    except OSError as error:
        if error.errno not in _FULL:
            raise UserError(
                f"The cache {folder.parent} on {socket.gethostname()} can't be written ({error.strerror or error}); "
                "choose another --cache."
            ) from error
        shutil.rmtree(folder, ignore_errors=True)  # room for what else is on the disk
        raise NoRoomError(
            f"{socket.gethostname()} has no room for the data set in {folder.parent}: the disk got full; free some, or "
            "choose another --cache."
        ) from error
    return folder


class NodeData(Protocol):
    """The way of a data set to the nodes."""

    @property
    def folder(self) -> Path:
        """The data set folder on the command's machine."""

    @property
    def only_source(self) -> Source | None:
        """What nodes copy it from that do not see `folder`; none where they do."""

    def here(self, tell: Tell, should_stop: Callable[[], bool]) -> Path:
        """Return the data set folder to train from on this node.

        Raises:
            NoRoomError: there is no room for it, and nowhere else to read it from.
            DataError: what arrived is not what was prepared.
            StoppedError: `should_stop` said yes.
            StoreError: the object store can't be reached.
        """

    def described_in(self, folder: Path) -> Path:
        """Return a folder with the data set's `dataset.json`, for records of a trial that can't have the data.

        Args:
            folder: where to put it, if it is not here.
        """


@dataclass(frozen=True)
class InPlace:
    """A data set that all nodes read where it is.

    Attributes:
        folder: the data set folder.
    """

    only_source: ClassVar = None

    folder: Path

    def here(self, tell: Tell, should_stop: Callable[[], bool]) -> Path:
        """Return the folder."""
        return self.folder

    def described_in(self, folder: Path) -> Path:
        """Return the data set folder itself."""
        return self.folder


@dataclass(frozen=True)
class CachedData:
    """A data set that each node copies to its own disk.

    Attributes:
        folder: on the command's machine.
        source: where it is copied from.
        digest: `DatasetInfo.digest`.
        cache: folder on each node's own disk; a `~` is each node's own.
        in_place: whether all nodes see `folder` anyway.
    """

    folder: Path
    source: Source
    digest: str
    cache: Path
    in_place: bool = False

    @property
    def only_source(self) -> Source | None:
        """The source, unless all nodes see the folder."""
        return None if self.in_place else self.source

    def here(self, tell: Tell, should_stop: Callable[[], bool]) -> Path:
        """Return the copy, or the folder itself where there is no room for one."""
        try:
            return cached_dataset(self.source, self.digest, self.cache, tell, should_stop)
        except NoRoomError as error:
            if not self.in_place:
                raise
            tell(f"{error} Until then its trials read {self.folder}.")
            return self.folder

    def described_in(self, folder: Path) -> Path:
        """Return a folder with the data set's `dataset.json` alone."""
        if self.in_place:
            return self.folder
        folder.mkdir(parents=True, exist_ok=True)
        self.source.copy(INFO, self.source.files()[INFO], folder / INFO, lambda count: None)
        return folder


class _Copy:
    def __init__(self, source: Source, digest: str, folder: Path, tell: Tell, should_stop: Callable[[], bool]) -> None:
        self._source, self._digest, self._folder, self._should_stop = source, digest, folder, should_stop
        self._tell, self._told_at = tell, time.monotonic()
        self._arrived = 0

    def run(self) -> None:
        from simcvd.data.store import open_info

        sizes = dict(self._source.files())
        coming = self._folder / ".coming"
        shutil.rmtree(coming, ignore_errors=True)
        (coming / "cases").mkdir(parents=True)
        (self._folder / "cases").mkdir(exist_ok=True)
        (self._folder / INFO).unlink(missing_ok=True)
        self._source.copy(INFO, sizes[INFO], coming / INFO, lambda count: None)
        info = open_info(coming)
        if info.digest != self._digest:
            raise DataError(
                f"The data set {self._source} has digest {info.digest[:12]}, expected {self._digest[:12]}; it was "
                "changed after the sweep was planned."
            )
        wanted = {f"cases/{case_file_name(case_id)}": case_id for case_id in info.digests}
        if missing := sorted(wanted.keys() - sizes.keys()):
            raise DataError(f"The data set {self._source} lacks {len(missing)} case files, such as {missing[0]}.")
        sizes = {name: sizes[name] for name in wanted}
        there = {name for name in wanted if self._is_right(self._folder, name, sizes[name], info, wanted[name])}
        self._check_room(sum(sizes[name] for name in wanted if name not in there))
        self._arrived = sum(sizes[name] for name in there)
        for done, name in enumerate(sorted(wanted.keys() - there), len(there)):
            self._report(done, sizes)
            self._source.copy(name, sizes[name], coming / name, partial(self._on_bytes, done, sizes))
            if not self._is_right(coming, name, sizes[name], info, wanted[name]):
                raise DataError(
                    f"The case {wanted[name]} of {self._source} did not arrive on {socket.gethostname()} as it was "
                    "prepared; see that it is sound there with `simcvd inspect`."
                )
            (coming / name).replace(self._folder / name)
        (coming / _MANIFEST).write_text(json.dumps(sizes))
        (coming / _MANIFEST).replace(self._folder / _MANIFEST)
        (coming / INFO).replace(self._folder / INFO)
        shutil.rmtree(coming, ignore_errors=True)

    @staticmethod
    def _is_right(folder: Path, name: str, size: int, info: "DatasetInfo", case_id: str) -> bool:
        from simcvd.data.store import case_digest

        try:
            return (folder / name).stat().st_size == size and case_digest(folder, case_id) == info.digests[case_id]
        except (OSError, DataError):
            return False

    def _check_room(self, needed: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if needed + _SPARE_BYTES > free:
            raise NoRoomError(
                f"{socket.gethostname()} has no room for the data set in {self._folder.parent}: {gigabytes(needed)} "
                f"are needed, {gigabytes(free)} free; free some, or choose another --cache."
            )

    def _on_bytes(self, done: int, sizes: Mapping[str, int], count: int) -> None:
        self._arrived += count
        self._report(done, sizes)
        if self._should_stop():
            raise StoppedError

    def _report(self, done: int, sizes: Mapping[str, int]) -> None:
        if time.monotonic() - self._told_at < TOLD_S:
            return
        self._told_at = time.monotonic()
        self._tell(
            f"{socket.gethostname()} copies the data set: {done} of {len(sizes)} cases, "
            f"{self._arrived / 1e9:.1f} of {gigabytes(sum(sizes.values()))}"
        )


def _is_whole(folder: Path) -> bool:
    """Tell whether all is there, every file in its full length."""
    try:
        sizes = json.loads((folder / _MANIFEST).read_text())
        return (folder / INFO).is_file() and all((folder / name).stat().st_size == sizes[name] for name in sizes)
    except (OSError, ValueError):
        return False


@contextmanager
def _alone(path: Path, should_stop: Callable[[], bool]) -> Iterator[None]:
    with path.open("a") as file:
        while not _try_lock(file):
            if should_stop():
                raise StoppedError
            time.sleep(0.2)
        yield


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def local_dataset(path: Path, cache: Path, tell: Tell) -> Path:
    """Return a data set folder on this machine for one that may be in an object store.

    Args:
        path: a folder, or a URL as a path.
        cache: folder on this machine's own disk, where one from a store is copied to.
        tell: gets sentences on the progress.
    """
    url = url_in(path)
    if url is None:
        return path
    source = StoreSource(Store(url))
    folder = cached_dataset(source, digest_of(source), cache, tell)
    bring_plan(source, folder)
    return folder
