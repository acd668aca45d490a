"""What `simcvd tables --as-reported` may be asked for."""

from collections.abc import Sequence
from typing import Final

from analysis.comparison.scored_sweep import DICE
from analysis.errors import AnalysisError
from analysis.tables.request import Request, is_scores_file
from analysis.tables.style import Style

FORMATS: Final = ("terminal", "md", "csv")


def check_request(sources: Sequence[str], form: str, request: Request, others: Sequence[str] = ()) -> None:
    """Refuse what the optimism of one sweep in Dice does not answer.

    Args:
        sources: places of sweeps or files of scores.
        form: the format.
        request: what else tables are asked for.
        others: further options that were given.

    Raises:
        AnalysisError: what to give instead.
    """
    if files := [place for place in sources if is_scores_file(place)]:
        raise AnalysisError(
            f"--as-reported reads the logs of trials, which the file of scores {files[0]} has not; give a sweep."
        )
    if len(sources) > 1:
        raise AnalysisError(f"--as-reported is for one sweep at a time, not for {len(sources)}; run it for each.")
    if set(request.metrics) - {DICE}:
        raise AnalysisError(
            f"--as-reported is for the metric {DICE}, not for {', '.join(request.metrics)}: trials log only the Dice "
            "of their checkpoints."
        )
    if form not in FORMATS:
        raise AnalysisError(f"--as-reported has the formats {', '.join(FORMATS)}, but not {form}.")
    style, usual = request.style, Style()
    chosen = {
        "--reference": request.reference is not None,
        "--one-sided or --two-sided": request.sides is not None,
        "--spread": style.spread != usual.spread,
        "--significance": style.significance != usual.significance,
        "--margin": style.margin is not None,
    }
    if given := [*(option for option, asked in chosen.items() if asked), *others]:
        raise AnalysisError(f"--as-reported compares no variants; leave out {', '.join(given)}.")
