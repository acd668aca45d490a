"""One variant tested against itself."""

from typing import TYPE_CHECKING

from analysis.statistics.paired import PairedTest, paired_t_test
from analysis.statistics.samples import mean_over_seeds, scores

if TYPE_CHECKING:
    import numpy.typing as npt


def aa_check(values: "npt.ArrayLike") -> PairedTest:
    """Test one half of a variant's seeds against the other as if they were two variants (an A/A test).

    The seeds in places 0, 2, 4, ... are averaged per case, those in places 1, 3, 5, ... as well, and `paired_t_test` is
    taken two-sided. Nothing but the seeds differs, so p should be unremarkable: uniform over repetitions where seeds do
    not move a variant's mean. A p that is small again and again says that they do, so that the t-test over cases takes
    luck for a difference; then read `crossed_test`.

    >>> aa_check([[3.0, 2.0, 4.0], [3.0, 3.0, 3.0]]).difference
    0.0

    Args:
        values: `[S, N]`, scores of one variant, S at least 2; NaN where missing.

    Returns:
        The test, over the cases that have a value in both halves.

    Raises:
        ValueError: fewer than two seeds, not two axes, or a value is infinite.
    """
    import numpy as np

    y = scores(values)
    if len(y) < 2:
        raise ValueError(f"expected at least two seeds, found {len(y)}")
    first, second = mean_over_seeds(y[0::2]), mean_over_seeds(y[1::2])
    both = ~(np.isnan(first) | np.isnan(second))
    return paired_t_test(first[both].tolist(), second[both].tolist(), "different")
