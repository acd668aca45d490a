"""A runs folder with masks and a data set, small enough to know every voxel; names that break careless pages."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import yaml

from analysis.runs.masks import MaskWriter
from analysis.runs.records import write_cases, write_trial
from simcvd.metrics.names import METRICS

REFERENCE, SCRIPT, QUOTED = "SimCVD", "</script><script>alert(1)</script>", 'it\'s "quoted" & <b>bold</b>'
VARIANTS = (REFERENCE, SCRIPT, QUOTED)
CASES = ("case 'a'", 'case "b"', "case <c>", "case d")
SHAPE = (40, 30, 12)
SPACING_MM = (1.0, 1.0, 2.0)


@dataclass(frozen=True)
class Made:
    """What lies in the folders.

    Attributes:
        runs: the runs folder.
        dataset: the data set folder.
        dice: by variant and case, the mean of both classes.
        labels: by case.
        masks: by variant and case, those of seed 0.
    """

    runs: Path
    dataset: Path
    dice: dict[str, dict[str, float]]
    labels: dict[str, npt.NDArray[np.uint8]]
    masks: dict[str, dict[str, npt.NDArray[np.uint8]]]


def box(generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Two classes side by side, ragged at their border, inside voxels 14 to 26, 10 to 20 and 3 to 9."""
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[14:26, 10:20, 3:9] = generator.integers(0, 3, (12, 10, 6))
    mask[16:20, 12:18, 4:8] = 1
    mask[20:24, 12:18, 4:8] = 2
    return mask


def make(folder: Path) -> Made:
    generator = np.random.default_rng(0)
    runs, dataset = folder / "runs", folder / "hearts"
    (dataset / "cases").mkdir(parents=True)
    labels = {case: box(generator) for case in CASES}
    for case, label in labels.items():
        with h5py.File(dataset / "cases" / f"{case}.h5", "w") as file:
            file["image"] = generator.normal(size=SHAPE).astype(np.float32) + label
            file["label"] = label
            file.attrs["spacing_mm"] = SPACING_MM
    masks = {name: {case: box(generator) for case in CASES} for name in VARIANTS}
    dice: dict[str, dict[str, float]] = {}
    variants = []
    for place, name in enumerate(VARIANTS):
        trials = []
        seeds: dict[int, list[list[float]]] = {}
        for seed in (0, 1):
            trial = f"v{place}-s{seed}"
            trials.append({"seed": seed, "id": trial})
            scores = 0.8 - 0.1 * place + generator.normal(0, 0.02, (len(CASES), 2))
            seeds[seed] = scores.tolist()
            rows = [row(trial, seed, case, k, scores[n, k]) for n, case in enumerate(CASES) for k in range(2)]
            write_cases(runs, trial, rows)
            write_trial(runs, trial_row(trial, seed, name))
            (runs / "trials" / trial).mkdir(parents=True)
            (runs / "trials" / trial / "log.jsonl").write_text("".join(log_lines(place)))
            if seed == 0:
                with MaskWriter(runs, trial) as writer:
                    for case, mask in masks[name].items():
                        writer.add(case, mask)
        dice[name] = {case: float(np.mean([seeds[seed][n] for seed in seeds])) for n, case in enumerate(CASES)}
        variants.append({"name": name, "set": {"method": name}, "trials": trials})
    write_trial(
        runs, trial_row("v3-s0", 0, "broken", status="failed", failure_kind="nan", failure_message="<i>NaN</i>")
    )
    variants.append({"name": "broken", "set": {"method": "broken"}, "trials": [{"seed": 0, "id": "v3-s0"}]})
    content = {
        "name": "toy",
        "metric": "dice",
        "also": ["hd95_vox"],
        "reference": REFERENCE,
        "dataset": {"name": "hearts <&>", "digest": "d", "path": str(dataset)},
        "seeds": [0, 1],
        "overrides": {"data.crop_vox": [8, 8, 8]},
        "variants": variants,
        "published": None,
    }
    (runs / "sweeps" / "toy").mkdir(parents=True)
    (runs / "sweeps" / "toy" / "sweep.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return Made(runs, dataset, dice, labels, masks)


def row(trial: str, seed: int, case: str, place: int, dice: float) -> dict[str, Any]:
    return {
        **{"trial_id": trial, "config_hash": "0", "method": "m", "seed": seed, "label_split": None},
        **{"dataset": "hearts <&>", "split": "test", "case_id": case},
        **{"class_id": place + 1, "class_name": ("left", "right")[place]},
        **dict.fromkeys(METRICS),
        **{"dice": float(dice), "hd95_vox": 20 * (1 - float(dice))},
        **{"predicted_voxels": 9, "reference_voxels": 9, "empty_prediction": False, "empty_reference": False},
    }


def trial_row(trial: str, seed: int, method: str, **given: Any) -> dict[str, Any]:
    return {
        **{"trial_id": trial, "config_hash": "0", "method": "m", "seed": seed, "status": "finished", "steps": 40},
        **{"device": "cpu", "versions": {"torch": "2.9"}, "git_commit": "abc123"},
        **{"setting.method": method, "setting.training.steps": 40},
    } | given


def log_lines(place: int) -> Iterator[str]:
    for step in (10, 20, 30, 40):
        report = {"step": step, "steps": 40, "losses": {"dice": 1 / step + place}, "val": {"student_dice": step / 50}}
        yield json.dumps(report) + "\n"


ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a network."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    chromium = os.environ.get("SIMCVD_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium, or SIMCVD_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("report"))
