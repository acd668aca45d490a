"""What the average mask of a sweep's labelled cases scores: measured once, beside the sweep."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from analysis.errors import AnalysisError
from analysis.runs.average_mask import AverageMask, read_average_mask, write_average_mask
from simcvd.errors import UserError
from sweeps.definition.expand import Variant

MOST_CASES: Final = 64
"""Cases that are scored; a network that has learned something is told from the mask with far fewer."""


def keep_average_mask(
    runs: Path, name: str, dataset: Path, variants: Sequence[Variant], *, with_test: bool = True
) -> None:
    """Measure what the average mask scores, unless that was done for the same labelled cases and the same others.

    Nothing is kept where the cases are not on this machine; then a bound stands in for the mask.

    Args:
        runs: the runs folder.
        name: the sweep's name.
        dataset: the data set folder.
        variants: the sweep's; those labelled cases are averaged that the reference is trained on, with the first seed,
            `MOST_LABELED` of `simcvd.data.average_mask` at most.
        with_test: whether the sweep scores its test cases; without, or where there are none, val cases are scored here
            too, and no label of a test case is read.
    """
    from simcvd.data.average_mask import MOST_LABELED, average_mask_dice
    from simcvd.data.store import open_info
    from simcvd.data.training_cases import training_cases

    # A sweep's verdict comes after this and needs the mask for one sentence: it must not be lost with it.
    with suppress(UserError, OSError, MemoryError):
        info = open_info(dataset)
        reference = next((variant for variant in variants if variant.reference), variants[0])
        labeled = tuple(training_cases(info, reference.trials[0].config.data).labeled)[:MOST_LABELED]
        scored = (info.splits.test if with_test and info.splits.test else info.splits.val)[:MOST_CASES]
        with suppress(AnalysisError):
            before = read_average_mask(runs, name)
            made_of = None if before is None else (before.dataset_digest, before.labeled)
            if before is not None and made_of == (info.digest, labeled) and set(before.dice) <= set(scored):
                return
        dice = average_mask_dice(dataset, labeled, scored, len(info.classes))
        write_average_mask(runs, name, AverageMask(info.digest, labeled, dice))
