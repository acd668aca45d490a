"""Where a sweep's runs are: what a command and its trials ask of a shared folder and of an object store alike."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sweeps.channel.channel import Channel
from sweeps.channel.folder_channel import FolderChannel
from sweeps.status.lock import LOCK_WAIT_S
from sweeps.storage.data_cache import NodeData, Tell
from sweeps.storage.exchange import Exchange


@dataclass(frozen=True)
class TrialFiles:
    """The files of a trial as one of its workers has them.

    Attributes:
        runs: a runs folder.
        begun: to be called by each worker when it is known that the trial runs, before its files are read.
        held: holds the trial alone for whoever records it without running it; a lease does so already.
    """

    runs: Path
    begun: Callable[[], None] = lambda: None
    held: Callable[[], AbstractContextManager[None]] = nullcontext


class RunsStorage(Protocol):
    """A runs folder; its text is what a user calls it. It is handed to every node."""

    @property
    def folder(self) -> Path:
        """The runs folder as the command's machine sees it."""

    @property
    def disk(self) -> Path:
        """Where trials write, on the node that asks."""

    def bring(self, name: str) -> None:
        """Bring what is there to `folder`, with the files of one sweep."""

    def held(self, name: str, tell: Tell) -> AbstractContextManager[Callable[[], None]]:
        """Hold a sweep alone while the `with` block lasts; yield what brings to `folder` all that trials have recorded.

        Args:
            name: the sweep's name.
            tell: gets sentences for the user.

        Raises:
            UserError: another command runs it.
        """

    def trial(
        self,
        trial_id: str,
        *,
        command: str | None = None,
        tell: Tell = lambda sentence: None,
        should_stop: Callable[[], bool] = lambda: False,
        wait_s: float = LOCK_WAIT_S,
    ) -> AbstractContextManager[TrialFiles]:
        """Yield the files of a trial on this node; each worker of the trial calls this alike.

        Args:
            trial_id: the trial.
            command: what tells the command from others.
            tell: gets sentences for the user.
            should_stop: ends the wait for storage that does not answer.
            wait_s: how long to wait for the holder of a lease, in seconds.

        Raises:
            TrialBusyError: another live process holds the trial.
            StoreError: a store did not answer for a long time.
        """

    def recorded(self, trial_id: str) -> dict[str, Any] | None:
        """Return what was recorded of a trial, as `read_result` does, from any node."""

    def sees(self, scratch: Path) -> bool:
        """Tell whether this node sees what it needs of the command's scratch folder."""

    def staying(self, kept: int) -> int:
        """Return how many of the bytes that trials leave stay on the disk of `folder`."""

    def exchange(self) -> AbstractContextManager[Exchange]:
        """Begin to show to nodes, and be shown, what is written there."""

    def data(self, given: Path, dataset: Path, tell: Tell) -> NodeData:
        """Return the way of a data set to the nodes.

        Args:
            given: what the user named: a folder, or a URL as a path.
            dataset: the data set folder on this machine.
            tell: gets sentences on the progress.
        """

    def channel(self, local: FolderChannel) -> AbstractContextManager[Channel]:
        """Let trials on all nodes use the command's own channel while the `with` block lasts."""
