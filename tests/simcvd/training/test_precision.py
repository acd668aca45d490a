import pytest
import torch

from simcvd.errors import UserError
from simcvd.training import precision
from simcvd.training.precision import choose_precision, has_fast_bfloat16

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
