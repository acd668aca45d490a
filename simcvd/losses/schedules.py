"""What varies with the step: pure functions of it (sec. IV-B)."""

import math


def ramp_up(step: int, steps: int, fraction: float = 1.0) -> float:
    """Return the factor of lambda, beta and gamma at a step.

    `exp(-5 (1 - min(t / t_max, 1))^2)`, from exp(-5) = 0.0067 at the first step to 1, where it stays.

    Args:
        step: t, from 0.
        steps: all training steps.
        fraction: t_max in parts of the last step, `steps - 1`; 1 grows until the end.

    >>> [round(ramp_up(step, 11), 4) for step in (0, 5, 10)]
    [0.0067, 0.2865, 1.0]
    """
    last = fraction * (steps - 1)
    progress = min(step / last, 1.0) if last > 0 else 1.0
    return math.exp(-5 * (1 - progress) ** 2)


def learning_rate(step: int, steps: int, base: float, drop_fraction: float = 0.5) -> float:
    """Return the learning rate at a step: `base`, divided by 10 each time `drop_fraction` of all steps has passed.

    Args:
        step: the training step, from 0.
        steps: all training steps.
        base: the first step's learning rate.
        drop_fraction: the period in parts of `steps` (3,000 of 6,000 in the paper), rounded to whole steps.

    >>> [learning_rate(step, 6000, 0.01) for step in (0, 2999, 3000, 5999)]
    [0.01, 0.01, 0.001, 0.001]
    """
    period = max(1, round(steps * drop_fraction))
    return float(base / 10 ** (step // period))
