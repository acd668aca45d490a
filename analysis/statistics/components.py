"""How much of the spread of scores comes from the cases, the seeds, and neither."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.statistics.samples import complete, scores

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MeanSquares:
    """Mean squares of a two-way layout `[S, N]` without repeats.

    Attributes:
        case: N - 1 degrees of freedom.
        seed: S - 1 degrees of freedom.
        residual: (S - 1) (N - 1) degrees of freedom.
    """

    case: float
    seed: float
    residual: float


@dataclass(frozen=True)
class VarianceComponents:
    """What scores vary with, in the unit of the scores; None where it can't be told.

    Attributes:
        seeds: seeds that it rests on.
        cases: cases that it rests on.
        left_out: cases left out because a seed has no value for them.
        mean: over all these seeds and cases.
        case_sd: standard deviation of the cases' true means.
        seed_sd: standard deviation of the seeds' true means.
        residual_sd: standard deviation of what is neither: how differently each training does on each case.
        mean_squares: behind the three; they show an estimate that was negative and taken as 0.
        why_none: why the components are missing; None where they are not.
    """

    seeds: int
    cases: int
    left_out: int
    mean: float | None
    case_sd: float | None = None
    seed_sd: float | None = None
    residual_sd: float | None = None
    mean_squares: MeanSquares | None = None
    why_none: str | None = None

    def sd_of_seed_mean(self, seeds: int) -> float | None:
        """Return the standard deviation over cases of values averaged over so many seeds; None without components.

        sqrt(case_sd^2 + residual_sd^2 / seeds); of components of differences, it is what `detectable_difference` takes.
        """
        if self.case_sd is None or self.residual_sd is None:
            return None
        return float((self.case_sd**2 + self.residual_sd**2 / seeds) ** 0.5)


def variance_components(values: "npt.ArrayLike") -> VarianceComponents:
    """Split the variance of scores into cases, seeds and the rest by the two-way crossed analysis of variance.

    y_sn = mu + case_n + seed_s + e_sn with independent effects of variances C, U and E. With the means y_.n over seeds,
    y_s. over cases and y_.. over all, the mean squares

        MS_case = S sum_n (y_.n - y_..)^2 / (N - 1)                              expected E + S C
        MS_seed = N sum_s (y_s. - y_..)^2 / (S - 1)                              expected E + N U
        MS_residual = sum_sn (y_sn - y_s. - y_.n + y_..)^2 / ((S - 1) (N - 1))   expected E

    give E = MS_residual, C = (MS_case - E) / S, U = (MS_seed - E) / N (Searle, Casella and McCulloch 1992, Variance
    Components, ch. 4). A negative estimate is taken as 0. Where none is, they are the REML estimates of the mixed model
    with crossed effects. With few seeds U is rough: for three, its 95 % interval reaches from a quarter to 40 times
    MS_seed.

    >>> parts = variance_components([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])  # cases 1 apart, seeds 2 apart, nothing else
    >>> parts.case_sd, round(parts.seed_sd, 4), parts.residual_sd  # U = 2
    (1.0, 1.4142, 0.0)

    Args:
        values: `[S, N]`, scores of a variant or differences of two at the same seeds; NaN where missing.

    Returns:
        The components. Seeds without any value are left out first, then every case that lacks a value. With fewer than
        two seeds or two cases left there are no components.

    Raises:
        ValueError: not two axes, or a value is infinite.
    """
    block = complete(scores(values))
    seeds, cases = block.values.shape
    mean = float(block.values.mean()) if block.values.size else None
    if seeds < 2 or cases < 2:
        few = f"fewer than two {'seeds' if seeds < 2 else 'cases'} with all values"
        return VarianceComponents(seeds, cases, block.left_out, mean, why_none=few)
    squares = mean_squares(block.values)
    return VarianceComponents(
        seeds=seeds,
        cases=cases,
        left_out=block.left_out,
        mean=mean,
        case_sd=(max(0.0, squares.case - squares.residual) / seeds) ** 0.5,
        seed_sd=(max(0.0, squares.seed - squares.residual) / cases) ** 0.5,
        residual_sd=squares.residual**0.5,
        mean_squares=squares,
    )


def mean_squares(values: "Floats") -> MeanSquares:
    """Compute the mean squares of `[S, N]` without gaps, S and N at least 2."""
    seeds, cases = values.shape
    mean, of_case, of_seed = values.mean(), values.mean(axis=0), values.mean(axis=1)
    rest = values - of_case - of_seed[:, None] + mean
    return MeanSquares(
        case=float(seeds * ((of_case - mean) ** 2).sum() / (cases - 1)),
        seed=float(cases * ((of_seed - mean) ** 2).sum() / (seeds - 1)),
        residual=float((rest**2).sum() / ((seeds - 1) * (cases - 1))),
    )
