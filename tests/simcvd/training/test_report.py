from pathlib import Path

import pytest
import torch

from simcvd.methods.base import Term
from simcvd.training.report import StepReport, TrialLog
from tests.pretend_gpu import pretended


def test_numbers_are_read_when_they_have_arrived_whichever_device_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that another device's stream records says nothing about the copy: it would be read too early."""
    with pretended(monkeypatch, devices=2) as gpu:
        value = torch.ones((), device="cuda:1")
        assert gpu.current == 0
        report = StepReport.of(0, [Term("dice", value, 0.5)], None, {"sdm_error": value * 2})
        assert gpu.waits == []
        assert report.losses() == {"dice": 1.0}
        assert report.numbers()["diagnostics"] == {"sdm_error": 2.0}


def test_norms_stand_beside_their_terms() -> None:
    terms = [Term("dice", torch.tensor(0.25), 0.5), Term("sdm", torch.tensor(2.0), 0.1)]
    report = StepReport.of(
        3, terms, {"dice": torch.tensor(7.0), "sdm": torch.tensor(8.0)}, {"certain": torch.tensor(1.0)}
    )
    assert report.has_norms
    assert report.numbers() == {
        "total": pytest.approx(0.325),
        "losses": {"dice": 0.25, "sdm": 2.0},
        "weights": {"dice": 0.5, "sdm": 0.1},
        "diagnostics": {"certain": 1.0},
        "gradient_norms": {"dice": 7.0, "sdm": 8.0},
    }


def test_a_log_keeps_the_steps_that_are_not_done_again_and_no_ending_twice(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    done = [f'{{"step": {step}, "losses": {{"dice": 0.5}}}}\n' for step in (1, 2, 3)]
    log.write_text("".join(done) + '{"step": 3, "val": {"student_dice": 0.8}}\n{"step": 3, "los')
    TrialLog(tmp_path, 3).close()
    assert log.read_text() == "".join(done)
    TrialLog(tmp_path, 2).close()
    assert log.read_text() == "".join(done[:2])
