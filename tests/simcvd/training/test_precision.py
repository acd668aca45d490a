from typing import Any

import pytest
import torch

from simcvd.config import load_preset
from simcvd.errors import UserError
from simcvd.training import precision
from simcvd.training.precision import Precision, choose_precision, confirmed_precision, has_fast_bfloat16

CPU = torch.device("cpu")


@pytest.mark.parametrize(("fast", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_takes_bfloat16_where_it_is_fast(fast: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda device: fast)
    assert choose_precision("auto", CPU).name == expected


def test_bfloat16_without_hardware_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda device: False)
    with pytest.raises(UserError, match="no bfloat16 arithmetic"):
        choose_precision("bfloat16", CPU)


def test_float32_context_leaves_arithmetic_alone() -> None:
    with choose_precision("float32", CPU).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_detection_answers_on_this_machine() -> None:
    assert has_fast_bfloat16(CPU) in {True, False}


def test_a_sweeps_precision_is_taken_for_auto_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda device: True)
    assert choose_precision("auto", CPU, resolved="float32") == Precision("float32", "cpu")
    assert choose_precision("bfloat16", CPU, resolved="float32").name == "bfloat16"


class _Gpu:
    """What is asked of a device here."""

    type = "cuda"

    def __str__(self) -> str:
        return "cuda:0"


@pytest.mark.parametrize("resolved", [None, "bfloat16"])
def test_bfloat16_that_is_computed_wrong_gives_way_only_where_it_was_chosen_for_this_device(
    resolved: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, told = load_preset("phantom"), list[str]()
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda device: True)
    monkeypatch.setattr(precision, "wrong_convolution", lambda *_: "the 3x3x3 convolution is wrong")
    gpu: Any = _Gpu()
    chosen = choose_precision("auto", gpu, resolved=resolved)
    assert chosen.name == "bfloat16"
    if resolved is None:
        assert confirmed_precision(chosen, config, 1, 2, gpu, told.append).name == "float32"
        assert told[0].startswith("bfloat16 can't be used on cuda:0: the 3x3x3 convolution is wrong")
    else:
        with pytest.raises(UserError, match=r"the 3x3x3 convolution is wrong.*training\.precision=float32"):
            confirmed_precision(chosen, config, 1, 2, gpu)
    monkeypatch.setattr(precision, "wrong_convolution", lambda *_: None)
    assert confirmed_precision(chosen, config, 1, 2, gpu) == chosen


@pytest.mark.parametrize("trains", [True, False])
def test_a_cpu_that_gets_a_gradient_wrong_is_not_trained_on_in_bfloat16(
    trains: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[str]()
    monkeypatch.setattr(precision, "wrong_convolution", lambda *_: "the 3x3x3 convolution is wrong")
    chosen = Precision("bfloat16", "cpu", may_change=True)
    found = confirmed_precision(chosen, load_preset("phantom"), 1, 2, CPU, told.append, trains=trains)
    assert found.name == ("float32" if trains else "bfloat16")
    assert (
        told
        == [
            f"bfloat16 can't be used on cpu: the 3x3x3 convolution is wrong, with torch {torch.__version__}. This "
            "runs in float32."
        ]
        * trains
    )
    asked = Precision("bfloat16", "cpu")
    with pytest.raises(UserError, match=r"with torch .*; use training\.precision=float32\."):
        confirmed_precision(asked, load_preset("phantom"), 1, 2, CPU)
