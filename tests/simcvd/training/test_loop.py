from collections.abc import Iterable
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from simcvd.config import TrialConfig
from simcvd.data.batch import Batch
from simcvd.draws import Draws
from simcvd.methods.base import Method, Term
from simcvd.training.loop import NotFiniteError, check_finite, gradient_norms, train_steps
from simcvd.training.report import StepReport


class TwoWeights(Method):
    """Minimise `3 a + 2 (4 b)` by steps of 0.1, and note what is called."""

    def __init__(self, config: TrialConfig) -> None:
        self.config, self.diagnostics, self.needs_unlabeled = config, {}, False
        self.networks = nn.ModuleDict({"a": nn.Linear(1, 1, bias=False), "b": nn.Linear(1, 1, bias=False)})
        for network in self.networks.values():
            nn.init.constant_(network.weight, 1.0)
        self.optimisers = {"sgd": torch.optim.SGD(self.networks.parameters(), lr=0.1)}
        self.calls: list[tuple[str, int]] = []

    def terms(self, batch: Batch, step: int, draws: Draws) -> list[Term]:
        assert draws.step == step
        self.calls.append(("terms", step))
        a, b = (self.networks[name].weight.sum() for name in "ab")
        return [Term("first", 3 * a, 1.0), Term("second", 4 * b, 2.0)]

    def before_step(self, step: int) -> None:
        self.calls.append(("before", step))

    def stepping(self, step: int) -> Iterable[torch.optim.Optimizer]:
        return self.optimisers.values() if step else []

    def after_step(self, step: int) -> None:
        self.calls.append(("after", step))


def _train(method: TwoWeights, batch: Batch, steps: range) -> list[StepReport]:
    reports: list[StepReport] = []
    train_steps(
        method,
        lambda step: batch,
        steps,
        seed=0,
        device=torch.device("cpu"),
        autocast=nullcontext,
        measure_gradients=lambda step: step == 1,
        after_step=reports.append,
    )
    return reports


@pytest.fixture
def batch() -> Batch:
    nothing = torch.zeros(1)
    return Batch(nothing, nothing, nothing, None, nothing, None)


def test_a_step_moves_the_weights_by_the_weighted_gradient_where_an_optimiser_acts(
    tiny_config: TrialConfig, batch: Batch
) -> None:
    """Nothing acts in step 0; gradients of 3 and 8 then move the weights by 0.3 and 0.8."""
    method = TwoWeights(tiny_config)
    reports = _train(method, batch, range(2))
    assert [method.networks[name].weight.item() for name in "ab"] == pytest.approx([0.7, 0.2])
    assert method.calls == [(name, step) for step in range(2) for name in ("before", "terms", "after")]
    assert [report.losses() for report in reports] == [{"first": 3.0, "second": 4.0}] * 2
    assert [report.has_norms for report in reports] == [False, True]
    assert all(parameter.grad is None for parameter in method.networks.parameters())


def test_gradient_norms_are_of_the_weighted_terms_and_leave_the_gradients_alone(
    tiny_config: TrialConfig, batch: Batch
) -> None:
    method = TwoWeights(tiny_config)
    norms = gradient_norms(method.terms(batch, 0, Draws(0, 0)), method)
    assert {name: norm.item() for name, norm in norms.items()} == {"first": 3.0, "second": 8.0}
    assert all(parameter.grad is None for parameter in method.networks.parameters())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_no_number_is_told_with_term_and_step(value: float) -> None:
    check_finite(3, {"dice": 0.0, "sdm": -1e30})
    with pytest.raises(
        NotFiniteError, match=rf"The loss term sdm is {value} at step 3; a lower training.learning_rate"
    ):
        check_finite(3, {"dice": 0.0, "sdm": value})
