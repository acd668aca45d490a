"""Checks that a method's training follows from its settings alone, however often it is cut off."""

import io
import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from simcvd.methods.base import Term
from simcvd.methods.registry import create
from simcvd.plugin.checks.check import CheckError, MakeConfig, expect
from simcvd.plugin.sample import tiny_batch, train_step

Losses = list[tuple[str, float, float]]


def losses_of(terms: list[Term]) -> Losses:
    """Return name, value and weight of each term."""
    return [(term.name, term.value.item(), term.weight) for term in terms]


def check_seed(name: str, make_config: MakeConfig) -> None:
    """Train twice with the same seed, and once with another."""
    runs: list[list[Losses]] = []
    for seed, steps in ((0, 2), (0, 2), (1, 1)):
        method = create(make_config({"seed": seed}), 1, 2)
        runs.append([losses_of(train_step(method, tiny_batch(step=step), step)) for step in range(steps)])
    first, again, other = runs
    for step, (one, two) in enumerate(zip(first, again, strict=True)):
        expect(
            one == two,
            f"the loss at step {step} differs between two runs with the same seed{_between(one, two)}: random numbers "
            "must come from `draws`, initial weights from inside `seeded_weights`",
        )
    expect(
        first[0] != other[0],
        "the loss at step 0 is the same with two seeds: expected another; draw initial weights inside "
        "`seeded_weights(config.seed)`",
    )


def check_global_state(name: str, make_config: MakeConfig) -> None:
    """Train a step under two global random states, which must neither count nor change."""
    losses = []
    for seed in (1, 2):
        with global_seed(seed):
            before = global_states()
            losses.append(losses_of(train_step(create(make_config({}), 1, 2), tiny_batch(), 0)))
            for library, state in global_states().items():
                expect(
                    state == before[library],
                    f"the global random numbers of {library} are used: expected those of `draws`, and initial weights "
                    "from inside `seeded_weights`",
                )
    expect(
        losses[0] == losses[1],
        f"the loss depends on the global random state{_between(*losses)}: random numbers must come from `draws`",
    )


def check_resume(name: str, make_config: MakeConfig) -> None:
    """Cut a training off after two steps, and compare the third with an uninterrupted one's."""
    config = make_config({})
    whole = create(config, 1, 2)
    for step in range(2):
        train_step(whole, tiny_batch(step=step), step)
    state = {key: optimiser.state_dict() for key, optimiser in whole.optimisers.items()}
    file = io.BytesIO()
    torch.save({"networks": whole.networks.state_dict(), "optimisers": state}, file)
    file.seek(0)
    try:
        saved: dict[str, Any] = torch.load(file, weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckError(
            "a checkpoint of `networks` and `optimisers` can't be read: expected them to hold tensors and plain numbers"
        ) from error

    resumed = create(config, 1, 2)
    resumed.networks.load_state_dict(saved["networks"])
    for key, value in saved["optimisers"].items():
        resumed.optimisers[key].load_state_dict(value)
    batch = tiny_batch(step=2)
    one, two = (losses_of(train_step(method, batch, 2)) for method in (whole, resumed))
    advice = "what a method remembers between steps must be in `networks` (as a buffer) or `optimisers`"
    expect(one == two, f"the loss at step 2 differs after a checkpoint{_between(one, two)}: {advice}")
    found = resumed.networks.state_dict()
    for key, tensor in whole.networks.state_dict().items():
        expect(torch.equal(found[key], tensor), f"{key} differs after step 2 and a checkpoint before it: {advice}")


def _between(one: Losses, two: Losses) -> str:
    """Return where losses differ first, in brackets."""
    if [term[0] for term in one] != [term[0] for term in two]:
        return f" ({', '.join(term[0] for term in one)} and {', '.join(term[0] for term in two)})"
    pairs = [(a, b) for a, b in zip(one, two, strict=True) if a != b]
    if not pairs:
        return ""
    (name, first, weight), (_, second, other) = pairs[0]
    return f" ({name}: {first:.7g} and {second:.7g})" if first != second else f" ({name}: weight {weight} and {other})"


def global_states() -> dict[str, bytes]:
    """Return the states of all global generators, to be compared."""
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "Python": pickle.dumps(random.getstate()),
        "numpy": pickle.dumps(np.random.get_state()),
    }


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """Seed all global generators, and leave them as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            torch.default_generator.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
