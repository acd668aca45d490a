"""With the real library and a database in a file: what it holds is read with its own client."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.tracking.process import followed

pytest.importorskip("mlflow", reason="mlflow is not installed")

Write = Callable[..., None]
RunTrial = Callable[..., str]

# SQLAlchemy and MLflow warn of each other's old ways. It takes seconds to make the database.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


@pytest.fixture(autouse=True)
def _own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    logging.getLogger("mlflow").setLevel(logging.ERROR)


def test_runs_have_name_settings_numbers_and_scores(tmp_path: Path, write_sweep: Write, run_trial: RunTrial) -> None:
    from mlflow import MlflowClient

    write_sweep(one={0: "a"}, **{"w/o SDM": {1: "b"}})
    told: list[str] = []
    with followed(tmp_path, "mine", ["mlflow"], told.append):
        run_trial("a")
        run_trial("b", sdm=9.0)
    with followed(tmp_path, "mine", ["mlflow"], told.append):
        pass
    assert told == []
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("simcvd")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert runs.keys() == {"mine/one seed 0", "mine/w/o SDM seed 1"}
    one, failed = runs["mine/one seed 0"], runs["mine/w/o SDM seed 1"]
    assert (one.info.status, failed.info.status) == ("FINISHED", "FAILED")
    assert (one.data.params["training.steps"], one.data.params["loss.sdm"]) == ("3", "0.1")
    tags = {name: one.data.tags[name] for name in ("sweep", "variant", "seed", "trial")}
    assert tags == {"sweep": "mine", "variant": "one", "seed": "0", "trial": "a"}
    history = client.get_metric_history(one.info.run_id, "seconds")
    assert [(point.step, point.value) for point in history] == [
        (1, pytest.approx(0.1)),
        (2, pytest.approx(0.2)),
        (3, pytest.approx(0.3)),
    ]
    assert one.data.metrics["val_dice"] == 0.5
    assert 0.4 < one.data.metrics["test_dice"] < 1
