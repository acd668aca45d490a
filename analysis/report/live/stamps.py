"""Whether anything that a report shows has changed: a stamp of the files' sizes and times, without reading them."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from analysis.runs.average_mask import average_mask_file
from analysis.runs.sweep import read_sweep, sweep_file


@dataclass(frozen=True)
class Stamp:
    """What the files were when they were looked at.

    Attributes:
        results: of the sweep's file, its records, scores and masks, and what the average mask scores.
        whole: of these, the logs of its trainings and what its search has tried.
    """

    results: str
    whole: str


@dataclass
class Files:
    """The files that a report of a sweep shows.

    Attributes:
        runs: the runs folder.
        name: the sweep's name.
    """

    runs: Path
    name: str
    _trials: tuple[str, ...] = field(default=(), repr=False)
    _read: str = field(default="", repr=False)

    def stamp(self) -> Stamp:
        """Look at all of them.

        Raises:
            AnalysisError: the sweep's file is gone or damaged.
        """
        own = sweep_file(self.runs, self.name)
        plan = _state([own])
        if plan != self._read:
            self._trials, self._read = tuple(read_sweep(self.runs, self.name).trial_ids), plan
        results = _state([own, *self._results()])
        logs = (self.runs / "trials" / trial / "log.jsonl" for trial in self._trials)
        searched = sorted((own.parent / "search").glob("*.json"))
        return Stamp(results, _hash([results, _state([*logs, *searched])]))

    def _results(self) -> Iterator[Path]:
        yield average_mask_file(self.runs, self.name)  # written after the last record; the ending rests on it
        folder = self.runs / "results"
        for trial in self._trials:
            yield folder / "trials" / f"{trial}.parquet"
            yield folder / "cases" / f"{trial}.parquet"
            yield folder / "masks" / f"{trial}.h5"


def _state(paths: Iterable[Path]) -> str:
    told = []
    for path in paths:
        try:
            found = path.stat()
        except OSError:  # not there, or not to be read now
            continue
        told.append(f"{path.name} {found.st_size} {found.st_mtime_ns}")
    return _hash(told)


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode(errors="surrogatepass")).hexdigest()[:16]
