import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simcvd.errors import UserError
from sweeps.resources.ray_session import ray_environment, ray_is_running, ray_session, running_ray

# Ray and its dependencies warn of each other's old ways.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Let Ray start in a way, an error a try; return how it was started and ended."""
    import ray

    def stand(*errors: Exception) -> list[Any]:
        calls: list[Any] = []
        left = list(errors)

        def init(**given: Any) -> None:
            calls.append(given["address"])
            assert given.get("num_cpus") == (5 if given["address"] == "local" else None)
            if left:
                raise left.pop(0)

        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        monkeypatch.setattr("sweeps.resources.ray_session.ray_is_running", lambda: False)
        monkeypatch.setattr("sweeps.resources.ray_session.check_reachable", lambda *_, **__: None)
        monkeypatch.setattr("sweeps.resources.ray_session.surroundings", dict)  # touches the home
        monkeypatch.setattr(ray, "init", init)
        monkeypatch.setattr("sweeps.resources.ray_session.usable_cores", lambda: 5)
        monkeypatch.setattr(ray, "shutdown", lambda: calls.append("shutdown"))
        return calls

    return stand


def test_the_address_of_the_command_comes_before_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert running_ray(None) is None
    assert running_ray("a:1") == "a:1"
    monkeypatch.setenv("RAY_ADDRESS", "b:1")
    assert (running_ray(None), running_ray("a:1")) == ("b:1", "a:1")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert running_ray(None) is None


def test_what_the_user_has_set_stays_and_the_rest_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_CHDIR_TO_TRIAL_DIR", "9")
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    with ray_environment():
        assert (os.environ["RAY_CHDIR_TO_TRIAL_DIR"], os.environ["RAY_USAGE_STATS_ENABLED"]) == ("9", "0")
    assert os.environ["RAY_CHDIR_TO_TRIAL_DIR"] == "9"
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ


def test_one_is_started_for_the_command_and_ended_with_it(started: Callable[..., list[Any]]) -> None:
    calls = started()
    with ray_session(None):
        assert calls == ["local"]
    assert calls == ["local", "shutdown"]


def test_the_one_at_an_address_is_joined(started: Callable[..., list[Any]]) -> None:
    calls = started()
    with ray_session("a:1"):
        assert calls == ["a:1"]


def test_the_one_that_is_there_is_used_and_left_open(started, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = started()
    monkeypatch.setattr("sweeps.resources.ray_session.ray_is_running", lambda: True)
    with ray_session(None):
        pass
    assert calls == []


def test_one_that_was_too_slow_to_start_is_tried_once_more(started: Callable[..., list[Any]]) -> None:
    slow = Exception("The current node timed out during startup.")
    calls = started(slow)
    with ray_session(None):
        assert calls == ["local", "shutdown", "local"]
    started(slow, slow)
    with pytest.raises(UserError, match="Ray can't be started on this machine: The current node timed out"):
        ray_session(None).__enter__()


def test_one_that_can_not_be_reached_is_told_with_its_address(started: Callable[..., list[Any]]) -> None:
    started(ConnectionError("no\n  route"))
    with pytest.raises(UserError, match=r"Ray at a:1 can't be reached: no route\."):
        ray_session("a:1").__enter__()


def test_a_ray_that_nobody_started_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    for running in (True, False):
        monkeypatch.setattr(ray, "is_initialized", lambda running=running: running)
        assert ray_is_running() is running


def test_processes_search_modules_where_the_command_does_and_not_in_its_working_folder(
    started: Callable[..., list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started()
    import ray

    given: list[Any] = []
    monkeypatch.setattr(ray, "init", lambda **options: given.append(options["job_config"]))
    monkeypatch.chdir(tmp_path)
    for path, expected in ((["/a", "/b"], ["/a", "/b"]), (["", "b", "/c"], [str(tmp_path), f"{tmp_path}/b", "/c"])):
        monkeypatch.setattr(sys, "path", path)
        with ray_session("a:1"):
            pass
        # Ray puts one after the other in front.
        assert given[-1]._py_driver_sys_path == expected[::-1]


@pytest.mark.ray
def test_a_working_folder_with_modules_of_our_names_or_rays_hides_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    (tmp_path / "sweeps").mkdir()
    for file in ("sweeps/__init__.py", "analysis.py", "cli.py", "plain.py", "ray.py", "aiohttp.py"):
        (tmp_path / file).write_text("raise RuntimeError('not ours')")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "found_by_the_command.py").write_text("VALUE = 3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "code")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def look() -> list[str]:
        import importlib

        return [str(importlib.import_module(name).__file__) for name in ("analysis", "sweeps", "found_by_the_command")]

    with ray_session(None):
        there = ray.get(ray.remote(look).remote(), timeout=60)
        path = ray.get(ray.remote(lambda: list(sys.path)).remote(), timeout=60)
    assert there == look()
    assert str(tmp_path) not in path


@pytest.mark.ray
def test_another_user_can_neither_enter_rays_folder_nor_read_the_token_nor_ask_for_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RAY_ADDRESS", "RAY_TMPDIR", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    # Ray reads a token once a process, so a process of its own makes one.
    looking = """
import http.client, json, urllib.request
from pathlib import Path
from sweeps.resources.ray_session import ray_session
with ray_session(None):
    import ray
    import psutil  # comes with Ray

    session = Path(ray._private.worker._global_node.get_session_dir_path())
    closed = any(folder.stat().st_mode & 0o077 == 0 for folder in session.parents)
    ours = [psutil.Process(), *psutil.Process().children(recursive=True)]
    ports = {found.laddr.port for each in ours for found in each.net_connections() if found.status == "LISTEN"}
    told = []
    for port in ports:
        try:
            answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read()
        except (OSError, http.client.HTTPException):
            continue
        told += [port] if b"# TYPE" in answer else []
    token = Path.home() / ".ray" / "auth_token"
    print(json.dumps([oct(token.stat().st_mode), closed, len(ports) > 5, told]))
"""
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", looking], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == ["0o100600", True, True, []]
