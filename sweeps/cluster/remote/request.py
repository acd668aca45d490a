"""What is to run on a cluster: a command of this project, with the files and the data set that it reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from simcvd.config.plugins import PLUGINS, plugin_files
from simcvd.errors import UserError
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.job import sweep_key
from sweeps.search.storage_url import refuse_password
from sweeps.storage.location import refuse_search, refuse_store

_CACHE: Final = "--cache="
_STORAGE: Final = "--storage="


@dataclass(frozen=True)
class RemoteCommand:
    """A command for the head of a cluster.

    Attributes:
        name: of the sweep or the tuning; its folder is `RUNS/sweeps/NAME`.
        words: the command without data set and options, such as `("sweep", "dropout")`.
        searches: whether it is a search, or has one.
        files: what it reads on this machine, by the name that `words` and options have for it.
        stages: the sweeps that a tuning is made of; none for a sweep.
    """

    name: str
    words: tuple[str, ...]
    searches: bool = False
    files: Mapping[str, Path] = field(default_factory=dict)
    stages: tuple[str, ...] = ()


@dataclass(frozen=True)
class RemoteSweep:
    """What is to run on a cluster.

    Attributes:
        cluster: the cluster.
        command: for its head.
        dataset: data set folder, here or on the hosts; None for the built-in phantom set.
        options: further arguments of the command.
        runs: runs folder on this machine, for what is brought back.
    """

    cluster: ClusterFile
    command: RemoteCommand
    dataset: Path | None
    options: Sequence[str]
    runs: Path

    @property
    def remote_runs(self) -> str:
        """Runs folder that the hosts share.

        Raises:
            UserError: the cluster file names none.
        """
        if self.cluster.runs is None:
            raise UserError(
                f"{self.cluster.path} names no folder that its hosts share; add to it: "
                "metadata: {simcvd: {runs: /the/shared/folder}}."
            )
        return self.cluster.runs.rstrip("/")

    @property
    def key(self) -> str:
        """What tells it among the jobs of the cluster."""
        return sweep_key(self.command.name, self.remote_runs)

    @property
    def cache(self) -> str | None:
        """Folder on each host's own disk: the option's, else the cluster file's, else none; a search knows none."""
        given = [option.removeprefix(_CACHE) for option in self.options if option.startswith(_CACHE)]
        own = None if self.command.searches else self.cluster.cache
        return given[-1] if given else own

    def arguments(self, dataset: str | None) -> list[str]:
        """Return the command for the head; `dataset` is where the hosts have the data set."""
        named = [] if dataset is None else [dataset]
        cache = [] if self.cache is None else [f"{_CACHE}{self.cache}"]
        plugins = [f"--plugin={PLUGINS}/{name}" for name in plugin_files()]
        return [*self.command.words, *named, "--out", self.remote_runs, *self.options, *cache, *plugins]

    def check(self) -> None:
        """Refuse what the head would refuse, or what would be found only after the sweep.

        Raises:
            UserError: with what to do.
        """
        refuse_store(self.runs, f"{self.command.words[0]} --cluster")
        if self.command.searches:
            refuse_search(Path(self.remote_runs), None if self.cache is None else Path(self.cache))
        if self.cache is not None and not self.cache.startswith(("/", "~/")):
            raise UserError(f"--cache is '{self.cache}', expected an absolute path on each host's own disk.")
        for option in self.options:  # what a job is started with is shown to all who see the dashboard
            if option.startswith(_STORAGE):
                refuse_password(option.removeprefix(_STORAGE))
