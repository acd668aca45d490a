"""What is refused on hosts: one sentence, exit code 2, and no trial has begun."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster import hosts
from tests.cluster.conftest import ADDRESSES

Lab = dict[str, hosts.Host]
SWEEP = "sweep dropout --cluster cluster.yaml --set training.steps=7"


@pytest.fixture(scope="module", autouse=True)
def _up(lab: Lab) -> None:
    lab["client"].run("simcvd cluster up cluster.yaml", timeout_s=120)


@contextmanager
def _changed(host: hosts.Host, change: str, back: str) -> Iterator[None]:
    host.run(change)
    try:
        yield
    finally:
        host.run(back)


@pytest.fixture
def refused(simcvd, shared: Path):
    """Return what runs a command that is to be refused, and returns its sentence."""

    def run(arguments: str = SWEEP) -> str:
        trials = shared / "runs" / "trials"
        before = sorted(trials.glob("*"))
        done = simcvd(arguments)
        print(done.stderr)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert sorted(trials.glob("*")) == before
        return str(done.stderr.strip().splitlines()[-1])

    return run


def test_a_host_whose_storage_is_not_shared(lab: Lab, refused) -> None:
    with _changed(lab["second"], f"mount -t tmpfs none {hosts.SHARED}", f"umount {hosts.SHARED}"):
        told = refused()
    assert "node second" in told.lower()
    assert "runs" in told


def test_a_host_with_another_version(lab: Lab, refused) -> None:
    about = "$(ls -d $(dirname $(command -v python))/../lib/python3*/site-packages/torch-*.dist-info)/METADATA"
    kept = f"{hosts.HOME}/about"
    other = f"sed 's/^Version: .*/Version: 2.5.1/' {about} > {kept} && mount --bind {kept} {about}"
    with _changed(lab["second"], other, f"umount {about}"):
        told = refused()
    assert "node second" in told.lower()
    assert "torch 2.5.1" in told


def test_another_token(lab: Lab, refused) -> None:
    change = "cp -p .ray/auth_token token.kept && tr 0-9a-f 1-9a-f0 < token.kept > .ray/auth_token"
    with _changed(lab["client"], change, "mv token.kept .ray/auth_token"):
        for command in (SWEEP, "cluster status cluster.yaml", "cluster up cluster.yaml"):
            assert "another token" in refused(command)


def test_a_host_key_that_is_not_known(lab: Lab, refused) -> None:
    forget = f"cp .ssh/known_hosts kept && ssh-keygen -q -R {ADDRESSES['head']}"
    with _changed(lab["client"], forget, "cp kept .ssh/known_hosts"):
        told = refused()
    assert f"The host key of {ADDRESSES['head']} is not known here" in told


def test_a_host_key_that_changed(lab: Lab, refused) -> None:
    line = f"{ADDRESSES['head']} $(ssh-keygen -q -t ed25519 -N '' -f other && cut -d' ' -f1,2 other.pub)"
    change = f"cp .ssh/known_hosts kept && ssh-keygen -q -R {ADDRESSES['head']} && echo {line} >> .ssh/known_hosts"
    with _changed(lab["client"], change, "cp kept .ssh/known_hosts; rm other*"):
        told = refused()
    assert "another host key than before" in told


def test_a_login_that_is_refused(lab: Lab, refused) -> None:
    with _changed(lab["head"], "mv .ssh/authorized_keys .ssh/kept", "mv .ssh/kept .ssh/authorized_keys"):
        told = refused()
    assert f"{ADDRESSES['head']} refuses root" in told


def test_a_head_that_is_off(lab: Lab, refused) -> None:
    lab["head"].cut()
    try:
        assert f"{ADDRESSES['head']} can't be reached" in refused()
    finally:
        lab["head"].mend()
