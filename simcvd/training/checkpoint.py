"""Save and restore everything that the next step depends on: networks, optimisers and the step."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from simcvd.errors import UserError
from simcvd.files import replacing
from simcvd.methods.base import Method

FORMAT = 1


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
    """Writes checkpoints by rename, in a thread while the next steps run; one at a time.

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
                with replacing(self._path) as partial, partial.open("wb") as file:
                    torch.save(state, file)
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


def load_checkpoint(path: Path, method: Method, identity: str) -> Progress:
    """Restore `method` in place and return how far the trial had come; a fresh start where `path` is absent.

    Raises:
        UserError: the file is damaged or belongs to other settings or another data set.
    """
    if not path.exists():
        return Progress()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        known = state["format"] == FORMAT
    except Exception as error:  # torch names no common class for damaged files
        raise UserError(f"The checkpoint {path} is damaged; delete it to start this trial again.") from error
    if not known or state["identity"] != identity:
        raise UserError(f"The checkpoint {path} belongs to other settings; delete it or choose another output folder.")
    method.networks.load_state_dict(state["networks"])
    for name, optimiser in method.optimisers.items():
        optimiser.load_state_dict(state["optimisers"][name])
    return Progress(state["steps_done"], state["seconds"])


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
