from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.special import logsumexp
from torch import Tensor

from simcvd.config import TrialConfig
from simcvd.config.types import HALVING
from simcvd.draws import Draws
from simcvd.errors import UserError
from simcvd.methods.base import Batch, Method, Term
from simcvd.methods.rivals.chaitanya import Chaitanya, Stages
from simcvd.methods.rivals.supervised import Supervised
from simcvd.training.checkpoint import CheckpointWriter, Progress, load_checkpoint

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]
TrainStep = Callable[..., list[Term]]

# Of the tiny trial's 10 steps a quarter, rounded down, belongs to each pre-training stage.
GLOBAL, LOCAL, FINE_TUNING = range(2), range(2, 4), range(4, 10)


@pytest.fixture
def method(make_config: MakeConfig) -> Chaitanya:
    return Chaitanya(make_config(method="chaitanya"), 1, 2)


def _terms(method: Method, batch: Batch, step: int) -> dict[str, float]:
    method.before_step(step)
    terms = method.terms(batch, step, Draws(method.config.seed, step))
    return {term.name: term.value.item() for term in terms}


def _state(method: Method) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in method.networks.state_dict().items()}


def _changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """Return the parts of the networks whose weights differ, batch norm's statistics aside."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    names = {n for n in before if not n.endswith(statistics) and not torch.equal(before[n], after[n])}
    return {_part(name) for name in names}


def _part(name: str) -> str:
    network, *rest = name.split(".")
    return ".".join(rest[:2] if rest[0] in ("up", "decoder") else rest[:1]) if network == "student" else network


ENCODER = {"encoder", "down"}
FIRST_LEVELS = {"up.0", "up.1", "decoder.0", "decoder.1"}
OTHER_LEVELS = {"up.2", "up.3", "decoder.2", "decoder.3", "heads"}


@pytest.fixture(scope="module")
def make_config(make_config: MakeConfig) -> MakeConfig:
    """Make settings whose stages have 2, 2 and 6 of the tiny trial's 10 steps."""

    def make(changes: dict[str, Any] | None = None, **settings: Any) -> TrialConfig:
        quarters = {"chaitanya.global_fraction": 0.25, "chaitanya.local_fraction": 0.25}
        return make_config(quarters | (changes or {}), **settings)

    return make


def _similarity(a: Tensor, b: Tensor, temperature: float) -> float:
    a, b = a.double(), b.double()
    return (a @ b / (a.norm() * b.norm())).item() / temperature


def test_stages_share_the_steps_of_the_paper_budget(make_config: MakeConfig) -> None:
    assert Stages.of(TrialConfig()) == Stages(900, 600, 6000)
    stages = Stages.of(make_config({"training.steps": 6000}))
    assert (stages.encoder, stages.decoder) == (1500, 1500)
    found = [stages.at(step) for step in (0, 1499, 1500, 2999, 3000, 5999)]
    assert found == ["global", "global", "local", "local", "sgd", "sgd"]
    assert [stages.fine_tuning(step) for step in (0, 3000, 5999)] == [(0, 3000), (0, 3000), (2999, 3000)]


def test_stage_without_weight_or_whole_step_leaves_its_steps_to_fine_tuning(make_config: MakeConfig) -> None:
    def stages(**changes: Any) -> Stages:
        return Stages.of(make_config({f"chaitanya.{key}": value for key, value in changes.items()}))

    assert stages(global_contrast=0.0) == Stages(0, 2, 10)
    assert stages(local_contrast=0.0) == Stages(2, 0, 10)
    assert stages(global_fraction=0.09, local_fraction=0.9) == Stages(0, 9, 10)
    assert Stages.of(make_config({"training.steps": 3})) == Stages(0, 0, 3)


def test_each_stage_has_its_own_terms_and_optimiser(method: Chaitanya, make_batch: MakeBatch) -> None:
    expected = {
        GLOBAL: ("global", {"global_contrast": 1.0}),
        LOCAL: ("local", {"local_contrast": 1.0}),
        FINE_TUNING: ("sgd", {"cross_entropy": 0.5, "dice": 0.5}),
    }
    for steps, (optimiser, weights) in expected.items():
        for step in steps:
            method.before_step(step)
            terms = method.terms(make_batch(step=step), step, Draws(0, step))
            assert {term.name: term.weight for term in terms} == weights
            assert list(method.stepping(step)) == [method.optimisers[optimiser]]


