"""Label splits: which cases each draw labels, checked and recorded before anything runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simcvd.errors import UserError
from sweeps.definition.expand import Variant, all_trials

if TYPE_CHECKING:
    from simcvd.data.store import DatasetInfo


def labeled_cases(info: "DatasetInfo", variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """Return the labelled cases of each label split, once for each number of labels that variants ask for.

    Args:
        info: what the data set holds.
        variants: what `expand` made of a sweep.

    Returns:
        `label_split`, `labeled` (the setting `data.labeled`) and `cases` of each; empty without label splits.

    Raises:
        UserError: fewer training cases have a label than asked for, or label splits that draw the same cases.
    """
    from simcvd.data.store import labeled_ids

    trials = all_trials(variants)
    drawn = dict.fromkeys((trial.config.data.label_split, trial.config.data.labeled) for trial in trials)
    found: list[dict[str, Any]] = []
    if all(trial.label_split is None for trial in trials):
        return found
    for split, labeled in sorted((each for each in drawn if each[0] is not None), key=lambda each: each[0] or 0):
        chosen = labeled_ids(info, labeled, split)
        for other in found:
            if other["labeled"] == labeled and set(other["cases"]) == chosen:
                raise UserError(
                    f"The label splits {other['label_split']} and {split} draw the same {len(chosen)} labelled cases "
                    f"of '{info.name}'; set data.labeled to fewer than have a label, or drop one of them."
                )
        cases = [case_id for case_id in info.train_order if case_id in chosen]
        found.append({"label_split": split, "labeled": labeled, "cases": cases})
    if not found:
        raise UserError("All variants are trained with all labels, so label splits draw nothing; leave them out.")
    return found
