"""`training.precision=auto` is one arithmetic for all trials of a sweep."""

import json
from pathlib import Path

import pytest

from analysis.runs.records import write_trial
from simcvd.config import apply_settings, load_preset
from simcvd.errors import UserError
from sweeps.preflight.gpu import GpuDevice, GpuReport
from sweeps.preflight.precision import Hindrance, of_gpus, of_processors, recorded_precisions, resolve
from sweeps.storage.exchange import HERE

NODE = "node gpu02 (192.0.2.12)"
WRONG = "the 3x3x3 convolution from 16 to 16 channels has a weight gradient with a relative error of 0.8"
H200 = GpuDevice("0", "NVIDIA H200", "9.0", None, "right")
OLD = GpuDevice("3", "Tesla T4", "7.5", None, "absent")


def _gpus(*devices: GpuDevice) -> dict[str, Hindrance | None]:
    reports = {HERE: GpuReport("CUDA 12.6", devices=(H200,)), NODE: GpuReport("CUDA 12.6", devices=devices)}
    return of_gpus(
        {name: GpuReport(report.toolkit, cudnn="9.10.2", devices=report.devices) for name, report in reports.items()}
    )


def test_bfloat16_is_taken_where_all_compute_it_fast_and_right() -> None:
    choice = resolve({"auto"}, _gpus(H200, H200), {})
    assert (choice.name, choice.why, choice.notices) == ("bfloat16", "all 2 machines compute it fast and right", ())
    assert resolve({"auto"}, of_processors({HERE: True}), {}).why == "this machine computes it fast and right"


@pytest.mark.parametrize(
    ("device", "notice"),
    [
        (
            OLD,
            "All trials run in float32, since GPU 3 (Tesla T4) of node gpu02 (192.0.2.12) has no bfloat16 arithmetic; "
            "without that machine they would run in bfloat16.",
        ),
        (
            GpuDevice("0", "NVIDIA H200", "9.0", None, "wrong", WRONG),
            "All trials run in float32, since GPU 0 (NVIDIA H200) of node gpu02 (192.0.2.12) computes bfloat16 wrong "
            f"with cuDNN 9.10.2 ({WRONG}); another version of cuDNN may compute it right.",
        ),
        (
            GpuDevice("0", "NVIDIA H200", "9.0", None, "unknown", "CUDA out of memory."),
            "All trials run in float32, since whether GPU 0 (NVIDIA H200) of node gpu02 (192.0.2.12) computes bfloat16 "
            "right could not be found out (CUDA out of memory.); they may run in bfloat16 once that is put right.",
        ),
    ],
)
def test_one_gpu_that_can_not_makes_all_trials_float32(device: GpuDevice, notice: str) -> None:
    choice = resolve({"auto"}, _gpus(H200, device), {})
    assert choice.name == "float32"
    assert choice.notices == (notice,)


def test_cpus_that_differ_run_in_float32_with_a_notice() -> None:
    choice = resolve({"auto", "float32"}, of_processors({HERE: True, NODE: False}), {})
    assert choice.name == "float32"
    assert choice.notices == (
        f"All trials run in float32, since the CPU of {NODE} has no bfloat16 arithmetic; without that machine they "
        "would run in bfloat16.",
    )


def test_where_no_machine_has_bfloat16_float32_is_no_news() -> None:
    choice = resolve({"auto"}, of_processors({HERE: False, NODE: False}), {})
    assert (choice.name, choice.notices) == ("float32", ())
    assert choice.why == "the CPU of this machine has no bfloat16 arithmetic"


def test_what_trials_set_themselves_is_left() -> None:
    choice = resolve({"float32"}, of_processors({HERE: True}), {"float32": 3})
    assert (choice.name, choice.why, choice.notices) == (None, "as the trials set it: float32", ())
    assert resolve({"bfloat16"}, _gpus(H200), {}).name is None


def test_bfloat16_that_is_asked_for_and_can_not_be_had_is_refused() -> None:
    with pytest.raises(UserError) as refused:
        resolve({"bfloat16", "auto"}, _gpus(OLD), {})
    assert str(refused.value) == (
        f"training.precision is bfloat16, but GPU 3 (Tesla T4) of {NODE} has no bfloat16 arithmetic; use auto or "
        "float32, or other machines."
    )
    unsure = GpuDevice("0", "NVIDIA H200", "9.0", None, "unknown", "CUDA out of memory.")
    assert resolve({"bfloat16"}, _gpus(unsure), {}).name is None


def test_trials_that_ran_in_float32_are_matched() -> None:
    choice = resolve({"auto"}, _gpus(H200), {"float32": 3})
    assert choice.name == "float32"
    assert choice.notices == (
        "All trials run in float32, since 3 trial(s) of this sweep ran in float32 before; bfloat16 would be faster "
        "here.",
    )
    assert resolve({"auto"}, _gpus(H200), {"bfloat16": 3}).notices == ()


@pytest.mark.parametrize("recorded", [{"bfloat16": 2}, {"bfloat16": 2, "float32": 1}])
def test_trials_that_ran_in_bfloat16_and_can_not_be_matched_are_told(recorded: dict[str, int]) -> None:
    choice = resolve({"auto"}, of_processors({HERE: False}), recorded)
    assert choice.name == "float32"
    assert choice.notices == (
        "2 trial(s) of this sweep ran in bfloat16 and the others run in float32, so its table mixes both; the same "
        "command with --set training.precision=float32 runs all of them in float32.",
    )
    mixed = resolve({"auto"}, of_processors({HERE: True}), {"bfloat16": 2, "float32": 1})
    assert (mixed.name, len(mixed.notices)) == ("float32", 2)


def _trial(runs: Path, trial_id: str, status: str | None, row: str | None, file: str | None) -> None:
    if status is not None:
        known = {"trial_id": trial_id, "config_hash": "h", "method": "simcvd", "seed": 0}
        write_trial(runs, known | {"status": status, "precision": row})
    if file is not None:
        folder = runs / "trials" / trial_id
        folder.mkdir(parents=True)
        (folder / "environment.json").write_text(json.dumps({"precision": file}))


def test_what_trials_ran_in_is_read_from_rows_and_files(tmp_path: Path) -> None:
    base = load_preset("phantom")
    _trial(tmp_path, "new", "finished", "float32", None)
    _trial(tmp_path, "old", "finished", None, "bfloat16")  # rows of version 0.1 do not say it
    _trial(tmp_path, "killed", None, None, "float32")
    _trial(tmp_path, "failed", "failed", "bfloat16", "bfloat16")
    _trial(tmp_path, "own", "finished", "float32", "float32")
    (tmp_path / "trials" / "cut").mkdir()
    (tmp_path / "trials" / "cut" / "environment.json").write_text('{"preci')
    configs = dict.fromkeys(("new", "old", "killed", "failed", "cut", "absent"), base)
    configs["own"] = apply_settings(base, {"training.precision": "float32"})
    assert recorded_precisions(tmp_path, configs) == {"float32": 2, "bfloat16": 1}
