"""Checks of what a method is made of: its networks, its optimisers, and what these train."""

from collections.abc import Mapping

import torch
from torch import nn

from simcvd.methods.base import Method
from simcvd.methods.registry import create
from simcvd.networks.base import Network
from simcvd.plugin.checks.check import MakeConfig, expect
from simcvd.plugin.sample import STEPS, tiny_batch, train_step


def check_parts(name: str, make_config: MakeConfig) -> None:
    """Make the method, and look for everything that the training loop reads."""
    method = create(make_config({}), 1, 2)
    expect(isinstance(method, Method), f"the class derives from {_bases(method)}: expected Method")
    kinds = {"networks": nn.ModuleDict, "optimisers": dict, "needs_unlabeled": bool, "diagnostics": Mapping}
    for attribute, kind in kinds.items():
        expect(hasattr(method, attribute), f"`{attribute}` is missing: set it in `__init__`, see Method")
        made = type(getattr(method, attribute))
        expect(issubclass(made, kind), f"`{attribute}` is of type {made.__name__}: expected {kind.__name__}")
    for key, optimiser in method.optimisers.items():
        found = type(optimiser).__name__
        expect(isinstance(optimiser, torch.optim.Optimizer), f"optimisers['{key}'] is of type {found}: no optimiser")
    expect(
        "sgd" in method.optimisers or type(method).before_step is not Method.before_step,
        f"the optimisers are called {', '.join(method.optimisers)}: expected one called sgd, whose learning rate is "
        "set before each step",
    )
    if type(method).segmenters is Method.segmenters:
        expect("student" in method.networks, "there is no networks['student']: expected the network that segments")
        for key in sorted({"student", "teacher"} & set(method.networks.keys())):
            made = type(method.networks[key])
            expect(
                issubclass(made, Network), f"networks['{key}'] is of type {made.__name__}: build it by `build_network`"
            )
    expect(bool(method.segmenters()), "`segmenters` returns none: expected the network that a trial is judged by")


def check_parameters(name: str, make_config: MakeConfig) -> None:
    """Let the sum of the terms reach what the optimisers train, and nothing else, over all stages."""
    method = create(make_config({}), 1, 2)
    held = {id(parameter): key for key, parameter in method.networks.named_parameters()}
    trained = {number for optimiser in method.optimisers.values() for number in _trained_by(optimiser)}
    expect(
        trained <= held.keys(),
        "an optimiser trains weights that are in none of `networks`: expected all of them there, or a checkpoint would "
        "not hold them",
    )
    reached = set()
    for step in STEPS:
        train_step(method, tiny_batch(step=step), step)
        stepping = {number for optimiser in method.stepping(step) for number in _trained_by(optimiser)}
        for key, parameter in method.networks.named_parameters():
            if parameter.grad is None:
                continue
            expect(
                bool(parameter.grad.isfinite().all()),
                f"the gradient of {key} at step {step} is not finite: it holds NaN or infinity",
            )
            expect(
                id(parameter) in stepping,
                f"{key} gets a gradient at step {step}, but no optimiser trains it then: expected none; compute what "
                "is no one's to train under torch.no_grad(), or detach it",
            )
            reached.add(id(parameter))
        method.networks.zero_grad()
    missed = [key for number, key in held.items() if number in trained - reached]
    steps = ", ".join(map(str, STEPS))
    expect(
        not missed,
        f"{_some(missed)} of the trained weights get no gradient at the steps {steps}: expected one; a network that no "
        "term uses, or an output that is detached",
    )


def _trained_by(optimiser: torch.optim.Optimizer) -> set[int]:
    return {id(parameter) for group in optimiser.param_groups for parameter in group["params"]}


def _some(names: list[str], most: int = 3) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _bases(made: object) -> str:
    return ", ".join(base.__name__ for base in type(made).__bases__)
