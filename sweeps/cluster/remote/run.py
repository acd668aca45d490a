"""A sweep on a cluster: start it, send the sweep, follow it, bring its results back."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from simcvd.errors import UserError
from sweeps.cluster.bring_up import bring_up
from sweeps.cluster.hosts import Host
from sweeps.cluster.job import Jobs, RemoteJob
from sweeps.cluster.remote.events import FollowedSweep
from sweeps.cluster.remote.request import RemoteSweep
from sweeps.cluster.remote.shipment import packed
from sweeps.cluster.remote.transfer import bring_dataset, fetch_results, runs_on_head, sweeps_there
from sweeps.runner import show_ending
from sweeps.session import say
from sweeps.show import marked_lines
from sweeps.show.marked_lines import ERRORS, OUTPUT
from sweeps.show.views import LiveView, view_on
from sweeps.status.sweep import SweepState
from sweeps.storage.data_cache import CACHE
from sweeps.storage.store import url_in

if TYPE_CHECKING:
    from rich.console import Console

REFRESH_S: Final = 1.0
_MUST_CHANGE: Final = 2
_EXIT_CODES: Final = (0, 1, _MUST_CHANGE, 130)


@dataclass(frozen=True)
class RemoteOutcome:
    """How following a sweep ended.

    Attributes:
        exit_code: as the command's on one machine; 130 where it was left while it runs on.
        state: the trials as they were told last.
        message: why it was refused or ended without a word; None otherwise.
        detached: whether it runs on.
        answer: what a tuning came to, a line each; paths are of this machine.
    """

    exit_code: int
    state: SweepState
    message: str | None = None
    detached: bool = False
    answer: tuple[str, ...] = ()


def sweep_on_cluster(wanted: RemoteSweep, console: "Console") -> RemoteOutcome:
    """Run a sweep on a cluster, or follow it where it runs already, and bring its results back.

    Ctrl-C leaves it running.

    Args:
        wanted: what is to run.
        console: where to show progress and the verdict.

    Raises:
        UserError: the cluster can't be had, it does not answer any more, or an option holds a password.
    """
    remote_runs, command = wanted.remote_runs, wanted.command
    wanted.check()
    dataset = None if wanted.dataset is None else _dataset_here(wanted.dataset)
    with bring_up(wanted.cluster, lambda text: say(console, text)) as (head, tunnel):
        jobs = Jobs(tunnel)
        seen_there = runs_on_head(head, remote_runs, CACHE if wanted.cache is None else Path(wanted.cache))
        job = jobs.find(wanted.key)
        if job is not None and job.running:
            say(console, f"The {command.words[0]} {command.name} runs on {wanted.cluster.name} already; following it.")
        else:
            there = _dataset_there(head, wanted.dataset, dataset, seen_there, lambda text: say(console, text))
            with packed(command.files) as shipment:
                job = jobs.submit([*wanted.arguments(there), "--json"], shipment, sweep=wanted.key)
        followed, left = follow(jobs, job, command.name, console, Path(remote_runs))
        if left:
            return RemoteOutcome(130, followed.state, detached=True)
        outcome = _ended(jobs, job, followed, head)
        if followed.begun:
            sweeps = [command.name, *(sweeps_there(head, seen_there, command.stages) if command.stages else ())]
            fetch_results(head, seen_there, sweeps, followed.begun, wanted.runs)
            if command.stages:
                return _answered(outcome, remote_runs, wanted.runs)
            if outcome.state.counts["finished"]:
                show_ending(wanted.runs, command.name, console)
        return outcome


def look_ahead_on_cluster(
    wanted: RemoteSweep, width: int, out: Callable[[str], None], tell: Callable[[str], None]
) -> RemoteJob:
    """Run a command on the head that only looks, such as a dry run, and hand on what it prints; Ctrl-C ends it.

    Args:
        wanted: what to look at, with the options that say so.
        width: columns to print in.
        out: gets its lines.
        tell: gets what it says beside them.

    Returns:
        The job at its end.

    Raises:
        UserError: the cluster can't be had, it does not answer any more, or an option holds a password.
    """
    remote_runs = wanted.remote_runs
    wanted.check()
    dataset = None if wanted.dataset is None else _dataset_here(wanted.dataset)
    with bring_up(wanted.cluster, tell) as (head, tunnel):
        jobs = Jobs(tunnel)
        seen_there = runs_on_head(head, remote_runs, CACHE if wanted.cache is None else Path(wanted.cache))
        there = _dataset_there(head, wanted.dataset, dataset, seen_there, tell)
        with packed(wanted.command.files) as shipment:
            columns = {"COLUMNS": str(width)}
            job = jobs.submit(wanted.arguments(there), shipment, module=marked_lines.__name__, environment=columns)
        with _leaving() as asked_to_leave:
            for line in jobs.lines(job, asked_to_leave):
                mark, text = (line or "")[:1], (line or "")[1:]
                if mark == OUTPUT:
                    out(text)
                elif mark == ERRORS:  # what has no mark is Ray's own
                    tell(text.replace("Error: ", f"Error: On the head, {head.address}: ", text.startswith("Error: ")))
            if asked_to_leave():
                jobs.stop(job)
                raise KeyboardInterrupt
        ended = jobs.look(job)
    if ended is None or ended.exit_code not in _EXIT_CODES:
        reason = f" ({ended.message.rstrip('.')[:300]})" if ended is not None and ended.message else ""
        raise UserError(f"The command on the head, {head.address}, ended early{reason}; run it again.")
    return ended


def follow(jobs: Jobs, job: RemoteJob, name: str, console: "Console", runs: Path) -> tuple[FollowedSweep, bool]:
    """Show a sweep's progress until it ends or the user leaves; return what is known of it, and whether he left."""
    followed = FollowedSweep(name)
    with _leaving() as asked_to_leave, ExitStack() as shown:
        view: LiveView | None = None
        last = 0.0
        for line in jobs.lines(job, asked_to_leave):
            before = followed.before
            sentence = None if line is None else followed.take(line)
            if view is not None and followed.before is not None and followed.before is not before:
                view.show(followed.before, ending=True, slots=followed.slots)
                view = None
                shown.close()
            if view is None and followed.known and followed.slots is not None:
                view = shown.enter_context(view_on(console, runs))
            if sentence is not None:
                view.say(sentence) if view is not None else say(console, sentence)
            if view is not None and time.monotonic() - last >= REFRESH_S:
                view.show(followed.state, slots=followed.slots)
                last = time.monotonic()
        if view is not None:
            view.show(followed.state, ending=True, slots=followed.slots)
    return followed, asked_to_leave()


