import logging
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweeps.storage.lease import Pace
from sweeps.storage.object_runs import ObjectRuns
from sweeps.storage.store import Store

BUCKET = "bucket"


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """An S3 server of this test session; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(f"{address}/{BUCKET}", method="PUT"), timeout=5)
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.1)
        logging.getLogger("obstore").setLevel(logging.CRITICAL)
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def s3(server: str) -> Iterator[str]:
    """Make the environment of this process one that reaches the server; yields the bucket's URL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", server)
        patch.setenv("AWS_ACCESS_KEY_ID", "an-id")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
        patch.setenv("AWS_REGION", "us-east-1")
        yield f"s3://{BUCKET}"


@pytest.fixture
def store(s3: str) -> Store:
    """An empty part of the bucket."""
    return Store(f"{s3}/{uuid.uuid4().hex[:8]}")


@pytest.fixture
def node(store: Store, tmp_path: Path) -> Callable[[str], ObjectRuns]:
    """Return the runs folder as a node with a disk of its own sees it."""
    return lambda name: ObjectRuns(store, tmp_path / name, Pace(beat_s=0.1, lease_s=3))
