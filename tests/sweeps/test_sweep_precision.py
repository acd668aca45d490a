"""A sweep's trials on CPUs all run in one arithmetic, also where it is continued or its machines differ."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from analysis.runs.records import read_trials
from simcvd.config import load_preset
from simcvd.training.precision import has_fast_bfloat16
from sweeps.definition.catalogue import SweepFile
from sweeps.preflight.checks import Subject, preflight
from sweeps.resources.placement import place
from sweeps.resources.ray_session import ray_environment
from sweeps.resources.request import ResourceRequest
from sweeps.runner import run_sweep
from sweeps.storage.data_cache import InPlace
from sweeps.storage.shared_folder import SharedFolder
from sweeps.trial.engine import Engine
from tests.asked import asked
from tests.sweeps.crops import without_crops

# Ray and its dependencies warn of each other's old ways.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]

SWEEP = SweepFile.model_validate({"name": "mine", "base": {"training.steps": 3}, "axes": {"loss.sdm": [0.0, 0.1]}})
MEMORY = 100 * 2**20
NO_BFLOAT16 = {"ONEDNN_MAX_CPU_ISA": "AVX2"}


@pytest.fixture
def run(
    dataset: Path, tmp_path: Path, make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Run the sweep on CPUs that have bfloat16 or not, and return what is said; scoring notes its arithmetic too."""
    engine = make_engine()

    def evaluate(trial_dir: Path, *given: Any, precision: str = "as set", **named: Any) -> Any:
        (trial_dir / "scored.txt").write_text(precision)
        return engine.evaluate(trial_dir, *given, **named)

    def call(*, fast: bool, **options: Any) -> str:
        monkeypatch.setattr("simcvd.training.precision.has_fast_bfloat16", lambda device: fast)
        out = io.StringIO()
        request = asked(SWEEP, dataset, tmp_path, **options)
        outcome = run_sweep(request, console=Console(file=out, width=100), engine=Engine(engine.train, evaluate))
        assert outcome.exit_code == 0
        return " ".join(out.getvalue().split())

    return call


def _ran_in(runs: Path) -> dict[str, list[str]]:
    """Return what each trial's training, scoring and row say."""
    rows = read_trials(runs).set_index("trial_id")["precision"]
    found = {}
    for folder in (runs / "trials").iterdir():
        trained = json.loads((folder / "environment.json").read_text())["precision"]
        found[folder.name] = [trained, (folder / "scored.txt").read_text(), str(rows[folder.name])]
    return found


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize(("fast", "name"), [(True, "bfloat16"), (False, "float32")])
def test_all_trials_get_one_arithmetic(run: Callable[..., str], tmp_path: Path, fast: bool, name: str) -> None:
    assert "All trials run" not in run(fast=fast, seeds=[0])
    assert list(_ran_in(tmp_path).values()) == [[name] * 3] * 2


@pytest.mark.usefixtures("local_ray")
def test_a_sweep_that_began_in_float32_stays_there(run: Callable[..., str], tmp_path: Path) -> None:
    run(fast=False, seeds=[0])
    text = run(fast=True, seeds=[0, 1])
    assert "All trials run in float32, since 2 trial(s) of this sweep ran in float32 before" in text
    assert list(_ran_in(tmp_path).values()) == [["float32"] * 3] * 4


@pytest.mark.usefixtures("local_ray")
def test_a_sweep_that_began_in_bfloat16_and_can_not_go_on_in_it_is_told(
    run: Callable[..., str], tmp_path: Path
) -> None:
    run(fast=True, seeds=[0])
    text = run(fast=False, seeds=[0, 1])
    assert "2 trial(s) of this sweep ran in bfloat16 and the others run in float32, so its table mixes both" in text
    text = run(fast=False, seeds=[0, 1], overrides={"training.precision": "float32"})
    assert "mixes both" not in text


@pytest.mark.skipif(not has_fast_bfloat16(torch.device("cpu")), reason="this CPU has no bfloat16 arithmetic")
def test_one_machine_without_bfloat16_makes_all_trials_float32(dataset: Path, tmp_path: Path) -> None:
    """The other machine is this one told to do without."""
    with ray_environment():
        import ray
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": MEMORY}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            cluster.add_node(num_cpus=1, object_store_memory=MEMORY, env_vars=NO_BFLOAT16)
            cluster.wait_for_nodes()
            ray.shutdown()  # other tests may have left theirs open
            ray.init(address=cluster.address, log_to_driver=False)
            nodes, own = ray.nodes(), ray.get_runtime_context().get_node_id()
            subject = Subject(InPlace(dataset), SharedFolder(tmp_path), [load_preset("phantom")])
            findings = preflight(subject, *place(ResourceRequest(), nodes), nodes)
        finally:
            ray.shutdown()
            cluster.shutdown()
    assert findings.precision == "float32"
    (other,) = (node for node in nodes if node["NodeID"] != own)
    what = f"the CPU of node {other['NodeManagerHostname']} ({other['NodeManagerAddress']}) has no bfloat16 arithmetic"
    assert findings.lines["precision"] == f"float32, {what}"
    assert without_crops(findings.notices) == (
        f"All trials run in float32, since {what}; without that machine they would run in bfloat16.",
    )
