import re
from contextlib import nullcontext
from pathlib import Path

import pytest
from rich.console import Console

from simcvd.errors import UserError
from sweeps.cluster.cluster_file import ClusterFile
from sweeps.cluster.job import RemoteJob
from sweeps.cluster.remote import run as remote
from sweeps.cluster.remote.request import RemoteCommand, RemoteSweep
from sweeps.cluster.remote.run import look_ahead_on_cluster, sweep_on_cluster
from sweeps.show.marked_lines import ERRORS, OUTPUT


def _wanted(own: dict[str, str], *options: str, searches: bool = False, runs: str = "runs") -> RemoteSweep:
    content = {"metadata": {"simcvd": own}, "provider": {"type": "local"}}
    cluster = ClusterFile(Path("c.yaml"), "lab", "local", content)
    return RemoteSweep(cluster, RemoteCommand("mine", ("sweep", "mine"), searches), None, options, Path(runs))


@pytest.mark.parametrize(
    ("own", "options", "cache"),
    [
        ({"runs": "/r"}, (), None),
        ({"runs": "/r", "cache": "/disk"}, (), "/disk"),
        ({"runs": "/r", "cache": "/disk"}, ("--seeds=3", "--cache=/other"), "/other"),
    ],
)
def test_the_cache_is_the_options_else_the_cluster_files(own, options, cache) -> None:
    assert _wanted(own, *options).cache == cache


def test_a_password_is_not_sent_as_an_argument_of_a_job() -> None:
    with pytest.raises(UserError, match=r"--storage would be shown .* ~/\.pgpass") as refused:
        sweep_on_cluster(_wanted({"runs": "/r"}, "--storage=postgresql://me:s3cret@db/x"), Console())
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (_wanted({"runs": "/r"}, "--cache=here"), "--cache is 'here', expected an absolute path"),
        (_wanted({"runs": "/r"}, runs="s3://bucket/lab"), "needs a folder, but got s3://bucket/lab"),
        (_wanted({"runs": "s3://bucket/lab"}, searches=True), "A search needs a runs folder that all hosts share"),
    ],
)
def test_what_the_head_would_refuse_is_refused_before_any_host_is_asked(wanted, told) -> None:
    with pytest.raises(UserError, match=re.escape(told)):
        sweep_on_cluster(wanted, Console())


def test_a_search_knows_no_cache_of_the_cluster_file() -> None:
    assert _wanted({"runs": "/r", "cache": "/disk"}, searches=True).cache is None


class _Head:
    """A head that has a job's log ready, in place of one over SSH."""

    address = "10.0.0.1"

    def __init__(self, lines: list[str], exit_code: int | None) -> None:
        self.lines, self.exit_code = lines, exit_code
        self.submitted: list[tuple[list[str], dict]] = []

    def bring_up(self, cluster, tell):
        return nullcontext((self, None))

    def jobs(self, tunnel):
        head = self

        class Jobs:
            def submit(self, arguments, shipment, **options):
                assert (shipment / "cli.py").is_file()
                head.submitted.append((arguments, options))
                return RemoteJob("simcvd-1", running=True)

            def lines(self, job, asked_to_leave):
                yield from [
                    "Runtime env is setting up.",
                    f"Running entrypoint for job {job.id}: python",
                    None,
                    *head.lines,
                ]

            def look(self, job):
                return RemoteJob(job.id, running=False, exit_code=head.exit_code, message="Killed.")

        return Jobs()


@pytest.fixture
def look(monkeypatch):
    """Let a command look ahead on a head with these lines; return its job, what it printed and what it said."""

    def call(lines, exit_code=0, wanted=None):
        head = _Head(lines, exit_code)
        monkeypatch.setattr(remote, "bring_up", head.bring_up)
        monkeypatch.setattr(remote, "Jobs", head.jobs)
        monkeypatch.setattr(remote, "runs_on_head", lambda *about: "/r")
        printed, said = [], []
        job = look_ahead_on_cluster(wanted or _wanted({"runs": "/r"}, "--dry-run"), 77, printed.append, said.append)
        return head, job, printed, said

    return call


def test_a_look_ahead_prints_what_the_head_prints_and_says_what_it_says(look) -> None:
    head, job, printed, said = look([f"{OUTPUT}variant  what", f"{ERRORS}measuring: 1 of 2", f"{OUTPUT}sdm=0  run"], 2)
    assert printed == ["variant  what", "sdm=0  run"]
    assert said == ["measuring: 1 of 2"]
    assert job.exit_code == 2
    ((arguments, options),) = head.submitted
    assert arguments == ["sweep", "mine", "--out", "/r", "--dry-run"]
    assert options == {"module": "sweeps.show.marked_lines", "environment": {"COLUMNS": "77"}}, "no sweep's job"


@pytest.mark.parametrize("code", [None, 247, 137])
def test_a_look_ahead_that_is_killed_on_the_head_says_so(look, code) -> None:
    with pytest.raises(UserError, match=r"on the head, 10\.0\.0\.1, ended early \(Killed\)"):
        look([f"{OUTPUT}half of it"], exit_code=code)


def test_a_refusal_on_the_head_names_it(look) -> None:
    _, _, _, said = look([f"{ERRORS}Error: this machine has no GPU."], exit_code=2)
    assert said == ["Error: On the head, 10.0.0.1: this machine has no GPU."]


def test_a_file_without_a_shared_folder_is_refused_before_a_look_ahead_starts_a_host(look) -> None:
    with pytest.raises(UserError, match="names no folder that its hosts share"):
        look([], wanted=_wanted({}, "--dry-run"))
