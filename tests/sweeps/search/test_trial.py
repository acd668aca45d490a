from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from sweeps.search.trial import val_scores, without_test
from sweeps.trial.engine import Engine
from sweeps.trial.execute import execute_trial
from sweeps.trial.terms import Contact, Terms

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)


def test_the_search_path_can_not_score_test_cases(
    dataset: Path, tmp_path: Path, make_engine: Callable[..., Engine]
) -> None:
    from simcvd.config import apply_settings, load_preset

    config = apply_settings(load_preset("phantom"), {"training.steps": 3})
    sealed = without_test(make_engine())
    given = {"trial_id": "a", "contact": Contact(should_stop=lambda: False)}
    terms = Terms(engine=sealed, test=False)
    assert execute_trial(config, dataset, tmp_path, terms=terms, **given).state == "validated"
    assert not (tmp_path / "trials" / "a" / "tested.txt").exists()
    # Even where it is asked to, it has nothing to read them with.
    reached = execute_trial(config, dataset, tmp_path, terms=replace(terms, test=True), **given)
    assert (reached.state, reached.kind) == ("failed", "AssertionError")
    assert set(pd.read_parquet(tmp_path / "results" / "cases" / "a.parquet")["split"]) == {"val"}


def test_scores_of_test_cases_are_not_read_where_they_are_there(tmp_path: Path) -> None:
    path = tmp_path / "results" / "cases" / "a.parquet"
    path.parent.mkdir(parents=True)
    rows = [("val", "one", 0.5), ("val", "two", None), ("test", "three", 1.0), ("test", "one", 1.0)]
    pd.DataFrame(rows, columns=["split", "case_id", "dice"]).to_parquet(path)
    assert val_scores(tmp_path, "a", "dice") == {"one": 0.5}
