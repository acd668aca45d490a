"""Checks of a method's loss terms: what they are, and which of them are there."""

import functools
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from simcvd.config import TrialConfig
from simcvd.config.methods import MethodSettings
from simcvd.draws import Draws
from simcvd.methods.registry import create
from simcvd.plugin.checks.check import CheckError, CheckSkipped, MakeConfig, expect, told
from simcvd.plugin.sample import STEPS, tiny_batch
from simcvd.training.precision import has_fast_bfloat16


class Seen(NamedTuple):
    """A term without its graph."""

    name: str
    value: Tensor
    weight: float
    has_gradient: bool


def seen_terms(config: TrialConfig) -> tuple[tuple[Seen, ...], ...]:
    """Return the terms of a method that is not trained, at each of `STEPS`; computed once for the same settings."""
    return _seen_terms(type(config), config.model_dump_json())


@functools.lru_cache(maxsize=256)
def _seen_terms(kind: type[TrialConfig], settings: str) -> tuple[tuple[Seen, ...], ...]:
    """Settings come as JSON: those of a plug-in may hold what has no hash."""
    config = kind.model_validate_json(settings)
    method, found = create(config, 1, 2), []
    for step in STEPS:
        method.before_step(step)
        terms = method.terms(tiny_batch(), step, Draws(config.seed, step))
        for term in terms:
            expect(
                isinstance(term.value, Tensor),
                f"the term '{term.name}' at step {step} is of type {type(term.value).__name__}: expected a tensor with "
                "a gradient",
            )
        found.append(tuple(Seen(t.name, t.value.detach(), t.weight, t.value.requires_grad) for t in terms))
    return tuple(found)


def term_names(config: TrialConfig) -> set[str]:
    """Return the names of a method's terms over all stages."""
    return {term.name for terms in seen_terms(config) for term in terms}


def weights_of(name: str, make_config: MakeConfig) -> dict[str, float]:
    """Return the weights in a method's own section, numbers from 0 without upper end, with their defaults by key."""
    section = dict(make_config({})).get(name)
    if not isinstance(section, MethodSettings):
        return {}
    bounds = {"maximum", "exclusiveMaximum"}
    return {
        f"{name}.{key}": float(getattr(section, key))
        for key, field in type(section).model_json_schema()["properties"].items()
        if field.get("type") == "number" and field.get("minimum") == 0 and not bounds & field.keys()
    }


def check_terms(name: str, make_config: MakeConfig) -> None:
    """Refuse terms that the training loop could not add up, log and tell apart."""
    for step, terms in zip(STEPS, seen_terms(make_config({})), strict=True):
        expect(bool(terms), f"there is no term at step {step}: expected at least one")
        names = [term.name for term in terms]
        twice = next((one for one in names if names.count(one) > 1), "")
        expect(not twice, f"two terms at step {step} are called '{twice}': expected names that differ")
        for term in terms:
            what = f"the term '{term.name}' at step {step}"
            shape = " x ".join(map(str, term.value.shape))
            expect(not shape, f"{what} has {shape} values: expected one; take their mean")
            expect(
                term.value.dtype == torch.float32,
                f"{what} is {term.value.dtype}: expected torch.float32; compute it inside `without_autocast`",
            )
            expect(bool(term.value.isfinite()), f"{what} is {term.value.item()}: expected a finite number")
            expect(
                term.has_gradient,
                f"{what} has no gradient: expected one that reaches a trained network; was it detached, or computed "
                "under torch.no_grad()?",
            )
            expect(
                term.weight > 0,
                f"{what} has the weight {term.weight}: expected one above 0; leave out a term that has none",
            )


def check_weights(name: str, make_config: MakeConfig) -> None:
    """Set each weight to 0, which must take away a term and leave the others."""
    weights = weights_of(name, make_config)
    if not weights:
        raise CheckSkipped("its section has no weights, which are numbers from 0 without upper end")
    for key, default in weights.items():
        whole, rest = (term_names(make_config({key: value})) for value in (default or 1.0, 0.0))
        terms = ", ".join(sorted(whole))
        expect(
            rest <= whole,
            f"{key}=0 adds the terms {', '.join(sorted(rest - whole))} to {terms}: expected it to take away",
        )
        expect(
            rest < whole,
            f"{key}=0 leaves all terms ({terms}): expected one fewer; leave out a term whose weight is 0, and give a "
            "number that is no weight an upper end",
        )
        expect(bool(rest), f"{key}=0 leaves no term at all, of {terms}: expected those of the labelled crops to stay")


