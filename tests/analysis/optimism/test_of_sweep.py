import shutil
from pathlib import Path

import pytest

from analysis.errors import AnalysisError
from analysis.optimism.measure import LeftOut
from analysis.optimism.of_sweep import ASK, optimism_of_sweep
from analysis.runs.records import write_trial
from analysis.runs.replicate import Replicate
from simcvd.config import apply_settings, load_preset, parse_assignment, trial_id
from tests.analysis.made_runs import trial_row
from tests.analysis.optimism.made_logs import write_log, write_sweep_with_logs


def test_the_result_stands_beside_the_optimism(tmp_path: Path) -> None:
    """Of `ref`, seeds 0.66 - 0.60 and 0.62 - 0.62; of `new`, seed 0 alone, 0.55 - 0.51."""
    found = optimism_of_sweep(write_sweep_with_logs(tmp_path), "toy")
    assert found.scored.split == "test"
    (ref, ref_choice), (new, new_choice) = found.lines
    assert (ref.mean, new.mean) == pytest.approx((0.81, 0.71))
    assert (ref_choice.last, ref_choice.best) == pytest.approx((0.61, 0.64))
    assert ref_choice.optimism == pytest.approx(0.03)
    assert ref_choice.limits == pytest.approx((0, 0.06))
    assert (ref_choice.checkpoints, ref_choice.val_cases) == ((4, 4), (3, 3))
    assert new_choice.optimism == pytest.approx(0.04)
    assert new_choice.left_out == {Replicate(1): LeftOut.once}


def test_trials_that_were_validated_once_are_told_the_setting(tmp_path: Path) -> None:
    write_sweep_with_logs(tmp_path)
    shutil.rmtree(tmp_path / "trials")
    for name in ("ref-s0", "ref-s1", "new-s0", "new-s1"):
        write_log(tmp_path, name, {40: 0.5})
    with pytest.raises(AnalysisError, match=r"before its last step.*`--set training\.validate_every_steps=100`"):
        optimism_of_sweep(tmp_path, "toy")


def test_the_setting_makes_new_trials_as_the_message_says() -> None:
    usual = load_preset("la")
    key, value = parse_assignment(ASK.removeprefix("--set "))
    assert trial_id(apply_settings(usual, {key: value}), "digest") != trial_id(usual, "digest")


def test_a_sweep_without_val_cases_is_told_to_have_some(tmp_path: Path) -> None:
    write_sweep_with_logs(tmp_path)
    shutil.rmtree(tmp_path / "trials")
    for name in ("ref-s0", "ref-s1"):
        write_log(tmp_path, name, {})
    for name in ("new-s0", "new-s1"):
        write_trial(tmp_path, trial_row(name, status="failed", failure_kind="nan"))
    with pytest.raises(AnalysisError, match="was scored on val cases, where"):
        optimism_of_sweep(tmp_path, "toy")


def test_logs_that_are_gone_are_said(tmp_path: Path) -> None:
    write_sweep_with_logs(tmp_path)
    shutil.rmtree(tmp_path / "trials")
    with pytest.raises(AnalysisError, match="No log of a finished trial"):
        optimism_of_sweep(tmp_path, "toy")


def test_a_sweep_that_has_not_finished_is_waited_for(tmp_path: Path) -> None:
    write_sweep_with_logs(tmp_path)
    for name in ("ref-s0", "ref-s1", "new-s0", "new-s1"):
        write_trial(tmp_path, trial_row(name, status="interrupted"))
    with pytest.raises(AnalysisError, match="No trial of the sweep toy has finished yet"):
        optimism_of_sweep(tmp_path, "toy")
