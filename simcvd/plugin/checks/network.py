"""All checks of a network, in the order in which they run: without the first, none of the others makes sense."""

import copy
from typing import Any, Final

import torch
from torch import Tensor, nn

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.registry import create
from simcvd.networks.base import Features, Network
from simcvd.networks.build import build_network, seeded_weights
from simcvd.networks.registry import builder
from simcvd.plugin.checks.check import Check, MakeConfig, expect
from simcvd.plugin.checks.randomness import global_seed, global_states
from simcvd.plugin.sample import tiny_batch, train_step

_TRAINED_WITH: Final = ("supervised", "simcvd")


def check_outputs(name: str, make_config: MakeConfig) -> None:
    """Make the network for some channels and outputs, and look at what it returns."""
    config = make_config({})
    for channels, outputs in ((1, 2), (2, 5)):
        body = builder(name)(config, channels, outputs)
        made = f"made for {channels} channels and {outputs} outputs, it"
        expect(isinstance(body, nn.Module), f"{made} is of type {type(body).__name__}: expected a torch.nn.Module")
        image = tiny_batch(channels, crop_vox=config.data.crop_vox).image_labeled
        found = body(image)
        pair = isinstance(found, tuple) and [isinstance(part, Tensor) for part in found] == [True, True]
        expect(pair, f"{made} returns {_described(found)}: expected two tensors, all outputs and the bottleneck")
        whole, bottleneck = found
        shape = (len(image), outputs, *config.data.crop_vox)
        expect(whole.shape == shape, f"{made} returns outputs of {_sides(whole.shape)}: expected {_sides(shape)}")
        expect(bool(whole.isfinite().all()), f"{made} returns outputs that are not finite")
        expect(
            bottleneck.ndim == 5 and len(bottleneck) == len(image) and bottleneck.requires_grad,
            f"{made} returns a bottleneck of {_sides(bottleneck.shape)}: expected {len(image)} x E x X x Y x Z, with a "
            "gradient",
        )


def check_trained(name: str, make_config: MakeConfig) -> None:
    """Let a gradient of all outputs reach every weight."""
    network, config = _built(make_config)
    _sum_of_squares(_pass(network, config)).backward()  # type: ignore[no-untyped-call]
    missed = [key for key, parameter in network.named_parameters() if parameter.grad is None]
    expect(not missed, f"{', '.join(missed)} get no gradient from the outputs: expected none that is not used")


def check_weights_drawn(name: str, make_config: MakeConfig) -> None:
    """Make the network twice from one seed, under two global random states."""
    states = []
    for seed in (1, 2):
        with global_seed(seed):
            before = global_states()
            network, config = _built(make_config)
            _pass(network, config)
            states.append(network.state_dict())
            for library, state in global_states().items():
                expect(
                    state == before[library],
                    f"the global random numbers of {library} are used: expected initial weights to be those that torch "
                    "draws when the network is made, and no other draws",
                )
    for key, tensor in states[0].items():
        expect(
            torch.equal(tensor, states[1][key]), f"{key} differs between two networks of one seed: expected the same"
        )


def check_copies(name: str, make_config: MakeConfig) -> None:
    """Compare two passes with those of a copy, such as a teacher, whatever becomes of the original."""
    network, config = _built(make_config)
    twin = copy.deepcopy(network)
    first, again, copied = (_pass(each, config) for each in (network, network, twin))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    after = _pass(twin, config)
    for seen, sentence in (
        (again, "two passes over the same crops differ: expected no dropout and no other draws in a network"),
        (copied, "a copy computes something else: expected all that counts to be in parameters and buffers"),
        (after, "a copy changes with its original: expected it to share nothing, since a teacher is a copy"),
    ):
        same = torch.equal(first.logits, seen.logits) and torch.equal(first.bottleneck, seen.bottleneck)
        expect(same, sentence)


def check_saved(name: str, make_config: MakeConfig) -> None:
    """Give the weights of a network that has seen crops to a new one."""
    network, config = _built(make_config)
    other, _ = _built(make_config, seed=1)
    _pass(network, config)
    other.load_state_dict(network.state_dict())
    one, two = (_pass(each.eval(), config) for each in (network, other))
    expect(
        torch.equal(one.logits, two.logits),
        "a network with the saved weights of another computes something else: expected all that counts to be in "
        "parameters and buffers",
    )


def check_methods(name: str, make_config: MakeConfig) -> None:
    """Train it for a step with methods that use one head, and all that a network returns."""
    for method in _TRAINED_WITH:
        config = make_config({"method": method})
        trial = create(config, 1, 2)
        for term in train_step(trial, tiny_batch(crop_vox=config.data.crop_vox), 0):
            finite = bool(term.value.isfinite())
            expect(finite, f"with the method {method} the term '{term.name}' is {term.value.item()}: expected a number")
        for key, segmenter in trial.segmenters().items():
            with torch.inference_mode():
                logits = segmenter.eval()(torch.zeros(1, 1, *config.data.crop_vox))
            expect(bool(logits.isfinite().all()), f"with the method {method} logits of the {key} are not finite")


def _built(make_config: MakeConfig, seed: int = 0) -> tuple[Network, TrialConfig]:
    config = make_config({"seed": seed})
    with seeded_weights(config.seed):
        return build_network(config, 1, 2, sdm_channels=1).train(), config


def _pass(network: Network, config: TrialConfig) -> Features:
    found: Features = network(tiny_batch(crop_vox=config.data.crop_vox).image_labeled, Draws(0, 0), "student", (2,))
    return found


def _sum_of_squares(features: Features) -> Tensor:
    assert features.sdm is not None
    return features.logits.square().mean() + features.sdm.square().mean()


def _described(found: Any) -> str:
    if isinstance(found, tuple):
        return f"a tuple of {', '.join(type(part).__name__ for part in found) or 'nothing'}"
    return f"one {type(found).__name__}"


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


NETWORK_CHECKS: Final = (
    Check("outputs", "it returns all outputs on the crop's voxels, and its bottleneck", check_outputs),
    Check("trained", "each weight gets a gradient", check_trained),
    Check(
        "weights_drawn",
        "its weights follow from the seed, and global random states are left alone",
        check_weights_drawn,
    ),
    Check("copies", "a pass can be repeated, and a copy shares nothing with its original", check_copies),
    Check("saved", "saved weights make the same network again", check_saved),
    Check("methods", f"it trains a step with {' and '.join(_TRAINED_WITH)}", check_methods),
)
