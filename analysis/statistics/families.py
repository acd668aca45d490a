"""Several tests of one table: the chance of any false one."""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values of a family so that any false rejection has at most the chance alpha (Holm 1979).

    With p_(1) <= ... <= p_(m), the adjusted value of p_(i) is max over j <= i of min(1, (m - j + 1) p_(j)). Rejecting
    what is at most alpha holds the chance of any false rejection, whichever nulls are true and however the tests depend
    on each other; here they share the reference. Holm, Scandinavian Journal of Statistics 6, 65-70.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]

    Args:
        p_values: one a comparison, in any order; None for a test that does not exist.

    Returns:
        Adjusted values in the same order, in [0, 1]. None stays None and does not count in m.

    Raises:
        ValueError: a p-value is not in [0, 1].
    """
    for p in p_values:
        if p is not None and not 0 <= p <= 1:
            raise ValueError(f"a p-value must lie in [0, 1], found {p}")
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = highest
    return adjusted
