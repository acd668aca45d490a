import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.config.types import HALVING
from simcvd.draws import Draws
from simcvd.methods.base import Batch, Term
from simcvd.methods.registry import create
from simcvd.methods.simcvd import SimCVD

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
TrainStep = Callable[..., list[Term]]

# torch.compile's own modules use what torch deprecates and look at gradients of tensors that keep none.
compiles = pytest.mark.filterwarnings("ignore")

LABELED_ONLY = {"loss.contrast": 0.0, "loss.distillation": 0.0, "loss.consistency": 0.0}


def _inputs(method: SimCVD, network: str) -> list[Tensor]:
    """Record what a network is given."""
    seen: list[Tensor] = []
    method.networks[network].register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().clone()))
    return seen


def _outputs(method: SimCVD, network: str) -> list[Any]:
    """Record what a network returns."""
    seen: list[Any] = []
    method.networks[network].register_forward_hook(lambda _, given, returned: seen.append(returned))
    return seen


def _vector(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def _terms(method: SimCVD, batch: Batch, step: int = 0) -> list[Term]:
    method.before_step(step)
    return method.terms(batch, step, Draws(0, step))


def test_terms_are_those_of_equation_6_with_ramped_weights(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """10 steps, so t_max = 9; at t = 3 the ramp is exp(-5 (2/3)^2) = 0.108368."""
    terms = _terms(SimCVD(make_config(), 1, 2), make_batch(), 3)
    ramp = math.exp(-5 * (2 / 3) ** 2)
    assert ramp == pytest.approx(0.108368, abs=1e-6)
    assert {term.name: term.weight for term in terms} == pytest.approx(
        {
            "cross_entropy": 0.5,
            "dice": 0.5,
            "sdm": 0.1,
            "contrast": 0.5 * ramp,
            "distillation": 0.1 * ramp,
            "consistency": 0.1 * ramp,
        }
    )


def test_student_sees_clean_labelled_and_noisy_unlabelled_crops_together(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method, batch = SimCVD(make_config(), 1, 2), make_batch()
    student, teacher = _inputs(method, "student"), _inputs(method, "teacher")
    _terms(method, batch)
    assert len(student) == len(teacher) == 1
    assert torch.equal(student[0][:2], batch.image_labeled)
    noises = [student[0][2:] - batch.image_unlabeled, teacher[0] - batch.image_unlabeled]
    for noise in noises:
        assert noise.abs().max() == pytest.approx(0.2, abs=1e-5)
        # a normal of 0.1 cut at two of its deviations has a deviation of 0.0959
        assert noise.std() == pytest.approx(0.0959, abs=1e-3)
    assert abs(torch.corrcoef(torch.stack([noise.flatten() for noise in noises]))[0, 1]) < 0.02


def test_contrast_sees_the_noisy_image_plus_the_sdm_of_each_network(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method = SimCVD(make_config(), image_channels=2, classes=3)
    recorded = {
        name: (_inputs(method, name), _outputs(method, name), _inputs(method, f"{name}_projection"))
        for name in ("student", "teacher")
    }
    _terms(method, make_batch(image_channels=2, classes=3))
    for name, (images, features, projected) in recorded.items():
        image, sdm = images[0][-2:], features[0].sdm[-2:]
        torch.testing.assert_close(projected[0], (image.mean(1, keepdim=True) + sdm).flatten(0, 1), msg=name)


def test_contrast_without_sdm_head_sees_the_image_plus_foreground_probability(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method = SimCVD(make_config({"network.sdm_head": False}), 1, 2)
    images, features, projected = (
        _inputs(method, "teacher"),
        _outputs(method, "teacher"),
        _inputs(method, "teacher_projection"),
    )
    terms = _terms(method, make_batch())
    assert "sdm" not in [term.name for term in terms]
    assert not method.diagnostics
    assert features[0].sdm is None
    expected = images[0][:, 0] + features[0].logits.softmax(1)[:, 1]
    torch.testing.assert_close(projected[0], expected)


def test_student_and_teacher_have_independent_alpha_dropout_masks(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method = SimCVD(make_config({"projection.dropout": 0.5}), 1, 2)
    volume = torch.zeros(4, 32, 32, 16)
    method.before_step(0)
    method.networks["teacher_projection"].load_state_dict(method.networks["student_projection"].state_dict())
    rows = [method.networks[f"{name}_projection"](volume, Draws(0, 0), name) for name in ("student", "teacher")]
    assert not torch.allclose(*rows)
    assert method.networks["teacher_projection"].training
    names: list[str] = []
    for name in ("student_projection", "teacher_projection"):
        method.networks[name].register_forward_pre_hook(lambda _, given: names.append(given[2]))
    _terms(method, make_batch())
    assert names == ["student", "teacher"]


def test_without_unlabelled_terms_neither_crops_nor_teacher_are_touched(
    make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    method = SimCVD(make_config(LABELED_ONLY), 1, 2)
    assert not method.needs_unlabeled
    assert set(method.networks) == {"student", "teacher"}
    teacher = _inputs(method, "teacher")
    for step in range(2):
        terms = train_step(method, replace(make_batch(step=step), image_unlabeled=None), step)
        assert [term.name for term in terms] == ["cross_entropy", "dice", "sdm"]
    assert not teacher
    for (name, student_buffer), buffer in zip(
        method.networks["student"].named_buffers(), method.networks["teacher"].buffers(), strict=True
    ):
        assert torch.equal(student_buffer, buffer), name


@pytest.mark.parametrize("term", ["contrast", "distillation", "consistency"])
def test_one_unlabelled_term_alone_is_enough_to_need_crops(
    term: str, make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    method = SimCVD(make_config(LABELED_ONLY | {f"loss.{term}": 0.1, "loss.sdm": 0.0}), 1, 2)
    assert method.needs_unlabeled
    assert ("student_projection" in method.networks) == (term == "contrast")
    assert [t.name for t in _terms(method, make_batch())] == ["cross_entropy", "dice", term]


def test_teacher_and_its_projection_are_the_mean_of_the_students_at_first(
    make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    """The decay is min(1 - 1 / (t + 1), 0.9): the student itself at t = 0, at t = 1 the mean of the two students."""
    method = SimCVD(make_config({"ema.decay": 0.9}), 1, 2)
    pairs = [("student", "teacher"), ("student_projection", "teacher_projection")]
    students: list[dict[str, Tensor]] = []
    for step in range(2):
        train_step(method, make_batch(step=step), step)
        students.append({s: _vector(method.networks[s]) for s, _ in pairs})
        for student, teacher in pairs:
            expected = torch.stack([earlier[student] for earlier in students]).mean(0)
            actual = _vector(method.networks[teacher])
            torch.testing.assert_close(actual, expected)
            assert step == 0 or not torch.equal(actual, students[-1][student])


def test_teacher_keeps_its_own_batch_norm_buffers(
    make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    method = SimCVD(make_config(), 1, 2)
    train_step(method, make_batch(), 0)
    student, teacher = (dict(method.networks[name].named_buffers()) for name in ("student", "teacher"))
    mean = next(name for name in student if name.endswith("running_mean"))
    assert teacher[mean].abs().max() > 0
    assert not torch.equal(student[mean], teacher[mean])


def test_averaged_buffers_are_the_mean_of_the_students_at_first(
    make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    method = SimCVD(make_config({"ema.buffers": "average", "ema.decay": 0.9}), 1, 2)
    name = next(name for name, _ in method.networks["student"].named_buffers() if name.endswith("running_mean"))
    seen = []
    for step in range(2):
        train_step(method, make_batch(step=step), step)
        seen.append(dict(method.networks["student"].named_buffers())[name].clone())
    torch.testing.assert_close(dict(method.networks["teacher"].named_buffers())[name], (seen[0] + seen[1]) / 2)


def test_initial_weights_depend_on_the_seed_alone(make_config: MakeConfig) -> None:
    first, same, other = (SimCVD(make_config(seed=seed), 1, 2).networks for seed in (3, 3, 4))
    vectors = [_vector(networks) for networks in (first, same, other)]
    assert torch.equal(vectors[0], vectors[1])
    assert not torch.equal(vectors[0], vectors[2])


@pytest.mark.parametrize("network", ["student", "teacher"])
def test_feature_maps_stay_channels_last(network: str, make_config: MakeConfig, make_batch: MakeBatch) -> None:
    crop = (16, 16, 16)
    method = SimCVD(make_config({"data.crop_vox": crop, "network.strides": HALVING}), 1, 2)
    watched: list[str] = []
    wrong: list[str] = []

    def check(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, given: tuple[Tensor], returned: Tensor) -> None:
            if not returned.is_contiguous(memory_format=torch.channels_last_3d):
                wrong.append(name)

        return hook

    for name, module in method.networks[network].named_modules():
        # With one thread, torch computes 1x1x1 convolutions by a routine that knows no channels_last_3d.
        if isinstance(module, nn.Conv3d | nn.ConvTranspose3d) and module.kernel_size != (1, 1, 1):
            assert module.weight.is_contiguous(memory_format=torch.channels_last_3d), name
            module.register_forward_hook(check(name))
            watched.append(name)
    _terms(method, make_batch(crop_vox=crop))
    assert len(watched) == 29
    assert not wrong


def test_memory_format_survives_a_state_dict(make_config: MakeConfig) -> None:
    method, other = (SimCVD(make_config(seed=seed), 1, 2) for seed in (0, 1))
    contiguous = {key: value.contiguous() for key, value in method.networks.state_dict().items()}
    other.networks.load_state_dict(contiguous)
    for name, parameter in other.networks["student"].named_parameters():
        if parameter.dim() == 5:
            assert parameter.is_contiguous(memory_format=torch.channels_last_3d), name


@compiles
@pytest.mark.slow
def test_compiled_networks_keep_their_state_dict_keys(make_config: MakeConfig) -> None:
    plain, compiled = (create(make_config({"training.compile": wanted}), 1, 2) for wanted in (False, True))
    assert list(compiled.networks.state_dict()) == list(plain.networks.state_dict())
    assert compiled.networks["student"]._compiled_call_impl is not None
    assert plain.networks["student"]._compiled_call_impl is None


@compiles
@pytest.mark.slow
def test_networks_traced_for_compilation_give_the_same_losses(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    plain, traced = (SimCVD(make_config(), 1, 2) for _ in range(2))
    for name in ("student", "teacher"):
        traced.networks[name].compile(backend="eager")  # the default one runs a C++ compiler for minutes
    values = [{term.name: term.value.item() for term in _terms(method, make_batch())} for method in (plain, traced)]
    assert values[1] == pytest.approx(values[0], rel=1e-5)


def test_contrast_rows_are_drawn_anew_each_step(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    method, batch = SimCVD(make_config({"contrast.rows": 2}), 1, 2), make_batch()
    method.before_step(0)
    values = [method.terms(batch, 0, Draws(0, step))[3].value.item() for step in (0, 0, 1)]
    assert values[0] == values[1]
    assert values[0] != values[2]
    assert values[0] < 2 * math.log1p(math.exp(4))


def test_gather_is_used_for_dice_always_and_for_the_contrast_as_set(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    for gathers, shapes in ((True, [(1, 2), (16, 8), (16, 8)]), (False, [(1, 2)])):
        seen: list[tuple[int, ...]] = []
        method = SimCVD(
            make_config({"contrast.gather": gathers}), 1, 2, lambda rows, seen=seen: seen.append(rows.shape) or rows
        )
        _terms(method, make_batch())
        assert seen == shapes
