"""When the labelled cases are divided, and into how many parts."""

import pytest

from simcvd.config import TrialConfig, load_preset
from simcvd.data.dataset_info import DatasetInfo, Splits
from simcvd.errors import UserError
from sweeps.tuning.folds import possible_folds
from tests.simcvd.data.tiny_info import info_of

CONFIG: TrialConfig = load_preset("phantom")


def _info(labeled: int, val: int) -> DatasetInfo:
    own, others = tuple(f"l{number:02d}" for number in range(labeled)), tuple(f"v{number}" for number in range(val))
    splits = Splits(train_labeled=own, train_unlabeled=("u",), val=others)
    return info_of(splits, [*own, "u"], [*own, *others], {})


def test_few_labelled_cases_are_divided_many_are_not() -> None:
    assert possible_folds(_info(6, 1), CONFIG, None) == (5, 3, 0)
    assert possible_folds(_info(4, 1), CONFIG, None) == (3, 0)
    assert possible_folds(_info(2, 1), CONFIG, None) == (0,)
    assert possible_folds(_info(20, 1), CONFIG, None) == (0,)


def test_without_val_cases_there_must_be_folds() -> None:
    assert possible_folds(_info(6, 0), CONFIG, None) == (5, 3)
    assert possible_folds(_info(20, 0), CONFIG, None) == (5, 3)
    with pytest.raises(UserError, match="has no val cases, so nothing could be chosen without folds"):
        possible_folds(_info(6, 0), CONFIG, 0)
    with pytest.raises(UserError, match="its 2 labelled cases are too few for 3 folds"):
        possible_folds(_info(2, 0), CONFIG, None)


def test_folds_that_are_asked_for_are_taken_or_refused() -> None:
    info = _info(6, 1)
    assert possible_folds(info, CONFIG, 4) == (4,)
    assert possible_folds(info, CONFIG, 0) == (0,)
    with pytest.raises(UserError, match="can't be divided into 7 parts"):
        possible_folds(info, CONFIG, 7)
