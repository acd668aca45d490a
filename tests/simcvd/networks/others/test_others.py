"""Networks of other packages: the same promises as the V-Net's."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig, apply_settings, load_preset
from simcvd.draws import Draws
from simcvd.errors import UserError
from simcvd.inference.weights import load_student, save_student
from simcvd.methods.registry import METHODS, create
from simcvd.networks.base import Network, Segmenter
from simcvd.networks.build import build_network, seeded_weights
from simcvd.networks.others.adapted import AdaptedNetwork, WithBottleneck
from simcvd.networks.registry import NETWORKS, builder
from simcvd.training.report import open_trial_folder

LARGEST = "swin_unetr"
OTHERS = [
    pytest.param(name, marks=pytest.mark.slow) if name == LARGEST else name for name in NETWORKS if name != "vnet"
]
PACKAGES = {"residual_encoder": "dynamic_network_architectures"}
CROP = {LARGEST: (64, 32, 32)}
"""Of a crop; 16 a side suffices for the others."""


@pytest.fixture(params=OTHERS)
def config(request: pytest.FixtureRequest) -> TrialConfig:
    pytest.importorskip(PACKAGES.get(request.param, "monai"))
    return _config(request.param)


def _config(name: str, **settings: Any) -> TrialConfig:
    crop = CROP.get(name, (16, 16, 16))
    own = {
        "network.name": name,
        "network.strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2]],
        "swin_unetr.feature_size": 12,
        "data.crop_vox": list(crop),
        "inference.stride_vox": [side // 2 for side in crop],
        "projection.pool_size": 16,
    }
    return apply_settings(load_preset("phantom"), own | settings)


def _image(config: TrialConfig, crops: int = 2, channels: int = 1) -> Tensor:
    shape = (crops, channels, *config.data.crop_vox)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_outputs_have_the_shapes_of_the_vnets(config: TrialConfig) -> None:
    network = build_network(config, 2, 3, sdm_channels=2)
    features = network(_image(config, channels=2), Draws(0, 0), "student", (2,))
    crop = config.data.crop_vox
    assert features.logits.shape == (2, 3, *crop)
    assert features.sdm is not None
    assert features.sdm.shape == (2, 2, *crop)
    assert features.sdm.abs().max() <= 1
    assert tuple(features.bottleneck.shape[2:]) == tuple(
        side // divisor for side, divisor in zip(crop, config.crop_multiples, strict=True)
    )
    assert features.bottleneck.requires_grad
    assert build_network(config, 1, 2)(_image(config)).sdm is None


def test_every_weight_is_trained_and_global_draws_are_left_alone(config: TrialConfig) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    with seeded_weights(0):
        network = build_network(config, 1, 2, sdm_channels=1).train()
    features = network(_image(config))
    (features.logits.square().mean() + features.sdm.square().mean()).backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []
    assert torch.equal(torch.get_rng_state(), before)


def test_two_passes_and_a_copy_say_the_same(config: TrialConfig) -> None:
    """A teacher is a copy: what it computes must not come from its student."""
    network = build_network(config, 1, 2).train()
    twin = copy.deepcopy(network)
    first, again, copied = (each(_image(config)) for each in (network, network, twin))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    after = twin(_image(config))
    for seen in (again, copied, after):
        assert torch.equal(first.logits, seen.logits)
        assert torch.equal(first.bottleneck, seen.bottleneck)


def test_deepest_map_is_what_reaches_the_decoder(config: TrialConfig) -> None:
    """Without the bottleneck's map the logits are others."""
    network = build_network(config, 1, 2).eval()
    assert isinstance(network, AdaptedNetwork)
    assert isinstance(network.body, WithBottleneck)
    logits = network(_image(config)).logits
    part = network.body.module.get_submodule(network.body.part)
    part.register_forward_hook(lambda module, given, output: torch.zeros_like(output))
    assert not torch.allclose(network(_image(config)).logits, logits)


def test_weights_of_another_network_are_refused(config: TrialConfig, tmp_path: Path) -> None:
    open_trial_folder(tmp_path, config, {}, 0).close()
    other = apply_settings(config, {"network.name": "vnet"})
    save_student(tmp_path, Segmenter(build_network(other, 1, 2)), other, 1, ("organ",))
    with pytest.raises(UserError, match="damaged or does not fit its config"):
        load_student(tmp_path)


def test_weights_are_read_again_with_their_network(config: TrialConfig, tmp_path: Path) -> None:
    network = build_network(config, 1, 2, sdm_channels=1).eval()
    open_trial_folder(tmp_path, config, {}, 0).close()
    save_student(tmp_path, Segmenter(network), config, 1, ("organ",))
    student = load_student(tmp_path)
    assert torch.equal(student.network(_image(config)), network.logits(_image(config)))


@pytest.mark.slow
@pytest.mark.parametrize("method", [name for name, entry in METHODS.items() if entry.networks is None])
def test_methods_train_a_step_on_it(config: TrialConfig, method: str) -> None:
    from simcvd.data.batch import Batch

    trial = create(apply_settings(config, {"method": method, "ua_mt.passes": 2}), 1, 2)
    image = _image(config)
    label = (image[:, 0] > 0).long()
    depth = torch.tensor([[0.0, 0.5], [0.4, 0.9]])
    batch = Batch(image, label, torch.where(image > 0, -0.5, 0.5), _image(config) + 1, depth, depth)
    trial.before_step(0)
    terms = trial.terms(batch, 0, Draws(0, 0))
    total = torch.stack([term.weight * term.value for term in terms]).sum()
    total.backward()
    assert total.isfinite()
    student = trial.networks["student"]
    assert isinstance(student, Network)
    assert all(parameter.grad is not None for parameter in student.parameters())


def test_thick_slices_keep_their_axis_where_strides_say_so() -> None:
    for name in ("unet", "dynunet", "residual_encoder"):
        pytest.importorskip(PACKAGES.get(name, "monai"))
        strides = [[2, 2, 1], [2, 2, 1], [2, 2, 2], [1, 1, 1]]
        config = _config(
            name, **{"network.strides": strides, "data.crop_vox": [16, 16, 6], "inference.stride_vox": [8, 8, 3]}
        )
        features = build_network(config, 1, 2).eval()(_image(config))
        assert features.logits.shape == (2, 2, 16, 16, 6), name
        assert features.bottleneck.shape[2:] == (2, 2, 3), name


def test_network_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [*(name for name in sys.modules if name.startswith("monai")), "simcvd.networks.others.monai_networks"]:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "monai", None)
    with pytest.raises(UserError, match=r"The network 'unet' needs .*pip install 'simcvd\[monai\]'"):
        builder("unet")


def test_unknown_network_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"There is no network 'swin-unetr'; did you mean swin_unetr"):
        create(_config("vnet", **{"network.name": "swin-unetr"}), 1, 2)


def test_method_that_trains_parts_of_the_vnet_refuses_others() -> None:
    with pytest.raises(
        UserError, match=r"'chaitanya' trains parts .* 'unet' does not offer; set network\.name to vnet"
    ):
        create(_config("unet", method="chaitanya"), 1, 2)


def test_part_that_is_not_there_is_refused() -> None:
    with pytest.raises(AttributeError):
        WithBottleneck(nn.Sequential(nn.Conv3d(1, 1, 1)), "bottleneck")
