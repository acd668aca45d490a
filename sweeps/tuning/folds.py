"""Whether the labelled cases are divided for cross-validation, and into how many parts."""

from typing import Final

from simcvd.config import TrialConfig
from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.training_cases import fold_parts, labeled_ids
from simcvd.errors import UserError
from sweeps.tuning.request import FEW_LABELED

_USUAL: Final = (5, 3)


def possible_folds(info: DatasetInfo, config: TrialConfig, asked: int | None) -> tuple[int, ...]:
    """Return the numbers of folds that may be taken, the best first; 0 is none.

    Args:
        info: what the data set holds.
        config: settings of a trial, whose labelled cases are divided.
        asked: by the command; None leaves it to the number of labelled cases.

    Raises:
        UserError: there are no val cases and nothing can be held out, or not as many parts as asked for.
    """
    if asked:
        fold_parts(info, config.data, asked)
        return (asked,)
    labeled = len(labeled_ids(info, config.data.labeled, config.data.label_split))
    if asked == 0 or (labeled >= FEW_LABELED and info.splits.val):
        if not info.splits.val:
            raise UserError(
                f"'{info.name}' has no val cases, so nothing could be chosen without folds; drop --folds 0, or prepare "
                "the data set with --val N."
            )
        return (0,)
    found = tuple(parts for parts in _USUAL if _divides(info, config, parts))
    if info.splits.val:
        return (*found, 0)
    if not found:
        raise UserError(
            f"'{info.name}' has no val cases, and its {labeled} labelled cases are too few for {_USUAL[-1]} folds; "
            "prepare it with --val N, or label more."
        )
    return found


def _divides(info: DatasetInfo, config: TrialConfig, parts: int) -> bool:
    try:
        fold_parts(info, config.data, parts)
    except UserError:
        return False
    return True
