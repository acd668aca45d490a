"""A command's session without Ray: its folders, its channel and its trials, one after the other in this process."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from sweeps import session
from sweeps.on_ray.job import Job, StopRequest
from sweeps.preflight.checks import Subject
from sweeps.resources.request import ResourceRequest
from sweeps.resources.share import Placement
from sweeps.trial.execute import execute_trial
from sweeps.trial.failure_kinds import storage_told
from sweeps.trial.terms import Contact, Device, Terms


def run_here(trial_id: str, job: Job) -> str:
    """Run a trial as a worker does, in this process, and return its state."""
    job.channel.note_attempt(trial_id, {"this node"})
    with job.storage.trial(trial_id, command=job.scratch.name) as files:
        status = execute_trial(
            job.configs[trial_id],
            job.data.folder,
            files.runs,
            trial_id=trial_id,
            device=Device("cpu"),
            contact=Contact(should_stop=StopRequest(job)),
            terms=job.terms,
            command="this",
        )
    return status.state


@dataclass(frozen=True)
class SessionHere:
    """Stands in for `sweeps.session.Session`.

    Attributes:
        job: what all trials share.
        console: where to say things.
    """

    job: Job
    console: Any
    slots: Callable[[], int] = lambda: 1

    def stopped(self) -> bool:
        """Tell whether the command's time is over."""
        deadline = self.job.terms.deadline
        return deadline is not None and time.time() > deadline

    def run(
        self,
        reader: Any,
        trainable: Callable[..., Any],
        job: Job,
        *,
        extra: Mapping[str, Any] | None = None,
        trial_ids: Any = None,
        search_alg: Any = None,
        samples: int = 1,
    ) -> dict[str, str]:
        """Run trials, or what a searcher hands out."""
        reader.read()
        for trial_id in trial_ids or ():
            if not self.stopped():
                run_here(trial_id, job)
        while search_alg is not None and isinstance(params := search_alg.suggest("this"), dict):
            with _no_ray():
                trainable(params, job, **extra or {})
            search_alg.on_trial_complete("this")
        return {}


@contextmanager
def _no_ray() -> Iterator[None]:
    """Let Tune be told nothing."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "ray", SimpleNamespace(tune=SimpleNamespace(report=lambda told: None)))
        yield


@contextmanager
def open_session_here(
    name: str, subject: Subject, request: ResourceRequest, terms: Terms, console: Any
) -> Iterator[SessionHere]:
    """Do what `sweeps.session.open_session` does with files."""
    storage = subject.storage
    own = session._new_channel(storage.folder / "sweeps" / name)
    try:
        with storage.exchange() as exchange:
            assert exchange.look("this-node").sees_command
        job = Job({}, subject.data, storage, own, own.scratch, Placement(), terms)
        with storage_told(storage.folder):
            yield SessionHere(job, console)
    finally:
        shutil.rmtree(own.scratch.parent, ignore_errors=True)


@contextmanager
def without_ray() -> Iterator[None]:
    """Let sweeps and searches run without Ray."""
    with (
        mock.patch("sweeps.runner.open_session", open_session_here),
        mock.patch("sweeps.search.run.open_session", open_session_here),
        mock.patch("sweeps.search.trial.fit_trial", run_here),
    ):
        yield
