"""A bootstrap over seeds and cases."""

from typing import TYPE_CHECKING

from analysis.statistics.intervals import Interval, check_level
from analysis.statistics.samples import mean_over_seeds, rounding, scores

if TYPE_CHECKING:
    import numpy.typing as npt


def hierarchical_interval(
    values: "npt.ArrayLike", level: float = 0.95, resamples: int = 9999, seed: int = 0
) -> Interval:
    """Compute a bootstrap interval of the mean over cases and seeds, drawing both anew (pigeonhole bootstrap).

    Each draw takes S seeds and N cases with replacement, independently, averages per case over the seeds drawn, then
    over the cases drawn; the limits are the quantiles of these means. It assumes no distribution and bears missing
    values.

    For few seeds it is too short where seeds matter: S drawn seeds vary by (S - 1) / S of what S new ones would, and no
    t quantile makes up for it. It is long where seeds don't matter, because each draw counts the residual variance
    about three times (Owen 2007, Annals of Applied Statistics 1, 386-411). Of simulated 95 % intervals (20 cases; SD
    over cases 2.1, over seeds 1.4, rest 2.8) 86 % held the truth with two seeds, 89 % with three and 93 % with five;
    without variance between seeds 97, 97 and 98 %. The interval of `crossed_test` held it in 94 to 98 % and is the one
    to report; this one checks it without normal distributions from about five seeds.

    Args:
        values: `[S, N]`, differences (or scores) at the same seeds; NaN where missing. Their order does not matter.
        level: confidence level in (0, 1).
        resamples: draws.
        seed: of the draws; the same seed gives the same interval.

    Returns:
        The interval; its estimate averages per case over the seeds that have a value, then over cases. There is none
        for fewer than two seeds or three cases, or for values that do not vary.

    Raises:
        ValueError: not two axes, a value is infinite or the level is not in (0, 1).
    """
    import numpy as np

    check_level(level)
    y = scores(values)
    there = ~np.isnan(y)
    y, there = y[there.any(axis=1)][:, there.any(axis=0)], there[there.any(axis=1)][:, there.any(axis=0)]
    seeds, cases = y.shape
    mean = float(mean_over_seeds(y).mean()) if y.size else None
    why = None
    if seeds < 2 or cases < 3:
        why = f"fewer than {'two seeds' if seeds < 2 else 'three cases'} with a value"
    elif np.nanmax(y) - np.nanmin(y) <= rounding(y[there]):
        why = "all values are equal"
    if why is not None:
        return Interval(cases, level, mean, None, None, why)
    order = np.ix_(np.argsort(np.nanmean(y, axis=1)), np.argsort(np.nanmean(y, axis=0)))
    y, there = np.nan_to_num(y[order]), there[order].astype(float)

    generator = np.random.default_rng(seed)
    means = []
    batch = max(1, 1_000_000 // cases)
    for start in range(0, resamples, batch):
        count = min(batch, resamples - start)
        of_seeds = generator.multinomial(seeds, np.full(seeds, 1 / seeds), count).astype(float)
        of_cases = generator.multinomial(cases, np.full(cases, 1 / cases), count).astype(float)
        drawn = of_seeds @ there
        weights = of_cases * (drawn > 0)  # a case whose drawn seeds have no value is not in the draw
        per_case = (of_seeds @ y) / np.maximum(drawn, 1)
        total = weights.sum(axis=1)
        means.append((per_case * weights).sum(axis=1)[total > 0] / total[total > 0])
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return Interval(cases, level, mean, float(low), float(high))
