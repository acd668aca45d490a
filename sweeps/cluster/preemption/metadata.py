"""What a cloud's metadata service tells a spot instance of its end."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from typing import Final, Protocol
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

AWS_NOTICE_S: Final = 120.0
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html."""

GCP_NOTICE_S: Final = 30.0
"""https://cloud.google.com/compute/docs/instances/spot#preemption."""

ASK_AGAIN_S: Final = 5.0
_ANSWER_S: Final = 5.0
_TOKEN_S: Final = 21600


@dataclass(frozen=True)
class Notice:
    """The end of this machine.

    Attributes:
        told: by whom and how, for the log.
        left_s: seconds until then.
    """

    told: str
    left_s: float


class Metadata(Protocol):
    """What a cloud tells its instance."""

    def ask(self) -> Notice | None:
        """Return the notice of this machine's end; None while there is none.

        Raises:
            OSError: the cloud does not answer.
            HTTPException: it answers no HTTP.
        """


class Aws:
    """AWS, by the instance metadata service, version 2.

    A recommendation to rebalance is no notice: most instances that get one stay.
    """

    def __init__(self) -> None:
        self._url = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/")
        self._token: str | None = None

    def ask(self) -> Notice | None:
        """Return the notice; see `Metadata`."""
        if self._token is None:
            lasting = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_S)}
            self._token, _ = _request(f"{self._url}/latest/api/token", lasting, method="PUT")
        try:
            told, _ = _request(
                f"{self._url}/latest/meta-data/spot/instance-action", {"X-aws-ec2-metadata-token": self._token}
            )
        except HTTPError as error:
            if error.code == 404:
                return None
            self._token = None  # it is refused when it has expired
            raise
        left_s = AWS_NOTICE_S
        with suppress(ValueError, KeyError, TypeError):
            left_s = (datetime.fromisoformat(json.loads(told)["time"]) - datetime.now(UTC)).total_seconds()
        return Notice(f"AWS announces the end of this instance ({' '.join(told.split())})", left_s)


class Gcp:
    """Google Cloud, by the metadata server, which answers as soon as the value changes."""

    def __init__(self) -> None:
        host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
        self._url = f"http://{host}/computeMetadata/v1/instance/preempted"
        self._etag: str | None = None

    def ask(self) -> Notice | None:
        """Return the notice; see `Metadata`."""
        # The first answer comes at once: the value may have changed before this process began to wait.
        wait = {"wait_for_change": "true", "timeout_sec": f"{ASK_AGAIN_S:.0f}", "last_etag": self._etag}
        query = "" if self._etag is None else f"?{urlencode(wait)}"
        told, headers = _request(
            f"{self._url}{query}", {"Metadata-Flavor": "Google"}, timeout_s=ASK_AGAIN_S + _ANSWER_S
        )
        self._etag = headers.get("ETag")
        if told.strip().upper() != "TRUE":
            return None
        return Notice("Google Cloud announces the end of this instance", GCP_NOTICE_S)


def _request(
    url: str, headers: dict[str, str], *, method: str = "GET", timeout_s: float = _ANSWER_S
) -> tuple[str, Message]:
    opener = build_opener(ProxyHandler({}))  # what answers is this machine's own host, never a proxy
    with opener.open(Request(url, headers=headers, method=method), timeout=timeout_s) as answer:
        return answer.read().decode(), answer.headers
