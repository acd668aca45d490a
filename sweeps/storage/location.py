"""What a user names as RUNS, a folder or a URL: the one place where they are told apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.runs.sweep import SWEEP_FILE, read_sweep
from simcvd.errors import UserError
from sweeps.storage.data_cache import CACHE
from sweeps.storage.mirror import bring
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.object_storage import ObjectStorage
from sweeps.storage.runs import RunsStorage
from sweeps.storage.shared_folder import SharedFolder
from sweeps.storage.store import Store, url_in


def runs_storage(path: Path, cache: Path | None = None) -> RunsStorage:
    """Return the storage that a path names.

    Args:
        path: a folder, or `s3://BUCKET/PREFIX` as a path.
        cache: folder on each node's own disk.

    Raises:
        UserError: a store can't be reached, or `cache` is no folder of a disk.
    """
    if cache is not None and url_in(cache):
        raise UserError(f"--cache is {url_in(cache)}, expected a folder on each node's own disk.")
    url = url_in(path)
    if url is None:
        return SharedFolder(path.resolve(), cache)
    runs = ObjectRuns(Store(url), CACHE if cache is None else cache)
    runs.store.folders("sweeps")  # a wrong bucket or a missing key is said before anything else
    return ObjectStorage(runs)


@contextmanager
def shown_from(path: Path, name: str) -> Iterator[Path]:
    """Yield a runs folder with all that a sweep's figures and report show; what they write goes to the store too.

    Args:
        path: a runs folder, or the URL of one in an object store as a path.
        name: the sweep.
    """
    url = url_in(path)
    if url is None:
        yield path
        return
    runs = ObjectRuns(Store(url))
    mirror = bring(runs, name)
    mirror.pull_sweep(name, _trials_of(runs.mirror, name), pictures=True)
    yield runs.mirror
    mirror.push_sweep(name)


def brought(path: Path) -> Path:
    """Return a path as it is, or where what it names in an object store is on this machine, up to date.

    Args:
        path: RUNS, RUNS/NAME or RUNS/sweeps/NAME; in a store, RUNS is told by the `sweeps` and `trials` in it.
    """
    url = url_in(path)
    if url is None:
        return path
    above, _, last = url.rpartition("/")
    runs, inside = above.removesuffix("/sweeps"), Path("sweeps") / last
    if above.endswith("/sweeps") or _is_sweep(runs, last):
        found = ObjectRuns(Store(runs))
        bring(found, last)
        return found.mirror / inside
    found = ObjectRuns(Store(url))
    bring(found)
    return found.mirror


def refuse_search(path: Path, cache: Path | None) -> None:
    """Refuse a search where it can't run.

    Raises:
        UserError: `path` is in an object store, or `cache` is given.
    """
    if url := url_in(path):
        raise UserError(f"A search needs a runs folder that all hosts share, not {url}; choose a folder.")
    if cache is not None:
        raise UserError("--cache is for sweeps of variants; a search reads its data set in place, so drop it.")


def refuse_store(path: Path, command: str) -> None:
    """Refuse an object store where a command needs a folder.

    Raises:
        UserError: with what can be done.
    """
    if url := url_in(path):
        raise UserError(f"`simcvd {command}` needs a folder, but got {url}; only sweeps run in an object store.")


def _is_sweep(url: str, name: str) -> bool:
    return url_in(url) is not None and Store(url).has(f"sweeps/{name}/{SWEEP_FILE}")


def _trials_of(runs: Path, name: str) -> list[str]:
    try:
        return read_sweep(runs, name).trial_ids
    except AnalysisError:  # the command says it
        return []
