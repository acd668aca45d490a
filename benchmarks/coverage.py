"""How often the intervals hold the true difference, and how often what is printed claims one that is not there.

    python benchmarks/coverage.py [--sweeps 2000]

Simulated sweeps of 7 variants x 3 seeds without a difference, Dice in percent, with the effects of
`tests/analysis/statistics/test_simulation.py`: normal, skewed (exponential), or normal with one prediction in twelve a
failure that costs 20 points. A training's own luck, which moves all its cases, has SD 1 point. Prints Markdown;
docs/results has its numbers.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from analysis.statistics import (
    Interval,
    SeedVariance,
    bca_interval,
    crossed_test,
    holm,
    paired_t_test,
    seed_variance,
    standings,
    t_interval,
)

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]
VARIANTS, SEEDS, CASES = 7, 3, (12, 20, 30, 60)
CLAIM, LEVEL = 0.975, 0.05
BOOTSTRAPPED = 10
"""One sweep in so many has its BCa interval, which takes long."""

DRAWS: dict[str, Draw] = {
    "normal": lambda luck, shape: luck.standard_normal(shape),
    "skewed": lambda luck, shape: luck.exponential(size=shape) - 1,
    "failures": lambda luck, shape: luck.standard_normal(shape),
}


def sweeps(kind: str, cases: int, count: int, own: float = 1.0) -> Iterator[tuple[Floats, float]]:
    """Yield scores `[V, S, N]` of variants that are alike, and how far the luck of its trainings moves the second."""
    luck, draw = np.random.default_rng(cases), DRAWS[kind]
    for _ in range(count):
        found = 85 + 6 * draw(luck, (1, 1, cases)) + 1.5 * draw(luck, (VARIANTS, 1, cases)) + draw(luck, (1, SEEDS, 1))
        trained = own * draw(luck, (VARIANTS, SEEDS, 1))
        found = found + trained + 2 * draw(luck, (VARIANTS, SEEDS, cases))
        if kind == "failures":
            found = found - 20.0 * (luck.random(found.shape) < 1 / 12)
        yield found, float((trained[1] - trained[0]).mean())


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=2000)
    count: int = parser.parse_args().sweeps
    _head("of these networks: t", "BCa", "of the methods: t over cases", "over seeds and cases")
    for kind in DRAWS:
        for cases in CASES:
            held = [_held(y, moved, number) for number, (y, moved) in enumerate(sweeps(kind, cases, count))]
            _line(kind, cases, np.nanmean(held, axis=0))
    print()
    _head("p over cases, no luck", "p over cases", "p over seeds and cases", "P(first)", "P(false), each")
    for kind in DRAWS:
        for cases in CASES:
            alone = np.mean([_over_cases(y) for y, _ in sweeps(kind, cases, count, own=0.0)])
            _line(kind, cases, [alone, *np.mean([_claims(y) for y, _ in sweeps(kind, cases, count)], axis=0)])


def _head(*columns: str) -> None:
    print(f"| effects | cases | {' | '.join(columns)} |\n|---|--:|{'--:|' * len(columns)}")


def _line(kind: str, cases: int, shares: npt.ArrayLike) -> None:
    told = " | ".join(f"{100 * share:.1f} %" for share in np.asarray(shares).tolist())
    print(f"| {kind} | {cases} | {told} |", flush=True)


def _held(y: Floats, moved: float, number: int) -> list[float]:
    """Tell which intervals of the second variant's difference hold what they are of; NaN for one that was not asked."""
    of_cases = (y[1] - y[0]).mean(axis=0)
    usual = t_interval(of_cases)
    bca = bca_interval(of_cases, resamples=999) if number % BOOTSTRAPPED == 0 else None
    crossed = crossed_test(y[1], y[0], "different", pooled=_of(seed_variance(y), 1)).interval
    return [
        _holds(usual, moved),
        float("nan") if bca is None else _holds(bca, moved),
        _holds(usual, 0.0),
        _holds(crossed, 0.0),
    ]


def _of(pooled: SeedVariance, variant: int) -> SeedVariance | None:
    """Return the variance for the comparison of a variant with the first, none where it is not of both."""
    return None if {0, variant} & set(pooled.apart) else pooled


def _holds(interval: Interval, value: float) -> float:
    low, high = interval.low, interval.high
    return float(low is not None and high is not None and low <= value <= high)


def _over_cases(y: Floats) -> float:
    """Tell whether the t-test over cases, adjusted, finds any difference."""
    found = holm([paired_t_test(own.mean(axis=0), y[0].mean(axis=0), "different").p for own in y[1:]])
    return float(min(p or 1.0 for p in found) < LEVEL)


def _claims(y: Floats) -> list[float]:
    """Tell which kinds of claim a sweep without differences makes; of the last, the share of its comparisons."""
    pooled = seed_variance(y)
    over_both = holm(
        [crossed_test(own, y[0], "different", pooled=_of(pooled, at)).p for at, own in enumerate(y[1:], 1)]
    )
    found = standings(y, True, 0, pooled, draws=4000)
    assert found is not None
    first = max(own.first for own in found) >= CLAIM
    wrong = [own.false <= 1 - CLAIM for own in found if own.false is not None]
    return [_over_cases(y), float(min(p or 1.0 for p in over_both) < LEVEL), float(first), float(np.mean(wrong))]


if __name__ == "__main__":
    main()
