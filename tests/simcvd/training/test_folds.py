"""Trials that hold labelled cases out, and trials that train on the val cases, too."""

import shutil
from pathlib import Path

import h5py
import pytest
import torch
from safetensors.torch import load_file

from simcvd.config import TrialConfig, apply_settings, trial_id
from simcvd.data.store import open_info, write_info
from simcvd.data.training_cases import training_cases
from simcvd.errors import UserError
from simcvd.training.evaluation import count_cases, evaluate_trial
from simcvd.training.run import TrainingOutcome, run_training
from tests.tiny_trial import NARROW

ALL = {"data.labeled": "all"}


@pytest.fixture
def config(tiny_config: TrialConfig) -> TrialConfig:
    """Three steps, which see each case, of a method that reads unlabelled crops.

    The set's five training cases have labels, two of them are labelled; case5 is val.
    """
    short = {"training.steps": 3, "training.gradient_norms_every_steps": None, "training.precision": "float32"}
    crops = {"data.crop_vox": [16, 16, 16], "inference.stride_vox": [16, 16, 16], "training.batch_unlabeled": 2}
    return apply_settings(tiny_config, NARROW | short | crops | {"method": "mean_teacher", "augment.rotate": False})


def _train(config: TrialConfig, dataset: Path, runs: Path) -> tuple[Path, TrainingOutcome, list[str]]:
    told: list[str] = []
    folder = runs / trial_id(config, open_info(dataset).digest)
    outcome = run_training(config, dataset, folder, threads=1, device="cpu", tell=told.append)
    return folder, outcome, told


def _same_weights(one: Path, other: Path) -> bool:
    first, second = (load_file(folder / "student.safetensors") for folder in (one, other))
    return all(torch.equal(first[name], second[name]) for name in first)


def _changed(dataset: Path, target: Path, case_id: str) -> Path:
    """Copy a data set with other voxels and another label in one case."""
    shutil.copytree(dataset, target)
    with h5py.File(target / "cases" / f"{case_id}.h5", "r+") as file:
        for name in ("image", "label"):
            file[name][...] = file[name][...][..., ::-1]
    return target


def test_a_case_that_is_held_out_changes_no_weight_and_is_validated_on(
    tiny_dataset: Path, config: TrialConfig, tmp_path: Path
) -> None:
    info = open_info(tiny_dataset)
    fold = apply_settings(config, ALL | {"data.fold": [1, 5]})
    own, held_out = training_cases(info, fold.data).val
    assert (own, held_out in info.train_order) == ("case5", True)
    folder, outcome, _ = _train(fold, tiny_dataset, tmp_path / "runs")
    assert [score.case_id for score in outcome.val_scores] == ["case5", "case5", held_out, held_out]

    other = _changed(tiny_dataset, tmp_path / "other", held_out)
    again, rescored, _ = _train(fold, other, tmp_path / "again")
    assert _same_weights(folder, again)
    assert rescored.val_scores[:2] == outcome.val_scores[:2]
    assert rescored.val_scores[2:] != outcome.val_scores[2:]

    whole = apply_settings(fold, {"data.fold": None})
    seen = [_train(whole, dataset, tmp_path / dataset.name)[0] for dataset in (tiny_dataset, other)]
    assert not _same_weights(*seen), "in the training on all of them it counts"


@pytest.mark.parametrize("number", range(2))
def test_scores_anew_are_those_of_the_trial_s_own_validation(
    number: int, tiny_dataset: Path, config: TrialConfig, tmp_path: Path
) -> None:
    fold = apply_settings(config, {"data.fold": [number, 2]})
    folder, outcome, _ = _train(fold, tiny_dataset, tmp_path)
    assert {score.case_id for score in outcome.val_scores} == {
        "case5",
        training_cases(open_info(tiny_dataset), fold.data).val[1],
    }
    seen: list[str] = []
    anew = evaluate_trial(folder, tiny_dataset, "val", device="cpu", on_case=lambda case, _: seen.append(case))
    assert anew == outcome.val_scores
    assert count_cases(folder, tiny_dataset, "val") == len(seen) == 2
    renamed = folder.rename(tmp_path / "mine")
    assert evaluate_trial(renamed, tiny_dataset, "val", device="cpu") == anew


def test_val_cases_are_trained_on_and_never_scored_by_who_was(
    tiny_dataset: Path, config: TrialConfig, tmp_path: Path
) -> None:
    final = apply_settings(config, ALL | {"data.train_on_val": True})
    folder, outcome, told = _train(final, tiny_dataset, tmp_path / "runs")
    assert outcome.val_scores == []
    assert told == [
        "All 6 training cases are labelled, so unlabelled crops come from them too, without their labels; "
        "a smaller data.labeled leaves some unlabelled."
    ]
    assert not any('"val": {"' in line for line in (folder / "log.jsonl").read_text().splitlines())
    other = _changed(tiny_dataset, tmp_path / "other", "case5")
    assert not _same_weights(folder, _train(final, other, tmp_path / "again")[0])
    assert evaluate_trial(folder, tiny_dataset, "val", device="cpu") == []
    assert count_cases(folder, tiny_dataset, "val") == 0
    assert {score.case_id for score in evaluate_trial(folder, tiny_dataset, "test", device="cpu")} == {"case6", "case7"}


def test_a_set_without_val_cases_has_none_to_train_on_and_that_is_said(
    tiny_dataset: Path, config: TrialConfig, tmp_path: Path
) -> None:
    info = open_info(tiny_dataset)
    bare = tmp_path / "bare"
    shutil.copytree(tiny_dataset, bare)
    content = info.model_copy(update={"splits": info.splits.model_copy(update={"val": ()})})
    write_info(bare, content)
    plain, _, silent = _train(config, bare, tmp_path / "plain")
    final, _, told = _train(apply_settings(config, {"data.train_on_val": True}), bare, tmp_path / "final")
    assert silent == []
    assert told == [
        "data.train_on_val is set, but 'tiny' has no val cases, so no case is added; the training is the "
        "same without it."
    ]
    assert _same_weights(plain, final)


def test_more_parts_than_labelled_cases_end_before_anything_is_written(
    tiny_dataset: Path, config: TrialConfig, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="can't be divided into 3 parts: there are 2 of them; take 2 parts"):
        run_training(apply_settings(config, {"data.fold": [0, 3]}), tiny_dataset, tmp_path / "trial", device="cpu")
    assert not (tmp_path / "trial").exists()