def test_global_contrast_is_the_papers_formula_on_the_heads_rows(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    """A crop of 8 voxels has one bottleneck slice; its centre is a crop's middle.

    In parts of the four volumes 0.25, 0.65, 0.35 and 0.75: of S = 4 partitions those are 1, 2, 1 and 3. Positive pairs:
    the two views of each volume (4), and in each view volumes 0 and 2 (2). Negatives are all rows of other partitions.
    """
    method = Chaitanya(make_config({"chaitanya.crop_part": 1.0}), 1, 2)
    seen: list[Tensor] = []
    method.networks["global_head"].register_forward_hook(lambda _, given, rows: seen.append(rows.detach()))
    value = _terms(method, make_batch(), 0)["global_contrast"]
    (rows,) = seen
    assert rows.shape == (8, 1, 128)
    partition = [1, 2, 1, 3] * 2
    pairs = [(volume, 4 + volume) for volume in range(4)] + [(0, 2), (4, 6)]
    total = 0.0
    for pair in pairs:
        for a, b in (pair, pair[::-1]):
            positive = _similarity(rows[a, 0], rows[b, 0], 0.1)
            negatives = [_similarity(rows[a, 0], rows[n, 0], 0.1) for n in range(8) if partition[n] != partition[a]]
            total += float(logsumexp([positive, *negatives])) - positive
    assert value == pytest.approx(total / 6, rel=1e-4)


def test_places_of_slices_are_those_of_the_enlarged_part(
    make_config: MakeConfig, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slices 0 to 7 of a volume of 8 tell their own place, and so must the middle of what the network is given."""
    still = {"view_brightness": 0.0, "view_contrast": 0.0, "partitions": 1000}
    method = Chaitanya(make_config({f"chaitanya.{key}": value for key, value in still.items()}), 1, 2)
    image = ((torch.arange(8) + 0.5) / 8).expand(2, 1, 16, 8, 8)
    depth = torch.tensor([[0.0, 1.0]] * 2)
    batch = replace(
        make_batch(), image_labeled=image, image_unlabeled=image, depth_labeled=depth, depth_unlabeled=depth
    )
    seen: list[Tensor] = []
    method.networks["student"].encoder[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    found: list[Tensor] = []

    def contrast(first: Tensor, second: Tensor, partition: Tensor, *_: Any) -> Tensor:
        found.append(partition)
        return first.sum()

    monkeypatch.setattr("simcvd.methods.rivals.chaitanya.position_contrast", contrast)
    _terms(method, batch, GLOBAL[0])
    middles = seen[0].mean((1, 2, 3, 4))
    torch.testing.assert_close(middles[:4], middles[4:])
    torch.testing.assert_close(found[0][:, 0] / 1000, middles[:4], rtol=0, atol=2e-3)
    assert len(set(found[0].flatten().tolist())) == 4


def test_local_contrast_is_the_papers_formula_on_the_heads_rows(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """Half of 16 x 16 x 8 is 8 x 8 x 4, where 2 x 2 x 1 regions of 3 x 3 x 3 fit: all 4 are taken."""
    crop = (16, 16, 8)
    method = Chaitanya(make_config({"data.crop_vox": crop}, method="chaitanya"), 1, 2)
    seen: list[Tensor] = []
    places: list[Tensor] = []
    method.networks["local_head"].register_forward_hook(
        lambda _, given, rows: (places.append(given[1]), seen.append(rows.detach()))[0]
    )
    value = _terms(method, make_batch(crop_vox=crop), 2)["local_contrast"]
    (rows,) = seen
    assert rows.shape == (8, 4, 128)
    assert sorted(places[0].tolist()) == [0, 1, 2, 3]
    costs = []
    for volume in range(4):
        for own, other in ((volume, 4 + volume), (4 + volume, volume)):
            for u in range(4):
                positive = _similarity(rows[own, u], rows[other, u], 0.1)
                rest = [_similarity(rows[own, u], rows[n, v], 0.1) for n in (own, other) for v in range(4) if v != u]
                costs.append(float(logsumexp([positive, *rest])) - positive)
    assert value == pytest.approx(sum(costs) / len(costs), rel=1e-4)


def test_fine_tuning_is_the_supervised_loss_of_the_same_weights(
    method: Chaitanya, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    for step in (0, 2):
        train_step(method, make_batch(step=step), step)
    supervised = Supervised(make_config(), 1, 2)
    supervised.networks["student"].load_state_dict(method.networks["student"].state_dict())
    assert _terms(method, make_batch(), 4) == _terms(supervised, make_batch(), 4)


def test_without_both_contrasts_it_is_supervised_training(
    make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    config = make_config({"chaitanya.global_contrast": 0.0, "chaitanya.local_contrast": 0.0})
    alone, supervised = Chaitanya(config, 1, 2), Supervised(config, 1, 2)
    assert list(alone.networks) == ["student"]
    assert list(alone.optimisers) == ["sgd"]
    assert not alone.needs_unlabeled
    for step in (0, 4, 9):
        batch = replace(make_batch(step=step), image_unlabeled=None, depth_unlabeled=None)
        train_step(alone, batch, step)
        train_step(supervised, batch, step)
    found = alone.networks.state_dict()
    for name, tensor in supervised.networks.state_dict().items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("left", ["global", "local"])
def test_one_contrast_alone_builds_one_head(left: str, make_config: MakeConfig) -> None:
    off = {"global": "local", "local": "global"}[left]
    method = Chaitanya(make_config({f"chaitanya.{off}_contrast": 0.0}), 1, 2)
    assert method.needs_unlabeled
    assert list(method.networks) == ["student", f"{left}_head"]
    assert list(method.optimisers) == ["sgd", left]
    assert [method.stages.at(step) for step in (0, 1, 2)] == [left, left, "sgd"]


def test_each_stage_moves_what_it_trains_and_leaves_the_rest(
    method: Chaitanya, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    """Gradients and weights, step by step: what one stage has learned is what the next one starts from."""
    expected = {
        GLOBAL: ENCODER | {"global_head"},
        LOCAL: FIRST_LEVELS | {"local_head"},
        FINE_TUNING: ENCODER | FIRST_LEVELS | OTHER_LEVELS,
    }
    for steps, parts in expected.items():
        for step in steps:
            before = _state(method)
            train_step(method, make_batch(step=step), step)
            assert _changed(before, _state(method)) == parts, step
            with_gradient = {_part(n) for n, p in method.networks.named_parameters() if p.grad is not None}
            assert with_gradient == parts, step
            method.networks.zero_grad()


def test_more_decoder_levels_are_trained_where_asked(
    make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    method = Chaitanya(make_config({"chaitanya.decoder_blocks": 4}), 1, 2)
    before = _state(method)
    train_step(method, make_batch(), LOCAL[0])
    every = FIRST_LEVELS | OTHER_LEVELS - {"heads"}
    assert _changed(before, _state(method)) == every | {"local_head"}


def test_frozen_encoder_normalises_with_the_batch_and_keeps_its_averages(
    method: Chaitanya, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    before = _state(method)
    train_step(method, make_batch(), LOCAL[0])
    after = _state(method)
    moved = {n for n in before if n.endswith("running_mean") and not torch.equal(before[n], after[n])}
    assert {_part(name) for name in moved} == ENCODER | FIRST_LEVELS | {"local_head"}


@pytest.mark.parametrize("steps", [GLOBAL, LOCAL])
def test_pre_training_reads_all_crops_and_no_label(
    steps: range, method: Chaitanya, make_batch: MakeBatch, make_config: MakeConfig
) -> None:
    other = Chaitanya(make_config(method="chaitanya"), 1, 2)
    batch = make_batch()
    blind = replace(batch, label=torch.full_like(batch.label, -1), sdm=torch.full_like(batch.sdm, torch.nan))
    seen: list[Tensor] = []
    method.networks["student"].encoder[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    assert _terms(method, batch, steps[0]) == _terms(other, blind, steps[0])
    assert len(seen) == 1
    assert seen[0].shape == (8, 1, 16, 8, 8)
    assert seen[0].is_contiguous(memory_format=torch.channels_last_3d)


def test_views_of_the_second_stage_are_the_crops_in_other_brightness_and_contrast(
    method: Chaitanya, make_batch: MakeBatch
) -> None:
    batch = make_batch()
    seen: list[Tensor] = []
    method.networks["student"].encoder[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    _terms(method, batch, LOCAL[0])
    crops = torch.cat((batch.image_labeled, batch.image_unlabeled)).repeat(2, 1, 1, 1, 1)
    factors = seen[0].flatten(1).std(1) / crops.flatten(1).std(1)
    shifts = seen[0].flatten(1).mean(1) - crops.flatten(1).mean(1)
    mean = crops.flatten(1).mean(1)[:, None]
    expected = (crops.flatten(1) - mean) * factors[:, None] + mean + shifts[:, None]
    torch.testing.assert_close(seen[0].flatten(1), expected, rtol=1e-4, atol=1e-4)
    assert ((factors - 1).abs() <= 0.3).all()
    assert (shifts.abs() <= 1.4).all()
    assert len(set(factors.tolist())) == len(set(shifts.tolist())) == 8


def test_views_of_the_first_stage_are_parts_enlarged(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    """Interpolation between voxels takes most of the variance from noise; of whole crops none is lost."""
    batch = make_batch()
    assert batch.image_unlabeled is not None
    for part, low, high in ((1.0, 0.999, 1.001), (0.52, 0.3, 0.7)):
        method = Chaitanya(make_config({"chaitanya.crop_part": part, "chaitanya.view_contrast": 0.0}), 1, 2)
        seen: list[Tensor] = []
        method.networks["student"].encoder[0].register_forward_pre_hook(
            lambda _, given, seen=seen: seen.append(given[0])
        )
        _terms(method, batch, GLOBAL[0])
        noise = batch.image_unlabeled.repeat(2, 1, 1, 1, 1)
        ratio = seen[0][[2, 3, 6, 7]].flatten(1).std(1) / noise.flatten(1).std(1)
        assert ((ratio > low) & (ratio < high)).all(), part


@pytest.mark.parametrize("steps", [GLOBAL, LOCAL])
def test_views_and_regions_are_drawn_anew_each_step(steps: range, method: Chaitanya, make_batch: MakeBatch) -> None:
    method.before_step(steps[0])
    values = [method.terms(make_batch(), steps[0], Draws(0, draw))[0].value.item() for draw in (0, 0, 1)]
    assert values[0] == values[1]
    assert values[0] != values[2]


def test_regions_are_as_many_as_asked_and_others_each_step(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    method = Chaitanya(make_config({"chaitanya.regions": 5, "chaitanya.region_side": 1}), 1, 2)
    seen: list[list[int]] = []
    method.networks["local_head"].register_forward_pre_hook(lambda _, given: seen.append(given[1].tolist()))
    for step in LOCAL:
        _terms(method, make_batch(), step)
    for places in seen:
        assert len(set(places)) == 5
        assert set(places) <= set(range(8 * 8 * 4))
    assert seen[0] != seen[1]


def test_labelled_and_unlabelled_crops_and_both_views_have_their_own_dropout_masks(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    """Equal crops in equal views leave the masks of the bottleneck's channels as the only difference."""
    changes = {"chaitanya.view_brightness": 0.0, "chaitanya.view_contrast": 0.0, "network.dropout_bottleneck": 0.5}
    method = Chaitanya(make_config(changes), 1, 2)
    batch = make_batch()
    one = batch.image_labeled[:1].expand(2, -1, -1, -1, -1)
    seen: list[Tensor] = []
    method.networks["student"].up[0].register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    _terms(method, replace(batch, image_labeled=one, image_unlabeled=one), LOCAL[0])
    masks = {tuple(crop.flatten(1).any(1).tolist()) for crop in seen[0]}
    assert len(masks) == 8


def test_fine_tuning_sees_the_labelled_crops_alone(method: Chaitanya, make_batch: MakeBatch) -> None:
    step, batch = FINE_TUNING[0], make_batch()
    seen: list[Tensor] = []
    method.networks["student"].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    method.before_step(step)
    method.terms(replace(batch, image_unlabeled=None, depth_unlabeled=None), step, Draws(0, step))
    assert len(seen) == 1
    assert torch.equal(seen[0], batch.image_labeled)


def test_learning_rate_falls_over_the_steps_of_fine_tuning(method: Chaitanya, make_config: MakeConfig) -> None:
    """Half of the 6 steps from the 4th on, and half of the 8 from the 2nd on without the first stage."""
    without = Chaitanya(make_config({"chaitanya.global_contrast": 0.0}), 1, 2)
    for trained, first, drop in ((method, 4, 7), (without, 2, 6)):
        for step in range(first, 10):
            trained.before_step(step)
            rate = trained.optimisers["sgd"].param_groups[0]["lr"]
            assert rate == pytest.approx(0.01 if step < drop else 0.001), step


def test_pre_training_has_adam_with_its_own_constant_rate(make_config: MakeConfig) -> None:
    method = Chaitanya(make_config({"chaitanya.pretraining_learning_rate": 0.02}), 1, 2)
    for name in ("global", "local"):
        optimiser = method.optimisers[name]
        assert isinstance(optimiser, torch.optim.Adam)
        for step in range(4):
            method.before_step(step)
            (group,) = optimiser.param_groups
            assert (group["lr"], group["weight_decay"]) == (0.02, 0)


@pytest.mark.parametrize("done", [1, 2, 3, 4])
def test_resumed_at_or_around_a_boundary_equals_uninterrupted(
    done: int, make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep, tmp_path: Path
) -> None:
    config = make_config(method="chaitanya")
    whole = Chaitanya(config, 1, 2)
    for step in range(done):
        train_step(whole, make_batch(step=step), step)
    whole.networks.zero_grad()
    writer = CheckpointWriter(tmp_path / "last.pt", whole, "identity")
    writer.save(Progress(done))
    writer.finish()
    resumed = Chaitanya(make_config(method="chaitanya"), 1, 2)
    assert load_checkpoint(tmp_path / "last.pt", resumed, "identity").steps_done == done
    for step in range(done, done + 2):
        terms = [train_step(method, make_batch(step=step), step) for method in (whole, resumed)]
        assert [t.value.item() for t in terms[0]] == [t.value.item() for t in terms[1]]
    state = resumed.networks.state_dict()
    for name, tensor in whole.networks.state_dict().items():
        assert torch.equal(state[name], tensor), name


def test_gather_joins_the_rows_of_the_first_stage_and_the_sums_of_dice(
    make_config: MakeConfig, make_batch: MakeBatch
) -> None:
    """A row of 128 in each of two views and its partition, for each of 4 volumes' single slice."""
    seen: list[tuple[int, ...]] = []
    method = Chaitanya(make_config(), 1, 2, lambda rows: seen.append(tuple(rows.shape)) or rows)
    for step in (0, 2, 4):
        _terms(method, make_batch(), step)
    assert seen == [(4, 2 * 128 + 1), (1, 2)]


def test_crop_too_small_for_two_regions_is_refused(make_config: MakeConfig) -> None:
    """After one level of the decoder 16 x 8 x 8 is 4 x 2 x 2, thinner than a region of 3."""
    with pytest.raises(UserError, match="the map of a crop is 4 x 2 x 2 voxels, which hold no two such regions"):
        Chaitanya(make_config({"chaitanya.decoder_blocks": 1}), 1, 2)
    Chaitanya(make_config({"chaitanya.decoder_blocks": 1, "chaitanya.local_contrast": 0.0}), 1, 2)


@pytest.mark.slow
def test_noise_does_not_tell_the_place_of_a_slice(make_config: MakeConfig) -> None:
    """Crops of noise, each all but its case: only the padding could tell a slice's place, and does with whole crops.

    Each of 4 slices of 4 volumes has another partition, so 24 of the 32 rows are negatives and chance is 2 ln 25 = 6.4.
    """
    depth = torch.tensor([[0.0, 1.0]] * 2)
    last = {}
    for part in (1.0, 0.52):
        changes = {"training.steps": 80, "data.crop_vox": [32, 32, 64], "network.strides": HALVING}
        method = Chaitanya(make_config(changes | {"chaitanya.crop_part": part}), 1, 2)
        for step in range(20):
            noise = torch.randn(4, 1, 32, 32, 64, generator=torch.Generator().manual_seed(step))
            empty = torch.empty(0)
            batch = Batch(noise[:2], empty, empty, noise[2:], depth, depth)
            method.before_step(step)
            (term,) = method.terms(batch, step, Draws(0, step))
            term.value.backward()
            method.optimisers["global"].step()
            method.networks.zero_grad()
            last[part] = term.value.item()
    assert last[1.0] < 0.1
    assert last[0.52] > 2


@pytest.mark.slow
def test_pre_training_lowers_both_contrasts(
    make_config: MakeConfig, make_batch: MakeBatch, train_step: TrainStep
) -> None:
    """20 steps each on the same four crops, views and masks drawn anew; tau = 1, where neither falls to 0 at once."""
    crop = (32, 16, 16)
    changes = {"training.steps": 80, "chaitanya.temperature": 1.0, "chaitanya.crop_part": 1.0}
    method = Chaitanya(make_config(changes | {"data.crop_vox": crop, "network.strides": HALVING}), 1, 2)
    batch = make_batch(crop_vox=crop, block_vox=8)
    values = [train_step(method, batch, step)[0].value.item() for step in range(40)]
    for stage in (values[:20], values[20:]):
        assert sum(stage[-5:]) < 0.8 * sum(stage[:5])
