"""A runs folder that all nodes see at one path: files, and locks of the system."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from simcvd.errors import UserError
from sweeps.channel.channel import Channel
from sweeps.channel.folder_channel import FolderChannel
from sweeps.status.lock import LOCK_WAIT_S, TrialBusyError, trial_lock
from sweeps.status.trial import read_result, trial_folder
from sweeps.storage.data_cache import CACHE, CachedData, InPlace, NodeData, Tell
from sweeps.storage.data_source import FolderSource, StoreSource
from sweeps.storage.exchange import Exchange, open_folder_exchange
from sweeps.storage.runs import TrialFiles
from sweeps.storage.store import Store, url_in


@dataclass(frozen=True)
class SharedFolder:
    """A runs folder that all nodes share.

    Attributes:
        folder: absolute.
        cache: folder on each node's own disk that data sets are copied to; none reads them in place.
    """

    folder: Path
    cache: Path | None = None

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def disk(self) -> Path:
        """The folder itself."""
        return self.folder

    def bring(self, name: str) -> None:
        """Nothing: it is all here."""

    @contextmanager
    def held(self, name: str, tell: Tell) -> Iterator[Callable[[], None]]:
        """Hold a sweep alone; what trials have recorded is here."""
        with sweep_lock(self.folder / "sweeps" / name):
            yield lambda: None

    def trial(
        self,
        trial_id: str,
        *,
        command: str | None = None,
        tell: Tell = lambda sentence: None,
        should_stop: Callable[[], bool] = lambda: False,
        wait_s: float = LOCK_WAIT_S,
    ) -> AbstractContextManager[TrialFiles]:
        """Yield the folder; who runs the trial locks it there."""
        held = partial(trial_lock, trial_folder(self.folder, trial_id), wait_s=1)
        return nullcontext(TrialFiles(self.folder, held=held))

    def recorded(self, trial_id: str) -> dict[str, Any] | None:
        """Return what was recorded of a trial."""
        return read_result(self.folder, trial_id)

    def sees(self, scratch: Path) -> bool:
        """Tell whether the scratch folder is there, as it is where this node shares the runs folder."""
        return scratch.is_dir()

    def staying(self, kept: int) -> int:
        """All stays."""
        return kept

    def exchange(self) -> AbstractContextManager[Exchange]:
        """Exchange files in the folder."""
        return open_folder_exchange(self.folder)

    def data(self, given: Path, dataset: Path, tell: Tell) -> NodeData:
        """Let nodes read a data set in place, or copy it where there is a cache; one in a store is always copied."""
        from simcvd.data.store import open_info

        digest = open_info(dataset).digest
        if url := url_in(given):
            return CachedData(dataset, StoreSource(Store(url)), digest, self.cache or CACHE)
        if self.cache is None:
            return InPlace(dataset)
        return CachedData(dataset, FolderSource(dataset), digest, self.cache, in_place=True)

    def channel(self, local: FolderChannel) -> AbstractContextManager[Channel]:
        """The command's own, which all nodes see."""
        return nullcontext(local)


@contextmanager
def sweep_lock(folder: Path) -> Iterator[None]:
    """Hold a sweep alone.

    Raises:
        UserError: another command runs it.
    """
    with busy_told(folder.name), trial_lock(folder, wait_s=3):
        yield


@contextmanager
def busy_told(name: str) -> Iterator[None]:
    """Say that another command runs a sweep, where that keeps this one from it.

    Raises:
        UserError: another command runs it.
    """
    try:
        yield
    except TrialBusyError as error:
        raise UserError(f"The sweep {name} is being run by another command; wait for it to end, or stop it.") from error
