"""How much of a search's outcome each searched setting explains."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.figures.canvas.rows import row_chart
from analysis.figures.canvas.style import BLUE, ONE_COLUMN_MM, SMALL_PT, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def importance_figure(importances: Mapping[str, float], width_mm: float = ONE_COLUMN_MM) -> "Figure":
    """Draw a bar a setting, the most important on top.

    Args:
        importances: share of the objective's variance by dotted key, not negative.
        width_mm: width of the figure.

    Raises:
        ValueError: there is none, or one is negative or missing.
    """
    if not importances or not all(value >= 0 for value in importances.values()):
        raise ValueError(f"expected importances of 0 or more, found {dict(importances)}")
    ordered = dict(sorted(importances.items(), key=lambda item: (-item[1], item[0])))
    with style():
        figure, axes = row_chart(list(ordered), width_mm, 5.0, 11)
        axes.barh(range(len(ordered)), list(ordered.values()), height=0.6, color=BLUE, linewidth=0)
        for row, value in enumerate(ordered.values()):
            axes.annotate(
                f"{value:.2f}",
                (value, row),
                (2, 0),
                textcoords="offset points",
                va="center_baseline",
                fontsize=SMALL_PT,
            )
        axes.set_xlim(0, 1.15 * max(ordered.values()) or 1)
        axes.set_xlabel("Importance")
    return figure


def importance_caption(name: str, evaluator: str, basis: str) -> str:
    """Say what the figure shows.

    Args:
        name: the search.
        evaluator: how importances were found, e.g. `fANOVA`.
        basis: what they were told from, such as `20 trials`.
    """
    return f"Importance of each searched setting of {name} for the objective, by {evaluator} over {basis}."
