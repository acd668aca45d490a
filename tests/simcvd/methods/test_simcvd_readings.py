"""Other readings of SimCVD's gaps, each against the formula that it stands for, from what the networks really saw."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from simcvd.config import TrialConfig, trial_id
from simcvd.draws import Draws
from simcvd.errors import UserError
from simcvd.methods import simcvd as module
from simcvd.methods.base import Batch, Term
from simcvd.methods.simcvd import SimCVD
from simcvd.methods.teacher_view import View

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
TrainStep = Callable[..., list[Term]]
STEP = 3
RAMP = math.exp(-5 * (1 - STEP / 9) ** 2)  # of 10 steps


class Watched:
    """A method whose networks' inputs and outputs of one call of `terms` are kept."""

    def __init__(self, config: TrialConfig, batch: Batch, step: int = STEP) -> None:
        self.method = SimCVD(config, batch.image_labeled.shape[1], int(batch.sdm.shape[1]) + 1)
        self.given: dict[str, list[Tensor]] = {name: [] for name in self.method.networks}
        self.made: dict[str, list[Any]] = {name: [] for name in self.method.networks}
        for name, network in self.method.networks.items():
            network.register_forward_hook(self._note(name))
        self.method.before_step(step)
        self.terms = {term.name: term for term in self.method.terms(batch, step, Draws(0, step))}

    def _note(self, name: str) -> Callable[..., None]:
        def note(network: Any, given: tuple[Any, ...], made: Any) -> None:
            self.given[name].append(given[0].detach())
            self.made[name].append(made)

        return note


def test_a_trial_with_the_default_readings_is_what_it_was(make_config: MakeConfig) -> None:
    config = make_config()
    assert "simcvd" in config.unread() or config.simcvd.unread() == set(type(config.simcvd).model_fields)
    other = make_config({"simcvd.ramp_on": "consistency"})
    assert trial_id(config, "d") != trial_id(other, "d")
    rival = make_config(method="mean_teacher")
    assert trial_id(rival, "d") == trial_id(make_config({"simcvd.shared_head": True}, method="mean_teacher"), "d")


