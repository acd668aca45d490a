"""What a node computes on is looked at where the preflight has not seen it."""

import os
import socket
from dataclasses import replace
from typing import Any

import pytest

from sweeps.preflight import newcomer
from sweeps.preflight.gpu import GpuDevice, GpuReport, GpuTask
from sweeps.preflight.gpu_verdict import alike
from sweeps.preflight.newcomer import Newcomers, check_newcomer
from sweeps.resources.late_nodes import UnfitNodeError, unfit

H200 = GpuDevice("0", "NVIDIA H200", "9.0", None, "right")
REPORT = GpuReport("CUDA 12.6", driver="570.86.10", cudnn="9.10.2", devices=(H200,))
NEEDED = Newcomers(frozenset({"seen"}), "2.13.0", "bfloat16", GpuTask(), tuple(alike(REPORT).items()))
NODE = f"Node {socket.gethostname()} joined"


def _needed(**changes: Any) -> Newcomers:
    """Return what is needed with a question of its own, since a process asks each question once."""
    return replace(NEEDED, gpus=GpuTask((os.urandom(8),)), **changes)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[GpuReport]:
    """What the node's GPUs say, the last of the list; each is asked for once."""
    reports = [REPORT]
    monkeypatch.setattr(newcomer, "ask_gpus", lambda task: reports[-1])
    return reports


def test_a_node_that_is_known_or_like_the_others_is_fit(
    found: list[GpuReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_newcomer(_needed(), "other")
    found.append(GpuReport())
    check_newcomer(_needed(), "seen")
    check_newcomer(None, "other")
    monkeypatch.setattr("simcvd.training.precision.has_fast_bfloat16", lambda device: False)
    check_newcomer(Newcomers(frozenset(), "2.13.0", "float32"), "other")


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (
            replace(REPORT, devices=(replace(H200, name="Tesla T4", bfloat16="absent"),)),
            ", but this sweep runs in bfloat16, and GPU 0 (Tesla T4) of node {host} has no bfloat16 arithmetic; take "
            "it out of this Ray or set it right, then run the same command again.",
        ),
        (
            replace(REPORT, devices=(replace(H200, bfloat16="wrong", bfloat16_told="a convolution"),)),
            ", but this sweep runs in bfloat16, and GPU 0 (NVIDIA H200) of node {host} computes bfloat16 wrong with "
            "cuDNN 9.10.2 (a convolution); take it out of this Ray or set it right, then run the same command again.",
        ),
        (
            replace(REPORT, cudnn="9.5.1"),
            " with cuDNN 9.5.1, but others have cuDNN 9.10.2; take it out of this Ray or set it right, then run the "
            "same command again.",
        ),
        (
            replace(REPORT, devices=(replace(H200, error="CUDA error: unknown error"),)),
            ", but is no use: GPU 0 (NVIDIA H200) of node {host} fails a small convolution (CUDA error: unknown "
            "error); see what nvidia-smi says of it, reset it, or leave it out with CUDA_VISIBLE_DEVICES where Ray is "
            "started.",
        ),
    ],
)
def test_what_a_node_lacks_is_told(found: list[GpuReport], report: GpuReport, sentence: str) -> None:
    found.append(report)
    with pytest.raises(UnfitNodeError) as refused:
        check_newcomer(_needed(), "other")
    assert str(refused.value) == NODE + sentence.format(host=socket.gethostname())
    assert str(unfit([f"sweeps.resources.late_nodes.UnfitNodeError: {refused.value}"])) == str(refused.value)


def test_another_gpu_is_fit_for_float32(found: list[GpuReport]) -> None:
    found.append(replace(REPORT, devices=(replace(H200, bfloat16="absent"),)))
    check_newcomer(_needed(precision="float32"), "other")


def test_a_gpu_that_is_too_busy_to_tell_is_fit(found: list[GpuReport]) -> None:
    found.append(replace(REPORT, devices=(replace(H200, bfloat16="unknown", bfloat16_told="CUDA out of memory"),)))
    check_newcomer(_needed(), "other")


def test_a_cpu_without_bfloat16_is_unfit_for_a_sweep_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcvd.training.precision.has_fast_bfloat16", lambda device: False)
    with pytest.raises(UnfitNodeError, match=r"this sweep runs in bfloat16, and the CPU of node .* has no bfloat16"):
        check_newcomer(Newcomers(frozenset(), "2.13.0", "bfloat16"), "other")
