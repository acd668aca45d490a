"""The scores of a trial's test cases by all its workers: each scores its share, and the first one writes all masks.

After each case the workers meet: they hand over their masks, and hear whether one was asked to stop or has failed, so
that all go on or all leave. None waits longer than the longest case takes, and each shows that it is alive.
"""

import functools
import hashlib
import traceback
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.runs.masks import MaskWriter
from simcvd.device_errors import gpu_fault
from simcvd.files import write_file
from sweeps.trial.engine import Engine
from sweeps.trial.failure_kinds import failure_kind, is_of_storage
from sweeps.trial.group import from_all, from_first, rank_and_workers
from sweeps.trial.records import TrialRecords

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Mask = npt.NDArray[np.uint8]

Rows = list[dict[str, Any]]


class WorkerFailedError(Exception):
    """Another worker of this trial failed, and this one can't go on without it.

    Attributes:
        kind: of the failure, where it is this worker that records it.
    """

    def __init__(self, message: str, kind: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind


def score_test_cases(
    records: TrialRecords, dataset: Path, engine: Engine, device: str, should_stop: Callable[[], bool] | None
) -> Rows:
    """Score the test cases of a trained trial and write their masks; every worker of the trial calls this alike.

    Args:
        records: the trial.
        dataset: data set folder.
        engine: what scores; with several workers, it is told which cases by `only`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        should_stop: is asked after each case.

    Returns:
        The rows of all cases, in the order of the split, on every worker.

    Raises:
        Interrupted: `should_stop` said yes to one of the workers.
        WorkerFailedError: another worker failed.
    """
    cases = records.info.splits.test
    if not cases:
        return []
    rank, _ = rank_and_workers()
    with ExitStack() as held:
        masks = held.enter_context(MaskWriter(records.runs, records.id)) if rank == 0 else None
        meeting = _Meeting(records.runs, masks, should_stop)
        try:
            return _scored(records, dataset, engine, device, meeting)
        except Exception as error:
            if not meeting.is_over:
                meeting.leave(error)
            raise


def _scored(records: TrialRecords, dataset: Path, engine: Engine, device: str, meeting: "_Meeting") -> Rows:
    from simcvd.training.distributed import own_share

    cases = records.info.splits.test
    evaluate = functools.partial(engine.evaluate, records.folder, dataset, "test", device=device)
    if rank_and_workers()[1] == 1:
        return records.rows("test", evaluate(on_case=meeting.attend))
    _hand_out_student(records.folder)
    share = own_share(cases)

    def on_case(case_id: str, mask: "Mask") -> None:
        meeting.attend(case_id, mask if case_id in share else None)

    rows = records.rows("test", evaluate(on_case=on_case, only=share)) if share else []
    order = {case_id: index for index, case_id in enumerate(cases)}
    all_rows = meeting.wait([row for row in rows if row["case_id"] in share])
    return sorted(all_rows, key=lambda row: order[row["case_id"]])


@dataclass(frozen=True)
class _Word:
    """What one worker says when all meet.

    Attributes:
        case_id: the case that it has predicted.
        mask: of the case, deflated, with its shape.
        stop: it was asked to stop.
        failure: of what kind it failed, its sentence and its traceback; no kind where others are not to record it.
        rows: those of its share, once it is done.
    """

    case_id: str | None = None
    mask: tuple[bytes, tuple[int, ...]] | None = None
    stop: bool = False
    failure: tuple[str | None, str, str] | None = None
    rows: Rows | None = None


class _Meeting:
    """The meetings of one worker with the others.

    Args:
        runs: the runs folder.
        masks: on the first worker, gets all masks.
        should_stop: is asked each time.
    """

    def __init__(self, runs: Path, masks: MaskWriter | None, should_stop: Callable[[], bool] | None) -> None:
        self._runs, self._masks, self._should_stop = runs, masks, should_stop
        self._rank, self._workers = rank_and_workers()
        self.is_over = False
        """No worker waits for another any more, or their connection broke."""

    def attend(self, case_id: str, mask: "Mask | None") -> None:
        """Hand over a case."""
        packed = None
        if self._masks is not None and mask is not None:
            self._masks.add(case_id, mask)
        elif mask is not None:
            packed = (zlib.compress(mask.tobytes(), 1), mask.shape)
        self._meet(_Word(case_id, packed, self._asked()))

    def wait(self, rows: Rows) -> Rows:
        """Hand over the rows, and meet the others until they are done, too; return the rows of all."""
        while True:
            words = self._meet(_Word(stop=self._asked(), rows=rows))
            if all(word.rows is not None for word in words):
                return [row for word in words for row in word.rows or []]

    def leave(self, error: Exception) -> None:
        """Tell the others why this worker fails.

        Raises:
            WorkerFailedError: the first worker records the failure. A broken GPU and a full disk are this worker's own
                to tell of.
        """
        if self._workers == 1:
            return
        mine = gpu_fault(error) is not None or is_of_storage(error, self._runs)
        kind = None if mine else failure_kind(error)
        self.is_over = True
        try:
            from_all(_Word(failure=(kind, str(error), "".join(traceback.format_exception(error)))))
        except Exception:  # a GPU that is broken or full carries no word; what it broke of is raised by the caller
            return
        if kind is not None and self._rank > 0:
            # Not from it: what is found in the cause would be recorded twice.
            raise WorkerFailedError(f"Worker {self._rank}, this one, failed; the first one records it.") from None

    def _asked(self) -> bool:
        return self._should_stop is not None and self._should_stop()

    def _meet(self, own: _Word) -> list[_Word]:
        self.is_over = True
        words = from_all(own)
        for number, word in enumerate(words):
            if word.failure is not None:
                raise self._failed(number, *word.failure)
        scoring = [word.case_id for word in words if word.case_id is not None]
        if scoring and any(word.stop for word in words):
            from simcvd.training.interruption import Interrupted

            raise Interrupted(f"Stopped while scoring {scoring[0]}; run the same command again to continue.")
        self.is_over = False
        self._write(words)
        return words

    def _failed(self, number: int, kind: str | None, message: str, trace: str) -> WorkerFailedError:
        if kind is None or self._rank > 0:
            return WorkerFailedError(f"Worker {number} failed while it scored test cases.")
        error = WorkerFailedError(message, kind)
        error.add_note(f"It was worker {number}:\n{trace}")
        return error

    def _write(self, words: Sequence[_Word]) -> None:
        if self._masks is None:
            return
        import numpy as np

        for word in words:
            if word.case_id is not None and word.mask is not None:
                values, shape = word.mask
                self._masks.add(word.case_id, np.frombuffer(zlib.decompress(values), np.uint8).reshape(shape))


def _hand_out_student(folder: Path) -> None:
    """Give every worker the student that the first one has saved: in an object store, each has a folder of its own."""
    from simcvd.inference.weights import WEIGHTS_FILE

    for name in ("config.yaml", WEIGHTS_FILE):
        path = folder / name
        digests = from_all(_digest(path))
        if digests[0] is None or len(set(digests)) == 1:
            continue
        content = from_first(path.read_bytes)
        if digests[rank_and_workers()[0]] != digests[0]:
            assert content is not None
            write_file(path, content)


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