def names_without_unlabelled(config: TrialConfig) -> set[str]:
    """Return the names of a method's terms on labelled crops alone, over all stages."""
    return set(_names_without_unlabelled(type(config), config.model_dump_json()))


@functools.lru_cache(maxsize=256)
def _names_without_unlabelled(kind: type[TrialConfig], settings: str) -> frozenset[str]:
    config, names = kind.model_validate_json(settings), set()
    method = create(config, 1, 2)
    for step in STEPS:
        method.before_step(step)
        batch = replace(tiny_batch(), image_unlabeled=None, depth_unlabeled=None)
        names |= {term.name for term in method.terms(batch, step, Draws(config.seed, step))}
    return frozenset(names)


def check_unlabelled(name: str, make_config: MakeConfig) -> None:
    """Let a method say rightly whether it needs unlabelled crops, with its weights and without."""
    nothing: dict[str, Any] = dict.fromkeys(weights_of(name, make_config), 0.0)
    for changes, when in (({}, ""), (nothing, f" with {', '.join(nothing)} 0")) if nothing else (({}, ""),):
        config = make_config(changes)
        needs = create(config, 1, 2).needs_unlabeled
        try:
            names = names_without_unlabelled(config)
        except Exception as error:  # whatever the author's code raises without the crops
            if not needs:
                raise CheckError(
                    f"`needs_unlabeled` is false{when}, but a step without unlabelled crops ends with {told(error)}"
                ) from error
            names = set()
        expect(
            not needs or (names != term_names(config) and _unlabelled_crops_matter(config)),
            f"`needs_unlabeled` is true{when}, but no term needs unlabelled crops: expected false, so that none are "
            "read; let it follow from the weights",
        )


def _unlabelled_crops_matter(config: TrialConfig) -> bool:
    """Tell whether a term changes with the unlabelled crops at one of `STEPS`."""
    method, usual = create(config, 1, 2), tiny_batch()
    other = replace(usual, image_unlabeled=tiny_batch(step=1).image_unlabeled)
    for step, seen in zip(STEPS, seen_terms(config), strict=True):
        method.before_step(step)
        terms = method.terms(other, step, Draws(config.seed, step))
        if [term.value.item() for term in terms] != [term.value.item() for term in seen]:
            return True
    return False


def check_diagnostics(name: str, make_config: MakeConfig) -> None:
    """Look at what is logged beside the terms."""
    method = create(make_config({}), 1, 2)
    expect(not method.diagnostics, "`diagnostics` holds something before the first step: expected an empty mapping")
    method.before_step(0)
    method.terms(tiny_batch(), 0, Draws(0, 0))
    for key, value in method.diagnostics.items():
        what = f"the diagnostic '{key}'"
        expect(isinstance(value, Tensor), f"{what} is of type {type(value).__name__}: expected a tensor")
        expect(value.shape == (), f"{what} has {' x '.join(map(str, value.shape))} values: expected one")
        expect(not value.requires_grad, f"{what} has a gradient, which keeps the step's memory; add .detach()")


def check_bfloat16(name: str, make_config: MakeConfig) -> None:
    """Compute the terms under bfloat16 arithmetic, which must not reach the losses."""
    if not has_fast_bfloat16(torch.device("cpu")):
        raise CheckSkipped("this processor has no bfloat16 arithmetic and would be 100 times slower")
    method = create(make_config({}), 1, 2)
    method.before_step(0)
    with torch.autocast("cpu", torch.bfloat16):
        terms = method.terms(tiny_batch(), 0, Draws(0, 0))
    for term in terms:
        what = f"the term '{term.name}' under bfloat16"
        expect(
            term.value.dtype == torch.float32,
            f"{what} is {term.value.dtype}: expected torch.float32; compute it inside `without_autocast`",
        )
        expect(bool(term.value.isfinite()), f"{what} is {term.value.item()}: expected a finite number")
