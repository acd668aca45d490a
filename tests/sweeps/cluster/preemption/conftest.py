from collections.abc import Iterator

import pytest

from tests.sweeps.cluster.preemption.cloud import Cloud


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud that has no notice yet."""
    made = Cloud()
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://{made.address}")
    monkeypatch.setenv("GCE_METADATA_HOST", made.address)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):  # never to be asked
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    yield made
    made.server.shutdown()
    made.server.server_close()
