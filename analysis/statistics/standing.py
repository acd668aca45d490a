"""How likely is it that a variant is really the best, and that a difference really has the other sign?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analysis.statistics.samples import scores
from analysis.statistics.seed_variance import SeedVariance, seed_variance

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

DRAWS: Final = 20_000
"""Their standard error is 0.1 percentage points at a probability of 97.5 %."""


@dataclass(frozen=True)
class Standing:
    """Where a variant stands among all.

    Attributes:
        first: probability that no other variant is really better, in [0, 1].
        false: probability that its true difference from the reference has the other sign than the one found, or is 0;
            in [0, 1]. None for the reference and without one.
    """

    first: float
    false: float | None


def standings(
    values: "npt.ArrayLike",
    higher_is_better: bool,
    reference: int | None = None,
    pooled: SeedVariance | None = None,
    draws: int = DRAWS,
) -> list[Standing] | None:
    """Tell how sure the order of variants is, other cases and other seeds counted.

    The true means of all variants are drawn together, from the distribution that the tests rest on (a flat prior,
    normal effects):

        mean_v + cases_v + seeds_v.

    The part of the cases is the paired one: it is drawn for all variants together, so what makes a case easy for all
    cancels. It has the covariance of the variants' case profiles over N, less what is the luck of single seeds, and the
    tails of Student's t with N - 1 degrees of freedom. The part of the seeds is drawn for each variant by itself, with
    the variance between seeds over S and t with its (V - 1) (S - 1) degrees of freedom, as `crossed_test` takes it; for
    a variant that is `apart` in it, with the variance of its own seeds and S - 1. A bootstrap that draws three seeds
    anew knows too little of them: of two variants that are alike it called one first in up to 13 % of simulated sweeps,
    where these draws did in 3 to 5 %.

    Claim that a variant is first from a probability of 97.5 % on: of two that are alike, one or the other is then
    called first in 5 % of sweeps.

    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(0, 0.01, (2, 3, 20))
    >>> better, worse = standings(0.8 + noise + [[[0.02]], [[0.0]]], True, reference=1)
    >>> better.first > 0.99, better.false < 0.01, worse.false is None
    (True, True, True)

    Args:
        values: `[V, S, N]`, scores of all variants at the same seeds and cases; NaN where missing.
        higher_is_better: direction of the metric.
        reference: place of the variant that differences are taken from; None takes none.
        pooled: the variance between seeds, from `seed_variance`; None takes it from `values`.
        draws: how many, half of them the other half's mirror images; the same values give the same draws.

    Returns:
        One for each variant; None where there is nothing to tell it from: fewer than two variants, seeds or cases with
        all values.

    Raises:
        ValueError: not three axes, or a value is infinite.
    """
    import numpy as np

    y = scores(values, "VSN")
    y = y[:, :, ~np.isnan(y).any(axis=(0, 1))] if y.size else y
    variants, seeds, cases = y.shape
    known = seed_variance(y) if pooled is None else pooled
    if min(variants, seeds, cases) < 2 or known.variance is None:
        return None
    draw = np.random.default_rng(0)
    profiles = y.mean(axis=1)
    profiles = profiles - profiles.mean(axis=1, keepdims=True)
    apart = list(known.apart)
    covariance = profiles @ profiles.T * (_beyond_seeds(np.delete(y, apart, axis=0)) / (cases * (cases - 1)))
    half = (draws + 1) // 2
    of_cases = draw.standard_normal((half, variants)) @ _root(covariance) * _tails(draw, half, cases - 1)
    of_seeds = draw.standard_normal((half, variants))
    moved = _tails(draw, half, known.degrees_of_freedom) * np.full(variants, known.variance / seeds) ** 0.5
    if apart:
        beyond = y.mean(axis=2) - np.delete(y, apart, axis=0).mean(axis=(0, 2))  # what a seed does to all cancels
        own = beyond[apart].var(axis=1, ddof=1) / seeds
        moved[:, apart] = np.hstack([_tails(draw, half, seeds - 1) for _ in apart]) * own**0.5
    luck = of_cases + of_seeds * moved
    means = y.mean(axis=(1, 2))
    drawn = (1 if higher_is_better else -1) * (means + np.concatenate([luck, -luck]))
    ahead = drawn >= drawn.max(axis=1, keepdims=True)
    first = (ahead / ahead.sum(axis=1, keepdims=True)).mean(axis=0)
    false: list[float | None] = [None] * variants
    if reference is not None:
        apart = drawn - drawn[:, [reference]]
        found = (1 if higher_is_better else -1) * (means - means[reference])
        wrong = np.where(found > 0, (apart <= 0).mean(axis=0), (apart >= 0).mean(axis=0))
        false = [None if place == reference else float(wrong[place]) for place in range(variants)]
    return [Standing(float(own), other) for own, other in zip(first, false, strict=True)]


def _root(covariance: "Floats") -> "Floats":
    """Return the symmetric square root, which makes `[draws, V]` independent normal draws those of the covariance.

    >>> import numpy as np
    >>> _root(np.array([[4.0, 0.0], [0.0, 0.0]])).tolist()
    [[2.0, 0.0], [0.0, 0.0]]
    """
    import numpy as np

    values, vectors = np.linalg.eigh(covariance)
    # Profiles add up to 0 or are alike, so there are values of 0, which rounding may have made negative.
    root: Floats = vectors * np.sqrt(values.clip(min=0)) @ vectors.T
    return root


def _tails(draw: "np.random.Generator", draws: int, degrees_of_freedom: int) -> "Floats":
    """Return what makes normal draws those of Student's t, alike for all that a draw holds."""
    import numpy as np

    found: Floats = np.sqrt(degrees_of_freedom / draw.chisquare(degrees_of_freedom, (draws, 1)))
    return found


def _beyond_seeds(y: "Floats") -> float:
    """Return the share of the case profiles' variance that single seeds' luck does not explain, over all variants.

    (MS_variants x cases - MS_residual) / MS_variants x cases of the three-way layout, at least 0: the variance between
    seeds holds the residual already.
    """
    variants, seeds, cases = y.shape
    at_case, at_seed, of_variant = y.mean(axis=1), y.mean(axis=2), y.mean(axis=(1, 2))
    apart = at_case - of_variant[:, None] - at_case.mean(axis=0) + y.mean()
    mixed = y.mean(axis=0)
    rest = (
        y
        - at_case[:, None]
        - at_seed[:, :, None]
        - mixed
        + of_variant[:, None, None]
        + mixed.mean(axis=0)
        + mixed.mean(axis=1)[:, None]
        - y.mean()
    )
    square = seeds * float((apart**2).sum()) / ((variants - 1) * (cases - 1))
    residual = float((rest**2).sum()) / ((variants - 1) * (seeds - 1) * (cases - 1))
    return max(0.0, square - residual) / square if square > 0 else 0.0
