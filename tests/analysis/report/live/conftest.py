"""A server of a live report in this process."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from analysis.report.live.page import LivePage
from analysis.report.live.server import ReportServer

Serve = Callable[..., ReportServer]


@contextmanager
def served(runs: Path, **given: Any) -> Iterator[ReportServer]:
    with ReportServer(LivePage(runs, "toy", **given)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve the sweep `toy` of a runs folder until the test ends."""
    with ExitStack() as held:
        yield lambda runs, **given: held.enter_context(served(runs, **given))
