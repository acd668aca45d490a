"""Sweeps and searches in this process, one trial after the other: all of them but Ray."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from sweeps.channel.folder_channel import FolderChannel
from sweeps.on_ray.job import Job, StopRequest
from sweeps.resources.share import Placement
from sweeps.trial.execute import execute_trial
from sweeps.trial.terms import Contact, Device


class _Slots:
    limit = 1

    def __call__(self) -> int:
        return 1


class InProcess:
    """A session as `sweeps.session.open_session` yields it."""

    def __init__(self, job: Job) -> None:
        self.job, self.slots = job, _Slots()

    def stopped(self) -> bool:
        deadline = self.job.terms.deadline
        return deadline is not None and time.time() > deadline

    def run(
        self,
        reader: Any,
        trainable: Any,
        job: Job,
        *,
        extra: Mapping[str, Any] | None = None,
        trial_ids: list[str] | None = None,
        search_alg: Any = None,
        samples: int = 1,
    ) -> dict[str, str]:
        if trial_ids is not None:
            for trial_id in trial_ids:
                if not self.stopped():
                    fit(trial_id, job)
            return {}
        number = 0
        while not isinstance(given := search_alg.suggest(f"trial-{number}"), str):
            trainable(given, job=job, **extra or {})
            search_alg.on_trial_complete(f"trial-{number}")
            number += 1
        return {}


def fit(trial_id: str, job: Job) -> str:
    """Run one trial and return its state."""
    status = execute_trial(
        job.configs[trial_id],
        job.data.folder,
        job.storage.folder,
        trial_id=trial_id,
        device=Device("cpu"),
        contact=Contact(should_stop=StopRequest(job)),
        terms=job.terms,
    )
    return status.state


@contextmanager
def in_process(scratch: Path) -> Iterator[None]:
    """Let sweeps, searches and tunings run in this process."""

    @contextmanager
    def session(name: str, subject: Any, request: Any, terms: Any, console: Any) -> Iterator[InProcess]:
        channel = FolderChannel(scratch)
        yield InProcess(Job({}, subject.data, subject.storage, channel, scratch, Placement(), terms))

    with ExitStack() as held:
        patch = held.enter_context(pytest.MonkeyPatch.context())
        for place in ("sweeps.runner", "sweeps.search.run"):
            patch.setattr(f"{place}.open_session", session)
        patch.setattr("sweeps.runner.metered", lambda session, *_: session)
        patch.setattr("sweeps.search.trial.fit_trial", fit)
        patch.setattr("ray.tune.report", lambda numbers: None)
        patch.setattr("sweeps.tuning.run.ray_session", lambda address: nullcontext())
        yield
