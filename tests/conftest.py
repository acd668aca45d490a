"""Holds for all tests."""

import gc
import os
import signal
from collections.abc import Iterator

import pytest

# Processes that share the cores have one thread each, unless told otherwise; torch reads this when it is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell without job control lets what it starts in the background ignore SIGINT, and all that this starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What the libraries and thousands of collected tests hold lives as long as the process; to look through it for garbage
# again and again took a seventh of the time.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _nothing_waits_for_the_disk() -> Iterator[None]:
    """A flush matters when the power fails, which no test lets happen; tests of what is flushed replace `os.fsync`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(autouse=True)
def _gpus_stay_visible() -> Iterator[None]:
    """What computes on the CPU hides the GPUs of its process, which is that of all tests."""
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    yield
    if before is None:
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    else:
        os.environ["CUDA_VISIBLE_DEVICES"] = before