def test_the_ramp_on_gamma_alone_leaves_lambda_and_beta_whole(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    terms = Watched(make_config({"simcvd.ramp_on": "consistency"}), make_batch()).terms
    weights = {name: terms[name].weight for name in ("contrast", "distillation", "consistency")}
    assert weights == pytest.approx({"contrast": 0.5, "distillation": 0.1, "consistency": 0.1 * RAMP})


def test_the_clean_feature_is_the_image_without_noise(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    batch = make_batch()
    seen = Watched(make_config({"simcvd.feature": "clean"}), batch)
    for name in ("student", "teacher"):
        sdm = seen.made[name][0].sdm[-2:]
        torch.testing.assert_close(seen.given[f"{name}_projection"][0], (batch.image_unlabeled + sdm).flatten(0, 1))
        assert not torch.equal(seen.given[name][0][-2:], batch.image_unlabeled)


def test_a_shared_head_is_trained_and_has_no_average(
    make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    config, batch = make_config({"simcvd.shared_head": True, "projection.dropout": 0.5}), make_batch()
    seen = Watched(config, batch)
    assert set(seen.method.networks) == {"student", "teacher", "projection"}
    assert len(seen.made["projection"]) == 2
    method = SimCVD(config, 1, 2)
    before = [value.clone() for value in method.networks["projection"].parameters()]
    train_step(method, batch, STEP)
    moved = [not torch.equal(*pair) for pair in zip(before, method.networks["projection"].parameters(), strict=True)]
    assert all(moved)


@pytest.mark.parametrize("classes", [2, 3])
def test_labelled_slices_are_negatives_of_both_networks(
    classes: int, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    batch = make_batch(classes=classes)
    seen = Watched(make_config({"simcvd.negatives": "all"}), batch)
    torch.testing.assert_close(seen.given["teacher"][0][:2], batch.image_labeled)
    assert seen.given["teacher"][0].shape == seen.given["student"][0].shape
    (student, more_student), (teacher, more_teacher) = (
        [functional.normalize(rows.detach(), dim=-1) for rows in seen.made[f"{name}_projection"]]
        for name in ("student", "teacher")
    )
    slices = student.shape[1]
    values = []
    for own, other, more in ((student, teacher, more_teacher), (teacher, student, more_student)):
        found = []
        for volume in range(len(own)):  # a volume and class
            for place in range(slices):
                anchor = own[volume, place]
                negatives = [
                    anchor @ other[another, there]
                    for another in range(len(other))
                    for there in range(slices)
                    # not the same slice of another class of the same volume
                    if another == volume or there != place or another // (classes - 1) != volume // (classes - 1)
                ]
                negatives += [anchor @ row for row in more.flatten(0, 1)]
                positive = anchor @ other[volume, place] / 0.5
                found.append(torch.stack(negatives).div(0.5).logsumexp(0) - positive)
        values.append(torch.stack(found).mean())
    assert seen.terms["contrast"].value.item() == pytest.approx(sum(values).item(), rel=1e-5)  # type: ignore[union-attr]


def test_rows_of_the_denominator_are_drawn_from_labelled_slices_too(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    batch = make_batch()
    count = 2 * 2 * batch.image_unlabeled.shape[-1]
    whole = Watched(make_config({"simcvd.negatives": "all"}), batch).terms["contrast"].value
    drawn = Watched(make_config({"simcvd.negatives": "all", "contrast.rows": count}), batch).terms["contrast"].value
    fewer = Watched(make_config({"simcvd.negatives": "all", "contrast.rows": count - 1}), batch).terms["contrast"].value
    assert drawn == whole
    assert fewer < whole


@pytest.mark.parametrize("kind", ["flip", "turn"])
def test_the_teachers_view_is_undone_where_outputs_are_compared(
    kind: str, make_config: MakeConfig, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, config = make_batch(), make_config({"simcvd.teacher_view": kind, "noise.std": 0.0})
    views = set()
    for step in range(8):
        view = View.drawn(kind, Draws(0, step))  # type: ignore[arg-type]
        views.add(view)
        seen = Watched(config, batch, step)
        turned = _by_hand(view, batch.image_unlabeled)
        torch.testing.assert_close(seen.given["teacher"][0], turned)
        student, teacher = seen.made["student"][0], seen.made["teacher"][0]
        torch.testing.assert_close(
            seen.given["teacher_projection"][0], (turned + teacher.sdm).flatten(0, 1), msg="the contrast has two views"
        )
        undone = [_back(view, volume) for volume in (teacher.logits.softmax(1), teacher.sdm, teacher.bottleneck)]
        probs, sdm = student.logits.softmax(1)[-2:], student.sdm[-2:]
        expected = (probs - undone[0]).square().mean() + (sdm - undone[1]).square().mean()
        assert seen.terms["consistency"].value.item() == pytest.approx(expected.item(), rel=1e-5)
        alike = module.pairwise_distillation(student.bottleneck[-2:], undone[2])
        assert seen.terms["distillation"].value.item() == pytest.approx(alike.item(), rel=1e-5)
    assert len(views) > 2


def _by_hand(view: View, volume: Tensor) -> Tensor:
    """Turn and mirror voxel by voxel: after a quarter turn voxel (x, y) lies at (Y - 1 - y, x)."""
    for _ in range(view.turns):
        volume = torch.stack([volume[:, :, :, volume.shape[3] - 1 - x] for x in range(volume.shape[3])], 2)
    for axis in view.mirrored:
        volume = volume.index_select(axis, torch.arange(volume.shape[axis] - 1, -1, -1))
    return volume


def _back(view: View, volume: Tensor) -> Tensor:
    """Undo a view: mirrored again, then turned on to four quarters."""
    for axis in view.mirrored:
        volume = volume.index_select(axis, torch.arange(volume.shape[axis] - 1, -1, -1))
    return _by_hand(View((4 - view.turns) % 4), volume)


def test_a_turned_crop_may_have_other_sides(make_config: MakeConfig) -> None:
    from simcvd.plugin import sample

    config = make_config({"simcvd.teacher_view": "turn", "data.crop_vox": [48, 32, 16]})
    batch = sample.tiny_batch()
    image = functional.interpolate(batch.image_unlabeled, size=(48, 32, 16))
    method = SimCVD(config, 1, 2)
    for step in range(6):
        method.before_step(step)
        view = View.drawn("turn", Draws(0, step))
        outputs = method.networks["teacher"](view.of(image), Draws(0, step), "teacher", (2,))
        assert view.undone(outputs.logits).shape[2:] == (48, 32, 16)


def test_a_turned_crop_must_fit_the_network(make_config: MakeConfig) -> None:
    own = {"data.crop_vox": [16, 16, 16], "network.strides": [[2, 1, 2], [2, 2, 2], [2, 2, 2], [2, 2, 2]]}
    make_config({**own, "simcvd.teacher_view": "flip"})
    with pytest.raises(UserError, match=r"teacher_view is turn, but the network divides X and Y by different numbers"):
        make_config({**own, "simcvd.teacher_view": "turn"})


def test_the_sum_over_positions_is_their_mean_as_often(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    mean, total = (Watched(make_config({"simcvd.positions": positions}), make_batch()) for positions in ("mean", "sum"))
    positions = math.prod(mean.made["student"][0].bottleneck.shape[2:])
    assert positions > 1
    values = [seen.terms["distillation"].value.item() for seen in (mean, total)]
    assert values[1] == pytest.approx(positions * values[0], rel=1e-6)
