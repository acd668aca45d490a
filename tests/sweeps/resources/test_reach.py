import socket
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from simcvd.errors import UserError
from sweeps.resources.reach import check_reachable


@pytest.mark.parametrize(("given", "source"), [(True, "--address"), (False, "RAY_ADDRESS")])
def test_an_address_without_a_ray_is_given_up_with_the_name_of_who_names_it(given: bool, source: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        for listens in (False, True):  # refused, and accepted without an answer
            if listens:
                silent.listen()
            started = time.monotonic()
            with pytest.raises(UserError, match=f"No Ray answered at {address}, which .*{source} names, within 0 s"):
                check_reachable(address, given=given, wait_s=0.3)
            assert time.monotonic() - started < 5


def test_whatever_answers_is_left_to_ray() -> None:
    server = grpc.server(ThreadPoolExecutor(1))  # it knows no health check
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        check_reachable(f"127.0.0.1:{port}", given=True, wait_s=20)
    finally:
        server.stop(None)


@pytest.mark.parametrize("address", ["auto", "ray://127.0.0.1:1"])
def test_addresses_of_another_kind_are_left_to_ray(address: str) -> None:
    check_reachable(address, given=True, wait_s=0.1)


def test_an_address_with_certificates_is_left_to_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USE_TLS", "1")
    check_reachable("127.0.0.1:1", given=True, wait_s=0.1)
