import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from simcvd.config import TrialConfig, apply_settings, from_file
from simcvd.data.store import open_case, open_info, write_info
from simcvd.errors import UserError
from simcvd.inference.evaluate import CaseScores
from simcvd.labels import IGNORED
from simcvd.training.evaluation import evaluate_trial
from simcvd.training.interruption import Interrupted, Stopped
from simcvd.training.run import CHECKPOINT, TrainingFailed, TrainingOutcome, run_training


@dataclass(frozen=True)
class Whole:
    """A trial that nothing cut off.

    Attributes:
        folder: where it is.
        outcome: what it returned.
        seen: its reports.
        asked: how often it was asked whether to stop.
    """

    folder: Path
    outcome: TrainingOutcome
    seen: list[object]
    asked: int


@pytest.fixture(scope="module")
def whole(tiny_dataset: Path, tiny_config: TrialConfig, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder, seen, asked = tmp_path_factory.mktemp("whole") / "trial", list[object](), list[int]()
    outcome = run_training(
        tiny_config,
        tiny_dataset,
        folder,
        threads=1,
        device="cpu",
        report=seen.append,
        should_stop=lambda: bool(asked.append(1)),
    )
    return Whole(folder, outcome, seen, len(asked))


def _weights(trial: Path) -> dict[str, torch.Tensor]:
    return load_file(trial / "student.safetensors")


def _assert_same_weights(one: Path, other: Path) -> None:
    first, second = _weights(one), _weights(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def _lines(trial: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (trial / "log.jsonl").read_text().splitlines()]


def test_trial_leaves_its_files_and_scores(tiny_dataset: Path, tiny_config: TrialConfig, whole: Whole) -> None:
    assert whole.outcome.steps == 6
    assert {(s.case_id, s.class_name) for s in whole.outcome.val_scores} == {("case5", "outer"), ("case5", "inner")}
    assert from_file(whole.folder / "config.yaml") == tiny_config
    lines = _lines(whole.folder)
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6, 6]
    assert lines == json.loads(json.dumps(whole.seen))
    assert set(lines[0]["losses"]) == {"cross_entropy", "dice", "sdm", "contrast", "distillation", "consistency"}
    assert set(lines[0]["gradient_norms"]) == set(lines[0]["losses"])
    assert set(lines[0]["diagnostics"]) == {"sdm_error", "sdm_error_constant"}
    assert set(lines[-1]["val"]) == {"student_dice", "teacher_dice"}
    assert json.loads((whole.folder / "environment.json").read_text())["precision"] in {"float32", "bfloat16"}
    assert list((whole.folder / "events").iterdir())
    scores = evaluate_trial(whole.folder, tiny_dataset, "test", device="cpu")
    assert {s.case_id for s in scores} == {"case6", "case7"}


def test_a_data_set_with_ignored_voxels_trains_and_scores_without_them(
    tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path
) -> None:
    """What the masks of a case are scored on is what its label counts."""
    dataset = tmp_path / "data"
    shutil.copytree(tiny_dataset, dataset)
    for path in (dataset / "cases").iterdir():
        with h5py.File(path, "r+") as file:
            file["label"][:18] = IGNORED
    write_info(dataset, open_info(dataset).model_copy(update={"ignored": True}))
    config = apply_settings(tiny_config, {"training.steps": 2, "training.gradient_norms_every_steps": 1})
    outcome = run_training(config, dataset, tmp_path / "trial", threads=1, device="cpu")
    lines = _lines(tmp_path / "trial")
    assert all(math.isfinite(number) for line in lines[:2] for number in line["losses"].values())
    assert all(math.isfinite(number) for line in lines[:2] for number in line["gradient_norms"].values())
    for score in outcome.val_scores:
        label = np.asarray(open_case(dataset, score.case_id, with_label=True).label)
        assert label[:18].min() == IGNORED
        assert score.reference_voxels == (label[18:] == score.class_id).sum()
        assert score.predicted_voxels <= label[18:].size


def test_logged_total_is_the_sum_of_weighted_terms(whole: Whole) -> None:
    for line in _lines(whole.folder)[:-1]:
        expected = sum(line["weights"][name] * value for name, value in line["losses"].items())
        assert line["total"] == pytest.approx(expected)


def test_resumed_training_gives_bit_identical_weights(
    tiny_dataset: Path, tiny_config: TrialConfig, whole: Whole, tmp_path: Path
) -> None:
    asked = iter([False, False, True])
    with pytest.raises(Interrupted, match="after step 3 of 6"):
        run_training(
            tiny_config, tiny_dataset, tmp_path / "cut", threads=1, device="cpu", should_stop=lambda: next(asked)
        )
    run_training(tiny_config, tiny_dataset, tmp_path / "cut", threads=1, device="cpu")
    _assert_same_weights(whole.folder, tmp_path / "cut")
    timeless = [{k: v for k, v in line.items() if k != "seconds"} for line in _lines(whole.folder)]
    assert timeless == [{k: v for k, v in line.items() if k != "seconds"} for line in _lines(tmp_path / "cut")]


class _Judge:
    """Lets a training go on after some steps and remembers what it was shown."""

    def __init__(self, answers: dict[int, bool]) -> None:
        self.answers, self.seen = answers, dict[int, set[str]]()
        self.steps = answers.keys()

    def __call__(self, step: int, scores: list[CaseScores]) -> bool:
        self.seen[step] = {score.case_id for score in scores}
        return self.answers[step]


def test_a_judge_sees_val_cases_ends_a_training_and_changes_no_weight(
    tiny_dataset: Path, tiny_config: TrialConfig, whole: Whole, tmp_path: Path
) -> None:
    judge = _Judge({2: True, 4: False})
    with pytest.raises(Stopped, match="after step 4 of 6"):
        run_training(tiny_config, tiny_dataset, tmp_path / "cut", threads=1, device="cpu", judge=judge)
    assert judge.seen == {2: {"case5"}, 4: {"case5"}}
    assert not (tmp_path / "cut" / "student.safetensors").exists()
    run_training(tiny_config, tiny_dataset, tmp_path / "cut", threads=1, device="cpu")
    _assert_same_weights(whole.folder, tmp_path / "cut")


def test_a_validation_gives_a_sign_of_life_for_each_case(whole: Whole) -> None:
    networks = 2  # student and teacher are validated
    cases = {score.case_id for score in whole.outcome.val_scores}
    assert whole.asked >= whole.outcome.steps + networks * len(cases)


@pytest.mark.slow
def test_training_killed_between_checkpoints_repeats_the_lost_steps(
    tiny_dataset: Path, tiny_config: TrialConfig, whole: Whole, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def kill_at_five(report: dict[str, object]) -> None:
        if report["step"] == 5:
            raise Killed

    with pytest.raises(Killed):
        run_training(tiny_config, tiny_dataset, tmp_path / "cut", threads=1, device="cpu", report=kill_at_five)
    run_training(tiny_config, tiny_dataset, tmp_path / "cut", threads=1, device="cpu")
    assert [line["step"] for line in _lines(tmp_path / "cut")] == [1, 2, 3, 4, 5, 6, 6]
    _assert_same_weights(whole.folder, tmp_path / "cut")


def test_other_seed_gives_other_weights(tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path) -> None:
    short = apply_settings(tiny_config, {"training.steps": 1})
    run_training(short, tiny_dataset, tmp_path / "0", threads=1)
    run_training(apply_settings(short, {"seed": 1}), tiny_dataset, tmp_path / "1", threads=1)
    assert not torch.equal(
        *(next(v for k, v in sorted(_weights(tmp_path / s).items()) if v.ndim == 5) for s in ("0", "1"))
    )


def test_checkpoint_of_other_settings_is_refused(
    tiny_dataset: Path, tiny_config: TrialConfig, whole: Whole, tmp_path: Path
) -> None:
    shutil.copytree(whole.folder, tmp_path, dirs_exist_ok=True)
    with pytest.raises(UserError, match="belongs to other settings"):
        run_training(apply_settings(tiny_config, {"seed": 1}), tiny_dataset, tmp_path, threads=1)


def test_a_trial_goes_on_from_the_checkpoint_before_a_damaged_one_to_the_same_weights(
    tiny_dataset: Path, tiny_config: TrialConfig, whole: Whole, tmp_path: Path
) -> None:
    shutil.copytree(whole.folder, tmp_path, dirs_exist_ok=True)
    content = bytearray((tmp_path / CHECKPOINT).read_bytes())
    content[len(content) // 2] ^= 0x40
    (tmp_path / CHECKPOINT).write_bytes(content)
    told: list[str] = []
    run_training(tiny_config, tiny_dataset, tmp_path, threads=1, device="cpu", tell=told.append)
    assert told == [
        f"The checkpoint {tmp_path / CHECKPOINT} is damaged; the trial goes on from the one before it, after step 4."
    ]
    _assert_same_weights(whole.folder, tmp_path)
    assert [line["step"] for line in _lines(tmp_path)] == [1, 2, 3, 4, 5, 6, 6]


def test_a_trial_whose_checkpoints_are_all_damaged_begins_anew_and_says_so(
    tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path
) -> None:
    (tmp_path / CHECKPOINT).parent.mkdir()
    (tmp_path / CHECKPOINT).write_bytes(b"PK\x03\x04 cut off")
    (tmp_path / "log.jsonl").write_text('{"step": 3}\n')
    told: list[str] = []
    short = apply_settings(tiny_config, {"training.steps": 1})
    run_training(short, tiny_dataset, tmp_path, threads=1, tell=told.append)
    assert [sentence for sentence in told if "begins anew" in sentence] == told
    assert len(told) == 1
    assert [line["step"] for line in _lines(tmp_path)] == [1, 1]


def test_nan_ends_the_trial_with_term_and_step(tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path) -> None:
    wild = apply_settings(tiny_config, {"training.learning_rate": 1e30})
    with pytest.raises(TrainingFailed, match=r"loss term \w+ is (nan|-?inf) at step [1-5]") as caught:
        run_training(wild, tiny_dataset, tmp_path, threads=1)
    assert caught.value.kind == "nan"


def test_memory_failure_says_what_to_lower(
    tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*args: object, **kwargs: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("simcvd.training.run.train_steps", no_memory)
    with pytest.raises(TrainingFailed, match=r"lower training\.batch_unlabeled") as caught:
        run_training(tiny_config, tiny_dataset, tmp_path, threads=1)
    assert caught.value.kind == "out_of_memory"


def test_crop_larger_than_every_case_is_padded_and_said(
    tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path
) -> None:
    told: list[str] = []
    large = apply_settings(tiny_config, {"data.crop_vox": [48, 16, 16], "training.steps": 1})
    run_training(large, tiny_dataset, tmp_path, threads=1, tell=told.append)
    assert len(told) == 1
    assert "48" in told[0]


def test_no_case_left_unlabelled_is_said_where_unlabelled_crops_are_read(
    tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path
) -> None:
    told: dict[str, list[str]] = {"mean_teacher": [], "supervised": []}
    for method, sentences in told.items():
        full = apply_settings(tiny_config, {"method": method, "data.labeled": "all", "training.steps": 1})
        run_training(full, tiny_dataset, tmp_path / method, threads=1, tell=sentences.append)
    assert told["supervised"] == []
    (sentence,) = told["mean_teacher"]
    assert "All 5 training cases are labelled" in sentence
    assert "data.labeled" in sentence


def test_unknown_device_gets_a_sentence(tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected auto, cpu, cuda"):
        run_training(tiny_config, tiny_dataset, tmp_path, device="gpu0")


def test_batch_too_small_for_batch_norm_is_refused(
    tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path
) -> None:
    tiny = {"data.crop_vox": [16, 16, 16], "inference.stride_vox": [16, 16, 16], "training.batch_unlabeled": 1}
    with pytest.raises(UserError, match=r"training\.batch_unlabeled is 1 with a crop of 16"):
        run_training(apply_settings(tiny_config, tiny), tiny_dataset, tmp_path / "trial", threads=1)
    assert not (tmp_path / "trial").exists()


def test_weight_zero_reads_no_unlabelled_crop(tiny_dataset: Path, tiny_config: TrialConfig, tmp_path: Path) -> None:
    off = {"training.steps": 1, "loss.contrast": 0, "loss.distillation": 0, "loss.consistency": 0}
    run_training(apply_settings(tiny_config, off), tiny_dataset, tmp_path, threads=1)
    assert set(_lines(tmp_path)[0]["losses"]) == {"cross_entropy", "dice", "sdm"}
