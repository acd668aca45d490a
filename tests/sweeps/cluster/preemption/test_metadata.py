import json
from datetime import UTC, datetime, timedelta

import pytest

from sweeps.cluster.preemption.metadata import Aws, Gcp, Notice
from tests.sweeps.cluster.preemption.cloud import aws


@pytest.mark.parametrize("action", ["terminate", "stop", "hibernate"])
def test_aws_announces_an_end_with_its_time(cloud, action):
    asked = Aws()
    cloud.answer = aws(None)
    assert asked.ask() is None
    end = datetime.now(UTC) + timedelta(seconds=100)
    cloud.answer = aws(json.dumps({"action": action, "time": f"{end:%Y-%m-%dT%H:%M:%SZ}"}))
    notice = asked.ask()
    assert notice is not None
    assert 95 < notice.left_s <= 100
    assert action in notice.told
    assert [method for method, *_ in cloud.asked] == ["PUT", "GET", "GET"]  # one token for all questions


def test_aws_recommending_to_rebalance_is_no_notice(cloud):
    cloud.answer = aws(None)
    assert Aws().ask() is None
    assert not any("rebalance" in path for _, path, _ in cloud.asked)


def test_an_aws_notice_whose_time_cannot_be_read_leaves_two_minutes(cloud):
    cloud.answer = aws("soon")
    assert Aws().ask() == Notice("AWS announces the end of this instance (soon)", 120)


def test_an_aws_token_that_has_expired_is_asked_for_again(cloud):
    asked = Aws()
    cloud.answer = aws(None)
    assert asked.ask() is None
    cloud.answer = aws("soon", token="another")
    with pytest.raises(OSError, match="401"):
        asked.ask()
    assert asked.ask() is not None


def test_google_is_asked_at_once_and_then_waits_for_a_change(cloud):
    def answer(method: str, path: str, headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        if headers.get("metadata-flavor") != "Google":
            return 403, "", {}
        return 200, "TRUE" if "wait_for_change" in path else "FALSE", {"ETag": "e 1"}

    cloud.answer = answer
    gcp = Gcp()
    assert gcp.ask() is None
    assert gcp.ask() == Notice("Google Cloud announces the end of this instance", 30)
    first, second = (path for _, path, _ in cloud.asked)
    assert first == "/computeMetadata/v1/instance/preempted"
    assert second == f"{first}?wait_for_change=true&timeout_sec=5&last_etag=e+1"
