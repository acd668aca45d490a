"""Confidence intervals of a mean over cases."""

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.statistics.samples import rounding, sample

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval, in the unit of the values.

    Attributes:
        n: cases that it rests on.
        level: share of such intervals that hold the true value, in (0, 1).
        estimate: the mean; None without values.
        low: lower limit; None where the interval does not exist.
        high: upper limit; None where the interval does not exist.
        why_none: why it does not; None where it does.
    """

    n: int
    level: float
    estimate: float | None
    low: float | None
    high: float | None
    why_none: str | None = None


def t_interval(values: "npt.ArrayLike", level: float = 0.95) -> Interval:
    """Compute Student's interval of a mean: mean +- t_{n-1, (1+level)/2} sd / sqrt(n), sd with n - 1.

    Of differences variant - reference, as `differences` gives them, it is the interval that belongs to `paired_t_test`:
    it holds 0 where the two-sided p is at least 1 - level.

    >>> interval = t_interval([1.0, 2.0, 3.0])  # 2 +- 4.3027 / sqrt(3)
    >>> round(interval.low, 4), round(interval.high, 4)
    (-0.4841, 4.4841)

    Args:
        values: one finite value a case.
        level: confidence level in (0, 1).

    Returns:
        The interval. Fewer than two values and values that do not vary have none.

    Raises:
        ValueError: a value is not finite or the level is not in (0, 1).
    """
    x = sample(values)
    if (missing := _none(x, level, least=2)) is not None:
        return missing
    from scipy.special import stdtrit

    mean, n = float(x.mean()), len(x)
    half = float(stdtrit(n - 1, (1 + level) / 2)) * float(x.std(ddof=1)) / n**0.5
    return Interval(n, level, mean, mean - half, mean + half)


def bca_interval(values: "npt.ArrayLike", level: float = 0.95, resamples: int = 9999, seed: int = 0) -> Interval:
    """Compute the bias-corrected and accelerated bootstrap interval of a mean (Efron 1987, JASA 82, 171-185).

    Cases are drawn anew with replacement; the limits are the quantiles Phi(z0 + (z0 + z) / (1 - a (z0 + z))) of their
    means, z the normal quantiles of the level, z0 from the share of means below the sample's, a from the jackknife. It
    follows skewed values, which `t_interval` does not, but is short for few of them: it takes the spread with n, not
    n - 1, and normal, not t quantiles, so for 20 normal values it is 9 % shorter than the t interval.

    >>> interval = bca_interval([1.0, 2.0, 3.0, 4.0, 10.0])
    >>> interval == bca_interval([10.0, 1.0, 4.0, 3.0, 2.0]), interval.estimate
    (True, 4.0)

    Args:
        values: one finite value a case; their order does not matter.
        level: confidence level in (0, 1).
        resamples: draws.
        seed: of the draws; the same seed gives the same interval.

    Returns:
        The interval. Fewer than three values and values that do not vary have none.

    Raises:
        ValueError: a value is not finite or the level is not in (0, 1).
    """
    import numpy as np
    from scipy.stats import bootstrap

    x = np.sort(sample(values))
    if (missing := _none(x, level, least=3)) is not None:
        return missing
    # SciPy renamed the argument in 1.15.
    name = "rng" if "rng" in inspect.signature(bootstrap).parameters else "random_state"
    drawn: dict[str, Any] = {name: np.random.default_rng(seed)}
    found = bootstrap(
        (x,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, 2_000_000 // len(x)),  # 16 MB at a time
        confidence_level=level,
        method="BCa",
        **drawn,
    ).confidence_interval
    return Interval(len(x), level, float(x.mean()), float(found.low), float(found.high))


def _none(x: Any, level: float, least: int) -> Interval | None:
    """Return the interval that does not exist, with its reason; None if it does exist."""
    check_level(level)
    n = len(x)
    mean = float(x.mean()) if n else None
    if n < least:
        few = {0: "there are no values", 1: "there is one value only", 2: "there are two values only"}[n]
        return Interval(n, level, mean, None, None, few)
    if x.max() - x.min() <= rounding(x):
        return Interval(n, level, mean, None, None, "all values are equal")
    return None


def check_level(level: float) -> None:
    """Raise ValueError unless a confidence level lies in (0, 1)."""
    if not 0 < level < 1:
        raise ValueError(f"a confidence level must lie in (0, 1), found {level}")
