import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig, apply_settings
from simcvd.errors import UserError
from simcvd.inference.ensemble import Member, load_students, masks_from, probability_sums
from simcvd.inference.export import write_model
from simcvd.inference.sliding_window import highest, mean_probabilities, window_sums
from simcvd.networks.base import Segmenter

MakeTrial = Callable[..., tuple[Path, Segmenter]]
CPU = torch.device("cpu")


class Sure(nn.Module):
    """Gives each voxel the same probabilities."""

    def __init__(self, *probabilities: float) -> None:
        super().__init__()
        self._logits = torch.tensor(probabilities).log()

    def forward(self, image: Tensor) -> Tensor:
        return self._logits.reshape(1, -1, 1, 1, 1).expand(len(image), -1, *image.shape[2:])


class Bright(nn.Module):
    """Is sure of class 1 to the degree that the image is bright; sees where its window begins."""

    def forward(self, image: Tensor) -> Tensor:
        slope = torch.linspace(0, 1, image.shape[2]).reshape(-1, 1, 1)
        return torch.cat([-image, image + slope], dim=1)


def member(network: nn.Module, config: TrialConfig, crop: Sequence[int], stride: Sequence[int]) -> Member:
    settings = {"data.crop_vox": list(crop), "inference.stride_vox": list(stride)}
    return Member(network, apply_settings(config, settings), nullcontext)


def test_the_mean_of_probabilities_decides_not_the_majority(config: TrialConfig) -> None:
    """Worked by hand: (0.5, 0.1, 0.4) and (0.1, 0.5, 0.4) have their highest at 0 and 1, their mean at 2."""
    members = [
        member(Sure(0.5, 0.1, 0.4), config, (16, 16, 16), (8, 8, 16)),
        member(Sure(0.1, 0.5, 0.4), config, (32, 16, 16), (32, 16, 16)),
    ]
    image = np.zeros((1, 20, 18, 16), np.float32)
    alone = [np.unique(highest(probability_sums([one], image, CPU))).tolist() for one in members]
    assert alone == [[0], [1]]
    sums = probability_sums(members, image, CPU)
    assert (highest(sums) == 2).all()
    expected = torch.tensor([0.3, 0.3, 0.4]).reshape(-1, 1, 1, 1).expand(3, 20, 18, 16)
    assert torch.allclose(mean_probabilities(sums), expected)


def test_each_member_counts_once_however_many_windows_it_has(config: TrialConfig) -> None:
    many = member(Sure(0.9, 0.1), config, (16, 16, 16), (2, 16, 16))
    one = member(Sure(0.3, 0.7), config, (16, 16, 16), (16, 16, 16))
    found = mean_probabilities(probability_sums([many, one, one], np.zeros((1, 24, 16, 16), np.float32), CPU))
    assert torch.allclose(found[1], torch.full((24, 16, 16), (0.1 + 0.7 + 0.7) / 3))


def test_of_one_network_the_sums_are_those_of_its_windows(config: TrialConfig) -> None:
    image = np.random.default_rng(0).normal(size=(1, 30, 20, 16)).astype(np.float32)
    crop, stride = (16, 16, 16), (4, 8, 16)
    found = probability_sums([member(Bright(), config, crop, stride)], image, CPU)
    assert torch.equal(found, window_sums(Bright(), image, crop, stride, device=CPU))


def test_members_keep_their_own_windows(config: TrialConfig) -> None:
    image = np.random.default_rng(0).normal(size=(1, 30, 20, 16)).astype(np.float32)
    sizes = [((16, 16, 16), (4, 8, 16)), ((32, 16, 16), (16, 8, 16))]
    found = probability_sums([member(Bright(), config, *size) for size in sizes], image, CPU)
    means = [mean_probabilities(window_sums(Bright(), image, *size, device=CPU)) for size in sizes]
    assert torch.equal(found, means[0] + means[1])
    assert not torch.equal(means[0], means[1])


def test_with_least_overlap_windows_overlap_by_half_at_most(config: TrialConfig) -> None:
    image = np.random.default_rng(0).normal(size=(1, 30, 20, 16)).astype(np.float32)
    found = probability_sums([member(Bright(), config, (16, 16, 16), (2, 8, 16))], image, CPU, least_overlap=True)
    assert torch.equal(found, window_sums(Bright(), image, (16, 16, 16), (8, 8, 16), device=CPU))


def test_a_trial_has_one_student_and_a_model_those_of_its_members_in_order(
    make_trial: MakeTrial, tmp_path: Path
) -> None:
    made = [make_trial(seed=2, network__width=4), make_trial(seed=1)]
    write_model(tmp_path / "model", [folder for folder, _ in made])
    (alone,) = load_students(made[0][0])
    together = load_students(tmp_path / "model")
    assert alone.config.seed == 2
    assert [student.config.seed for student in together] == [2, 1]
    for student, (_, network) in zip(together, made, strict=True):
        state = network.state_dict()
        assert all(torch.equal(tensor, state[name]) for name, tensor in student.network.state_dict().items())


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def swap(folder: Path) -> None:
    names = [folder / "members" / number / "student.safetensors" for number in "01"]
    one, other = (path.read_bytes() for path in names)
    names[0].write_bytes(other)
    names[1].write_bytes(one)


HARMS: list[tuple[Callable[[Path], None], str]] = [
    (lambda model: flip(model / "members/1/student.safetensors"), "members/1/student.safetensors is not as it was"),
    (lambda model: flip(model / "members/0/config.yaml"), "members/0/config.yaml is not as it was written"),
    (swap, "members/0/student.safetensors is not as it was written"),
    (lambda model: (model / "members/1/config.yaml").unlink(), "members/1/config.yaml is missing"),
    (lambda model: shutil.rmtree(model / "members/1"), "members/1/config.yaml is missing"),
]


def test_a_member_that_is_not_as_it_was_written_is_refused(make_trial: MakeTrial, tmp_path: Path) -> None:
    write_model(tmp_path / "whole", [make_trial(seed=seed)[0] for seed in (1, 2)])
    for number, (harm, told) in enumerate(HARMS):
        model = shutil.copytree(tmp_path / "whole", tmp_path / str(number))
        harm(model)
        with pytest.raises(UserError, match=f"The model {model} is damaged: {told}"):
            load_students(model)


def test_masks_are_known_by_all_weights_of_a_model_wherever_it_lies(make_trial: MakeTrial, tmp_path: Path) -> None:
    trials = [make_trial(seed=seed)[0] for seed in (1, 2, 3)]
    write_model(tmp_path / "model", trials[:2], name="one")
    shutil.copytree(tmp_path / "model", tmp_path / "elsewhere")
    write_model(tmp_path / "renamed", trials[:2], name="two", extra={"report.html": b"new"})
    write_model(tmp_path / "other", [trials[0], trials[2]], name="one")
    known = {name: json.dumps(masks_from(tmp_path / name)) for name in ("model", "elsewhere", "renamed", "other")}
    assert known["model"] == known["elsewhere"] == known["renamed"]
    assert known["model"] != known["other"]
    weights = (trials[0] / "student.safetensors").stat()
    assert masks_from(trials[0]) == [str(trials[0].resolve()), weights.st_size, weights.st_mtime_ns]
