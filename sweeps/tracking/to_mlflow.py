"""Runs in MLflow, in the experiment that `MLFLOW_EXPERIMENT_NAME` names, else `simcvd`."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from sweeps.tracking.names import NamedRun
from sweeps.tracking.tracker import Numbers

EXPERIMENT: Final = "simcvd"
DATABASE: Final = "mlflow.db"
_PARAMS_AT_ONCE: Final = 100
_METRICS_AT_ONCE: Final = 1000
_LONGEST_PARAM: Final = 500


class MlflowTracker:
    """Runs on the server or in the store that `MLFLOW_TRACKING_URI` names, else in `RUNS/mlflow.db`.

    Args:
        runs: the runs folder.
    """

    def __init__(self, runs: Path) -> None:
        place = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{runs.resolve() / DATABASE}"
        self._client = MlflowClient(tracking_uri=place)
        self._experiment = self._experiment_id(os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT)

    def begin(self, run: NamedRun, key: str, known: str | None, settings: Mapping[str, Any]) -> str:
        """Begin a run, or go on with it; MLflow makes its id."""
        if known is not None:
            self._client.update_run(known, status="RUNNING")
            return known
        tags = {"sweep": run.sweep, "variant": run.variant, "seed": str(run.seed), "trial": run.trial_id}
        begun = self._client.create_run(self._experiment, run_name=run.title, tags=tags)
        known = str(begun.info.run_id)
        params = [Param(name, str(value)[:_LONGEST_PARAM]) for name, value in settings.items()]
        for start in range(0, len(params), _PARAMS_AT_ONCE):
            self._client.log_batch(known, params=params[start : start + _PARAMS_AT_ONCE])
        return known

    def log(self, known: str, reports: Sequence[Numbers]) -> None:
        """Add what was reported, oldest first."""
        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, each.step) for each in reports for name, value in each.values.items()]
        for start in range(0, len(metrics), _METRICS_AT_ONCE):
            self._client.log_batch(known, metrics=metrics[start : start + _METRICS_AT_ONCE])

    def finish(self, known: str, scores: Numbers, *, failed: bool) -> None:
        """End a run; its scores are metrics like others."""
        self.log(known, [scores])
        self._client.set_terminated(known, "FAILED" if failed else "FINISHED")

    def close(self) -> None:
        """Do nothing: a run that is not over stays as it is."""

    def _experiment_id(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            from mlflow.exceptions import MlflowException

            try:
                return str(self._client.create_experiment(name))
            except MlflowException:  # another command was faster
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)
