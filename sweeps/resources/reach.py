"""Whether a Ray answers at an address, asked before it is joined: Ray itself tries for ten minutes, deaf to signals."""

import os
import re
from typing import Final

from simcvd.errors import UserError

WAIT_S: Final = 30.0
"""A head that is starting answers in this time."""

_HEALTH: Final = "/grpc.health.v1.Health/Check"


def check_reachable(address: str, *, given: bool, wait_s: float = WAIT_S) -> None:
    """Wait until the Ray at an address answers.

    Args:
        address: `HOST:PORT`; of others, such as `auto`, Ray knows best.
        given: whether the command got it, and not RAY_ADDRESS.
        wait_s: how long to wait.

    Raises:
        UserError: it does not answer.
    """
    if not re.fullmatch(r"[^/\s]+:\d+", address) or os.environ.get("RAY_USE_TLS", "0").lower() in {"1", "true"}:
        return
    import grpc  # type: ignore[import-untyped]

    silent = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(_HEALTH)(b"", timeout=wait_s, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() not in silent:  # whatever it says, it answers
                return
            source = "--address" if given else "the variable RAY_ADDRESS"
            here = "drop --address" if given else "unset RAY_ADDRESS"
            raise UserError(
                f"No Ray answered at {address}, which {source} names, within {wait_s:.0f} s; see that it runs there, "
                f"or {here} to start one on this machine."
            ) from error
