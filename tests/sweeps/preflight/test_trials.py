from pathlib import Path
from typing import Any

import pytest

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
