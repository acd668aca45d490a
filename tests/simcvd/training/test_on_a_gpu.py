"""A whole trial on a pretended GPU: its numbers are the CPU's, and what a real one would refuse or wait for shows."""

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.data.store import Grid, Origin, Splits, build_info, write_case, write_info
from simcvd.methods.registry import METHODS
from simcvd.training.evaluation import evaluate_trial, predict_images
from simcvd.training.run import CHECKPOINT, run_training
from tests.pretend_gpu import PretendGpu, pretended
from tests.tiny_trial import NARROW

TINY = NARROW | {
    "data.crop_vox": [16, 16, 16],
    "inference.stride_vox": [16, 16, 16],
    "training.steps": 2,
    "training.log_every_steps": 1,
    "training.gradient_norms_every_steps": None,
    "training.checkpoint_every_steps": 1,
    "chaitanya.region_side": 2,
    "training.precision": "float32",
}
OF_METHOD = {
    "chaitanya": {"training.steps": 3, "chaitanya.global_fraction": 0.34, "chaitanya.local_fraction": 0.34},
    "dan": {"training.gradient_norms_every_steps": 1},
}
"""A step of each stage where a method trains in stages; gradient norms where a term reaches some parameters only."""

WAITS = {"bcp": ["copy to the host"]}
"""What a step waits for: the CPU looks for BCP's largest pieces."""

WITHOUT_SPARE_MEMORY = 1000

CpuLog = Callable[[TrialConfig], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six cases that are hardly larger than a crop, one of them smaller."""
    folder = tmp_path_factory.mktemp("small")
    generator = np.random.default_rng(0)
    digests = {}
    for index in range(6):
        image = generator.normal(size=(18, 16, 17 if index else 15)).astype(np.float32)
        label = np.zeros(image.shape, np.uint8)
        label[4:12, 3:13, 5:12] = 1
        image += 2 * label
        digests[str(index)] = write_case(
            folder, str(index), image, label, Grid((1, 1, 1), np.eye(4), image.shape), classes=1
        )
    info = build_info(
        folder,
        name="small",
        channels=("mr",),
        classes=("box",),
        splits=Splits(train_labeled=("0", "1"), train_unlabeled=("2", "3"), val=("4",), test=("5",)),
        train_order=("0", "1", "2", "3"),
        digests=digests,
        origin=Origin("made by a test"),
    )
    write_info(folder, info)
    return folder


@pytest.fixture(scope="module")
def cpu_log(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> CpuLog:
    """What a trial logs on the CPU; the same trial is trained once."""

    @functools.cache
    def log(config: TrialConfig) -> list[dict[str, Any]]:
        folder = tmp_path_factory.mktemp("cpu")
        run_training(config, dataset, folder, device="cpu")
        return _timeless(folder)

    return log


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendGpu]:
    with pretended(monkeypatch, devices=2) as found:
        yield found


def _config(**settings: Any) -> TrialConfig:
    return apply_settings(load_preset("phantom"), TINY | settings)


def _timeless(trial: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (trial / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


FIRST = ("supervised", "simcvd", "bcp")
"""Without a teacher, with one, and the one that waits."""


@pytest.mark.parametrize(
    "name", [name if name in FIRST else pytest.param(name, marks=pytest.mark.slow) for name in METHODS]
)
def test_every_method_trains_on_a_gpu_without_waiting_for_it(
    name: str, dataset: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cpu_log: CpuLog
) -> None:
    """Steps, loader, report, checkpoints and validation; the host waits for no step but through its report."""
    waits: dict[int, int] = {}
    config = _config(method=name, **OF_METHOD.get(name, {}))
    expected = cpu_log(config)
    with pretended(monkeypatch, devices=2) as gpu:
        outcome = run_training(
            config,
            dataset,
            tmp_path,
            device="auto",
            report=lambda line: waits.setdefault(int(line["step"]), len(gpu.waits)),
        )
    assert outcome.environment["device"] == "cuda:0"
    assert gpu.contexts == {0}
    assert gpu.waits[waits[1] : waits[outcome.steps]] == WAITS.get(name, [])
    assert _timeless(tmp_path) == expected


VARIANTS = {
    "patch": {"sdm.scope": "patch"},
    "augmented": {"augment.local_shuffle.probability": 1.0},
}


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("variant", list(VARIANTS))
def test_crops_come_alike_from_the_gpus_memory_and_from_the_disk(
    variant: str, resident: bool, dataset: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cpu_log: CpuLog
) -> None:
    config = _config(**{"training.steps": 1}, **VARIANTS[variant])
    expected = cpu_log(config)
    with pretended(monkeypatch, devices=2) as gpu:
        gpu.free_bytes = 1 << 40 if resident else WITHOUT_SPARE_MEMORY
        run_training(config, dataset, tmp_path, device="cuda")
    assert _timeless(tmp_path) == expected


def test_another_gpu_than_the_first_is_used_alone_and_read_when_it_is_done(
    dataset: Path, gpu: PretendGpu, tmp_path: Path
) -> None:
    """What is read before it has arrived is NaN here, which ends the trial."""
    outcome = run_training(_config(), dataset, tmp_path, device="cuda:1")
    assert outcome.environment["device"] == "cuda:1"
    assert gpu.contexts == {1}


def test_a_trial_goes_on_from_its_checkpoint_as_if_it_had_not_been_cut_off(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cpu_log: CpuLog
) -> None:
    class Killed(BaseException):
        pass

    def kill_at_two(line: Any) -> None:
        if line["step"] == 2:
            raise Killed

    config = _config()
    expected = cpu_log(config)
    with pretended(monkeypatch, devices=2):
        with pytest.raises(Killed):
            run_training(config, dataset, tmp_path, device="cuda", report=kill_at_two)
        kept = torch.load(tmp_path / CHECKPOINT, weights_only=True)
        assert kept["steps_done"] == 1
        assert all(tensor.isfinite().all() for tensor in kept["networks"].values())
        run_training(config, dataset, tmp_path, device="cuda")
    assert _timeless(tmp_path) == expected


def test_a_student_scores_and_predicts_on_a_gpu_as_on_the_cpu(dataset: Path, gpu: PretendGpu, tmp_path: Path) -> None:
    trial, image = tmp_path / "trial", tmp_path / "scan.nii"
    run_training(_config(method="dtc", **{"training.steps": 1}), dataset, trial, device="cuda")
    voxels = np.random.default_rng(1).normal(size=(20, 18, 17)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), image)
    scores, masks = [], []
    for device in ("cuda:1", "cpu"):
        scores.append(evaluate_trial(trial, dataset, "test", device=device))
        (predicted,) = predict_images(trial, [image], tmp_path / device, device=device)
        masks.append(np.asarray(nibabel.load(predicted.image.mask).dataobj))
    assert scores[0] == scores[1]
    assert np.array_equal(masks[0], masks[1])
