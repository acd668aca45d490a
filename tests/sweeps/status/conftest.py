from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from simcvd.config import apply_settings, load_preset
from sweeps.trial.engine import Engine
from sweeps.trial.execute import execute_trial
from sweeps.trial.terms import Terms


@pytest.fixture
def runs(tmp_path: Path, dataset: Path, make_engine: Callable[..., Engine]) -> Path:
    """A sweep with a finished, a failed and a waiting trial, and a trial outside it."""
    base = apply_settings(load_preset("phantom"), {"training.steps": 5})
    for name, sdm in (("fine", 0.1), ("broken", 9.0), ("simcvd-s3-abc", 0.2)):
        config = apply_settings(base, {"loss.sdm": sdm})
        execute_trial(config, dataset, tmp_path, trial_id=name, terms=Terms(engine=make_engine()))
    variants = [{"name": name, "set": {}, "trials": [{"seed": 0, "id": name}]} for name in ("fine", "broken", "later")]
    content = {"name": "mine", "metric": "dice", "reference": None, "dataset": {"name": "boxes"}, "variants": variants}
    (tmp_path / "sweeps" / "mine").mkdir(parents=True)
    (tmp_path / "sweeps" / "mine" / "sweep.yaml").write_text(yaml.safe_dump(content))
    return tmp_path
