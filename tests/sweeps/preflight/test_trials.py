import shutil
from pathlib import Path
from typing import Any

import pytest

from simcvd.data.store import open_info, write_info
from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile
from sweeps.definition.changes import Changes
from sweeps.definition.expand import all_trials, expand
from sweeps.preflight.trials import check_trials


@pytest.mark.parametrize(
    ("settings", "workers", "sentence"),
    [
        ({"method": "simcdv"}, 1, "no method 'simcdv'"),
        ({"data.labeled": 5}, 1, "data.labeled is 5"),
        ({"data.fold": [0, 2]}, 1, "labelled cases of 'boxes' can't be divided into 2 parts: there are 1 of them"),
        ({"training.batch_labeled": 3}, 2, "batch_labeled is 3, which 2 workers can't share"),
    ],
)
def test_trials_that_would_all_end_at_once_are_refused(
    dataset: Path, settings: dict[str, Any], workers: int, sentence: str
) -> None:
    sweep = SweepFile.model_validate({"name": "mine", "axes": {"loss.sdm": [0, 1]}, "base": settings})
    with pytest.raises(UserError, match=sentence):
        check_trials(dataset, all_trials(expand(sweep, "d")), workers)


def test_variants_that_differ_in_labels_by_name_alone_are_refused(dataset: Path) -> None:
    """The set has two training cases, one of them labelled."""
    rows = [{"name": "bound", "set": {"data.labeled": "all"}}, {"name": "own", "set": {}}]
    sweep = SweepFile.model_validate({"name": "mine", "variants": rows, "seeds": [0, 1]})
    check_trials(dataset, all_trials(expand(sweep, "d")), 1)
    with pytest.raises(UserError, match=r"'bound' and 'own' are one trial .* same 2 labelled cases"):
        check_trials(dataset, all_trials(expand(sweep, "d", Changes({"data.labeled": 2}))), 1)
    other = [row | {"set": {**row["set"], "loss.sdm": i}} for i, row in enumerate(rows)]  # type: ignore[dict-item]
    sweep = SweepFile.model_validate({"name": "mine", "variants": other})
    check_trials(dataset, all_trials(expand(sweep, "d", Changes({"data.labeled": 2}))), 1)


def test_folds_are_different_trials_and_parts_that_are_one_fold_are_not(dataset: Path) -> None:
    """The two training cases have labels; case2 is val."""
    sweep = SweepFile.model_validate({"name": "mine", "axes": {"data.fold": [None, [0, 2], [1, 2]]}})
    trials = all_trials(expand(sweep, "d", Changes({"data.labeled": "all"})))
    assert len(trials) == 3
    check_trials(dataset, trials, 1)
    rows = [{"name": str(labeled), "set": {"data.labeled": labeled, "data.fold": [0, 2]}} for labeled in ("all", 2)]
    sweep = SweepFile.model_validate({"name": "mine", "variants": rows})
    with pytest.raises(UserError, match=r"'all' and '2' are one trial .* same 1 labelled cases"):
        check_trials(dataset, all_trials(expand(sweep, "d")), 1)


def test_training_on_val_cases_that_a_set_does_not_have_is_one_trial(dataset: Path, tmp_path: Path) -> None:
    info = open_info(dataset)
    trials = all_trials(
        expand(SweepFile.model_validate({"name": "m", "axes": {"data.train_on_val": [False, True]}}), "d")
    )
    check_trials(dataset, trials, 1)
    shutil.copytree(dataset, tmp_path, dirs_exist_ok=True)
    write_info(tmp_path, info.model_copy(update={"splits": info.splits.model_copy(update={"val": ()})}))
    with pytest.raises(UserError, match="are one trial on this data set"):
        check_trials(tmp_path, trials, 1)
