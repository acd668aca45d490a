"""What a session does around its trials; how trials run in one is tested with whoever runs them."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from simcvd.config import load_preset
from simcvd.errors import UserError
from sweeps import session
from sweeps.channel.channel import StopReason
from sweeps.preflight.checks import Subject
from sweeps.resources.request import ResourceRequest
from sweeps.session import Session, open_session, told_ray
from sweeps.status.sweep import SweepReader
from sweeps.storage.data_cache import InPlace
from sweeps.storage.shared_folder import SharedFolder
from sweeps.trial.failure_kinds import DiskFullError
from sweeps.trial.terms import Terms

# Ray and its dependencies warn of each other's old ways.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)
Open = Callable[..., AbstractContextManager[Session]]


@pytest.fixture
def opened(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open a session on a Ray of two CPUs that is not really there, and whose preflight finds nothing, or `refusal`."""
    import ray

    node = {"Alive": True, "NodeID": "a", "Resources": {"CPU": 2.0}}
    found = SimpleNamespace(notices=("Mind the crop.",), precision="float32", newcomers=None)

    def preflight(*given: object, refusal: UserError | None) -> SimpleNamespace:
        if refusal is not None:
            raise refusal
        return found

    def call(refusal: UserError | None = None, out: io.StringIO | None = None, **terms: float):
        monkeypatch.setattr(session, "ray_is_running", lambda: False)
        monkeypatch.setattr(session, "check_machine", lambda request: None)
        monkeypatch.setattr(session, "ray_session", lambda address: nullcontext())
        monkeypatch.setattr(session, "preflight", partial(preflight, refusal=refusal))
        monkeypatch.setattr(ray, "nodes", lambda: [node])
        subject = Subject(InPlace(dataset), SharedFolder(tmp_path), [load_preset("phantom")])
        console = Console(file=out or io.StringIO(), width=100)
        return open_session("mine", subject, ResourceRequest(), Terms(**terms), console)

    return call


def test_what_trials_share_is_made_and_deleted_with_what_a_killed_command_left(opened: Open, tmp_path: Path) -> None:
    left = tmp_path / "sweeps" / "mine" / "ray" / "elsewhere-1"
    left.mkdir(parents=True)
    out = io.StringIO()
    with opened(out=out) as running:
        assert not left.exists()
        assert running.job.scratch.is_dir()
        assert running.slots() == 2
        assert not running.stopped()
    assert out.getvalue().splitlines() == [
        "Starting Ray on this machine ...",
        "Ray is up after 0 s.",
        "Mind the crop.",
    ]
    assert not (tmp_path / "sweeps" / "mine" / "ray").exists()


@pytest.mark.parametrize(
    ("running", "address", "told"),
    [
        (False, None, ["Starting Ray on this machine ...", "Ray is up after 0 s."]),
        (False, "a:1", ["Joining Ray ...", "Ray is up after 0 s."]),
        (True, None, []),
    ],
)
def test_it_is_said_at_once_that_ray_is_started_or_joined(
    monkeypatch: pytest.MonkeyPatch, running: bool, address: str | None, told: list[str]
) -> None:
    out = io.StringIO()
    seen: list[str] = []

    @contextmanager
    def starting(address: str | None) -> Iterator[None]:
        seen.extend(out.getvalue().splitlines())
        yield
        seen.append("ended")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(session, "ray_is_running", lambda: running)
    monkeypatch.setattr(session, "ray_session", starting)
    with told_ray(address, Console(file=out, width=100)):
        assert seen == told[:1]
    assert seen == [*told[:1], "ended"]
    assert out.getvalue().splitlines() == told


def test_a_ray_that_does_not_come_up_is_not_said_to_be_up(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def failing(address: str | None) -> Iterator[None]:
        raise UserError("Ray can't be started on this machine: no room.")
        yield

    out = io.StringIO()
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(session, "ray_is_running", lambda: False)
    monkeypatch.setattr(session, "ray_session", failing)
    with pytest.raises(UserError, match="no room"), told_ray(None, Console(file=out)):
        pytest.fail("it is up")
    assert out.getvalue() == "Starting Ray on this machine ...\n"


def test_nothing_is_left_where_the_preflight_refuses(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a disk is full"), opened(refusal=UserError("a disk is full")):
        pytest.fail("it was opened")
    assert not (tmp_path / "sweeps" / "mine" / "ray").exists()


def test_a_session_stops_when_its_time_is_over_or_a_trial_asks_for_it(opened: Open) -> None:
    with opened(deadline=time.time() - 1) as running:
        assert running.stopped()
    with opened(deadline=time.time() + 60) as running:
        assert not running.stopped()
        running.job.channel.request_stop(StopReason.asked)
        assert running.stopped()


def test_a_disk_that_got_full_ends_the_session_with_a_sentence(opened: Open) -> None:
    with pytest.raises(DiskFullError), opened() as running:
        running.job.channel.request_stop(StopReason.disk_full)


def test_a_trial_of_which_ray_tells_no_settings_is_lost_by_its_id(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray has them from the trial's own process, which may be killed before it has told them."""
    from ray import tune

    def result(trial_id: str, error: Exception | None = None, **metrics: Any) -> SimpleNamespace:
        config = metrics.get("config")
        return SimpleNamespace(path=f"/tune-0/{trial_id}", error=error, metrics=metrics, config=config)

    grid = [
        result("a", state="finished", config={"trial_id": "a"}),
        result("b", RuntimeError("killed for memory"), done=False),
        result("c", RuntimeError("killed later"), config={"trial_id": "c"}),
        result("d", done=False),
    ]
    monkeypatch.setattr(tune, "Tuner", lambda *_, **__: SimpleNamespace(fit=lambda: grid))
    monkeypatch.setattr(session, "alive_nodes", lambda: {"a"})
    with opened() as running:
        reader = SweepReader(tmp_path, "mine", [], 1)
        lost = running.run(reader, lambda config, job: None, running.job, trial_ids=list("abcde"))
    assert lost == {"b": "killed for memory", "c": "killed later", "d": "", "e": ""}