def _ended(jobs: Jobs, job: RemoteJob, followed: FollowedSweep, head: Host) -> RemoteOutcome:
    if followed.end is not None:
        code, message = int(followed.end["exit_code"]), followed.end.get("message")
        if message is not None and code == _MUST_CHANGE:
            message = f"On the head, {head.address}: {message}"  # which calls itself "this machine"
        return RemoteOutcome(code, followed.state, message)
    last = jobs.look(job)
    if last is None:
        return RemoteOutcome(
            130,
            followed.state,
            "The head does not know the sweep any more, as after a restart; nothing finished is lost",
        )
    told = next(reversed(followed.others), last.message) or "no reason given"
    return RemoteOutcome(130, followed.state, f"The command on the head ended early ({told.rstrip('.')[:300]})")


def _answered(outcome: RemoteOutcome, remote_runs: str, runs: Path) -> RemoteOutcome:
    """Return what a tuning came to in place of a message; folders of the hosts are those that were brought here."""
    if outcome.exit_code not in (0, 1) or outcome.message is None:
        return outcome
    lines = outcome.message.replace(f"{remote_runs}/", f"{runs}/").splitlines()
    return replace(outcome, message=None, answer=tuple(lines))


def _dataset_here(dataset: Path) -> str | None:
    """Return the digest of a data set on this machine; None where there is none."""
    from simcvd.data.store import open_info

    return open_info(dataset).digest if (dataset / "dataset.json").is_file() else None


def _dataset_there(
    head: Host, dataset: Path | None, digest: str | None, remote_runs: str, tell: Callable[[str], None]
) -> str | None:
    """Return the path of the data set on the hosts, brought there where only this machine has it."""
    if dataset is None:
        return None
    if digest is None and (url := url_in(dataset)):
        return url
    if digest is None:
        if not dataset.is_absolute():
            raise UserError(f"There is no data set in {dataset} here; a path on the hosts begins with /.")
        return str(dataset)
    tell(f"Copying the data set {dataset} to the cluster, unless it is there ...")
    return bring_dataset(head, dataset, digest, remote_runs)


@contextmanager
def _leaving() -> Iterator[Callable[[], bool]]:
    """Yield a question: was Ctrl-C pressed? Pressed again it ends the command at once."""
    asked: list[int] = []

    def leave(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)
