"""A trial's own loop over crops of the data set, without what a trial does beside its steps."""

from collections.abc import Callable

from gpu_sections.bench import Bench
from simcvd.config import TrialConfig
from simcvd.data.loading import CropLoader
from simcvd.data.store import open_training
from simcvd.methods.registry import create
from simcvd.training.loop import check_finite, train_steps
from simcvd.training.precision import choose_precision
from simcvd.training.report import StepReport


class Loop:
    """Trains a method on the device; steps may be asked for in any number and order.

    Args:
        bench: the run.
        config: the trial's settings.
    """

    def __init__(self, bench: Bench, config: TrialConfig) -> None:
        self._device, self._config = bench.device, config
        self._precision = choose_precision(config.training.precision, bench.device)
        view = open_training(bench.data())
        self.method = create(config, len(view.info.channels), len(view.info.classes) + 1)
        self.method.networks.to(bench.device)
        self._load = CropLoader(view, config, bench.device, with_unlabeled=self.method.needs_unlabeled)

    def do(self, steps: range, *, norms: bool = False) -> None:
        """Do these steps; `norms` measures the gradient norms in each."""
        train_steps(
            self.method,
            self._load,
            steps,
            seed=self._config.seed,
            device=self._device,
            autocast=self._precision.autocast,
            measure_gradients=lambda step: norms,
            after_step=_checked(),
        )


def _checked() -> Callable[[StepReport], None]:
    """Return what a trial does after a step: the losses of the step before are read while the device works on this."""
    before: list[StepReport] = []

    def after_step(report: StepReport) -> None:
        for earlier in before:
            check_finite(earlier.step, earlier.losses())
        before[:] = [report]

    return after_step
