"""Whether differences look normal, to word a warning; no test is chosen by it."""

from typing import TYPE_CHECKING

from analysis.statistics.samples import rounding, sample

if TYPE_CHECKING:
    import numpy.typing as npt


def normality_doubt(values: "npt.ArrayLike") -> float | None:
    """Return the p-value of Shapiro and Wilk's test that differences are normal (1965, Biometrika 52, 591-611).

    A small p is reason to look at `wilcoxon` beside the t-test. A large one is no proof, least of all for few cases,
    and choosing the test by it would spoil the p-value of the test chosen.

    Args:
        values: one finite value a case, as `differences` gives them.

    Returns:
        The p-value in [0, 1]; None for fewer than 3 values, for more than 5000, where the test's p is not known to be
        accurate and the mean is as good as normal anyway, and for values that do not vary.

    Raises:
        ValueError: a value is not finite.
    """
    x = sample(values)
    if not 3 <= len(x) <= 5000 or x.max() - x.min() <= rounding(x):
        return None
    from scipy.stats import shapiro

    return float(shapiro(x).pvalue)
