"""What only a CUDA device can show; skipped elsewhere."""

import json
from pathlib import Path

import pytest
import torch

from simcvd.config import TrialConfig, apply_settings
from simcvd.training.evaluation import evaluate_trial
from simcvd.training.run import run_training

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

# The CPU and CUDA have generators of their own, so that only a run without draws on the device can be compared.
UNDRAWN = {
    "data.crop_vox": [32, 32, 32],  # of crops much smaller, batch norm has few values, and rounding shows
    "inference.stride_vox": [32, 32, 32],
    "noise.std": 0,
    "projection.dropout": 0,
    "network.dropout_bottleneck": 0,
    "training.precision": "float32",
    "training.steps": 1,
}


def _losses(trial: Path) -> dict[str, float]:
    losses: dict[str, float] = json.loads((trial / "log.jsonl").read_text().splitlines()[0])["losses"]
    return losses


def test_first_losses_on_cuda_equal_the_cpus(tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path) -> None:
    config = apply_settings(tiny_config, UNDRAWN)
    for device in ("cpu", "cuda"):
        run_training(config, tiny_dataset, tmp_path / device, device=device)
    assert _losses(tmp_path / "cuda") == pytest.approx(_losses(tmp_path / "cpu"), rel=5e-3)


def test_bfloat16_is_chosen_and_close_to_float32(tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path) -> None:
    for precision in ("float32", "auto"):
        config = apply_settings(tiny_config, {**UNDRAWN, "training.precision": precision})
        run_training(config, tiny_dataset, tmp_path / precision, device="cuda")
    assert json.loads((tmp_path / "auto" / "environment.json").read_text())["precision"] == "bfloat16"
    assert _losses(tmp_path / "auto") == pytest.approx(_losses(tmp_path / "float32"), rel=0.05)


def test_trial_on_cuda_resumes_and_is_scored(tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill_at_five(report: dict[str, object]) -> None:
        if report["step"] == 5:
            raise Killed

    with pytest.raises(Killed):
        run_training(tiny_config, tiny_dataset, tmp_path, device="cuda", report=kill_at_five)  # type: ignore[arg-type]
    outcome = run_training(tiny_config, tiny_dataset, tmp_path, device="cuda")
    assert outcome.steps == tiny_config.training.steps
    on_cuda = evaluate_trial(tmp_path, tiny_dataset, "test", device="cuda")
    assert {score.case_id for score in on_cuda} == {"case6", "case7"}
