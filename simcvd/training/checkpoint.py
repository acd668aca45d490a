"""Save and restore everything that the next step depends on: networks, optimisers and the step.

Each file is sealed with its own digest. The one before is kept beside it, and is gone on from where the last one is
damaged.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from simcvd.errors import UserError
from simcvd.files import replacing
from simcvd.methods.base import Method
from simcvd.training.distributed import from_all, rank_and_workers
from simcvd.training.seal import SealedWriter, is_sealed_archive

FORMAT = 1
PREVIOUS: Final = "previous.pt"
"""Name of the checkpoint that was the last one until the last one came."""


@dataclass(frozen=True)
class Progress:
    """How far a trial has come.

    Attributes:
        steps_done: finished training steps.
        seconds: time spent in them, over all sessions.
    """

    steps_done: int = 0
    seconds: float = 0.0


class CheckpointWriter:
    """Writes checkpoints by rename, in a thread while the next steps run; one at a time, and the one before is kept.

    `save` copies the state to the host's memory, on a GPU without waiting for it: the copy stands in the stream before
    the next step, which changes the state. So a checkpoint is of the step after which it was asked for.

    Args:
        path: of the checkpoint.
        method: what is trained.
        identity: of the trial.
    """

    def __init__(self, path: Path, method: Method, identity: str) -> None:
        self._path, self._method, self._identity = path, method, identity
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def save(self, progress: Progress, check: Callable[[], object] = lambda: None) -> None:
        """Begin to write the state as it is now; the one before is finished first.

        Args:
            progress: how far the trial has come.
            check: is called before anything is written, in the thread; what it raises is kept and nothing is written.

        Raises:
            OSError: the one before could not be written.
        """
        self.finish()
        state, wait = snapshot(self._method, progress, self._identity)

        def work() -> None:
            try:
                wait()
                check()
                _write(self._path, state)
            except BaseException as error:  # handed to whoever asks next
                self._error = error

        self._thread = threading.Thread(target=work, name="checkpoint", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait for what is being written.

        Raises:
            OSError: it could not be written.
        """
        self.abandon()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def abandon(self) -> None:
        """Wait for what is being written, and raise nothing: another error is on its way."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None


def load_checkpoint(
    path: Path, method: Method, identity: str, tell: Callable[[str], None] = lambda sentence: None
) -> Progress:
    """Restore `method` in place and return how far the trial had come; a fresh start where no checkpoint is whole.

    Every worker of a trial calls this alike; the first one mends before the others look.

    Args:
        path: of the checkpoint; the one before it lies beside it.
        method: what is trained.
        identity: of the trial.
        tell: gets a sentence on what was damaged.

    Raises:
        UserError: the checkpoint belongs to other settings, another data set or another version.
        OSError: none can be read, though one is there.
    """
    rank, _ = rank_and_workers()
    state = _newest_whole(path, tell) if rank == 0 else None
    steps = from_all(_steps_done(state))[0]
    if rank:
        state = _newest_whole(path, tell)
    found = from_all(_steps_done(state))
    if set(found) != {steps}:
        raise UserError(
            f"The workers of the trial found checkpoints {path} of different steps ({', '.join(map(str, found))}); "
            f"see that the storage shows all machines the same, or delete the folder {path.parent} to begin anew."
        )
    if state is None:
        return Progress()
    if state.get("format") != FORMAT or state["identity"] != identity:
        raise UserError(
            f"The checkpoint {path} belongs to other settings; delete the folder {path.parent} or choose another "
            "output folder."
        )
    method.networks.load_state_dict(state["networks"])
    for name, optimiser in method.optimisers.items():
        optimiser.load_state_dict(state["optimisers"][name])
    return Progress(state["steps_done"], state["seconds"])


def _newest_whole(path: Path, tell: Callable[[str], None]) -> dict[str, Any] | None:
    """Return the last checkpoint that is whole, which is then at `path`; none where there is none."""
    before = path.with_name(PREVIOUS)
    what, unreadable = "damaged" if path.exists() else "missing", None
    for candidate in (path, before):
        try:
            state = _whole(candidate)
        except OSError as error:  # a bad sector of this one need not be one of the other
            state, unreadable = None, error
        if state is None:
            continue
        if candidate == before:
            os.replace(before, path)
            tell(
                f"The checkpoint {path} is {what}; the trial goes on from the one before it, after step "
                f"{_steps_done(state)}."
            )
        return state
    if unreadable is not None:
        raise unreadable  # what can't be read now may be whole
    if path.exists() or before.exists():
        other = "the one before it is damaged" if before.exists() else "there is none before it"
        tell(f"The checkpoint {path} is {what} and {other}; the trial begins anew.")
    return None


def _whole(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint; none where it is missing or is not what was written."""
    if not path.exists() or not is_sealed_archive(path):
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # torch names no common class for what it can't read
        raise UserError(
            f"{path} is no checkpoint that this version reads; delete the folder {path.parent} to begin anew."
        ) from error
    return state if isinstance(state, dict) else None


def _steps_done(state: dict[str, Any] | None) -> int:
    return 0 if state is None else int(state.get("steps_done", 0))


def _write(path: Path, state: dict[str, Any]) -> None:
    with replacing(path) as partial:
        with partial.open("wb") as file:
            sealed = SealedWriter(file)
            torch.save(state, sealed)  # type: ignore[arg-type]  # it calls `write` and `flush` alone
            sealed.seal()
            file.flush()
            os.fsync(file.fileno())  # before the oldest one is let go, so that there are always two to go back to
        _keep_as_previous(path)


def _keep_as_previous(path: Path) -> None:
    """Give the last checkpoint the name of the one before as well, until a new one takes its place."""
    before = path.with_name(PREVIOUS)
    if not path.exists() or (before.exists() and path.samefile(before)):
        return
    try:
        with replacing(before, durable=False) as partial:
            os.link(path, partial)
    except OSError:  # a file system without links: for a moment, there is only the one before
        os.replace(path, before)


def _state(method: Method, progress: Progress, identity: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "identity": identity,
        "steps_done": progress.steps_done,
        "seconds": progress.seconds,
        "networks": method.networks.state_dict(),
        "optimisers": {name: optimiser.state_dict() for name, optimiser in method.optimisers.items()},
    }


def snapshot(method: Method, progress: Progress, identity: str) -> tuple[dict[str, Any], Callable[[], object]]:
    """Return the state with its tensors on their way to the host, and what waits for their arrival."""
    arrivals: dict[torch.device, torch.cuda.Event] = {}

    def copy(value: Any) -> Any:
        if isinstance(value, dict):
            return type(value)((key, copy(each)) for key, each in value.items())
        if isinstance(value, list | tuple):
            return type(value)(copy(each) for each in value)
        if not isinstance(value, Tensor):
            return value
        if not value.is_cuda:
            return value.detach().clone()
        if value.device not in arrivals:
            arrivals[value.device] = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        # Into pinned memory: what copies into other memory waits.
        return torch.empty_like(value, device="cpu", pin_memory=True).copy_(value.detach(), non_blocking=True)

    copied = copy(_state(method, progress, identity))
    for device, event in arrivals.items():
        event.record(torch.cuda.current_stream(device))

    def wait() -> None:
        for event in arrivals.values():
            event.synchronize()

    return copied, wait
