from pathlib import Path
from typing import Any

import pytest

from simcvd.errors import UserError
from sweeps.definition.catalogue import SweepFile
from sweeps.definition.changes import Changes
from sweeps.definition.expand import all_trials, expand
from sweeps.preflight.trials import check_trials
from sweeps.resources.placement import place
from sweeps.resources.request import ResourceRequest, check_request
from sweeps.resources.share import Placement


def _nodes(*resources: dict[str, float]) -> list[dict[str, Any]]:
    return [{"Alive": True, "Resources": each} for each in resources] + [{"Alive": False, "Resources": {"CPU": 99.0}}]


def test_cpu_trials_take_a_core_each() -> None:
    assert place(ResourceRequest(), _nodes({"CPU": 2.0})) == (Placement(1, 1, 0.0), 2)
    assert place(ResourceRequest(cpus_per_worker=2), _nodes({"CPU": 2.0})) == (Placement(1, 2, 0.0), 1)
    assert place(ResourceRequest(max_concurrent=1), _nodes({"CPU": 2.0}))[1] == 1


def test_gpu_trials_take_a_gpu_each_or_share_one() -> None:
    nodes = _nodes({"CPU": 16.0, "GPU": 2.0})
    assert place(ResourceRequest(), nodes) == (Placement(1, 1, 1.0), 2)
    assert place(ResourceRequest(gpus_per_worker=0.25), nodes)[1] == 8
    assert place(ResourceRequest(gpus_per_worker=0.4), nodes)[1] == 4  # two on each GPU, none across
    assert place(ResourceRequest(device="cpu"), nodes) == (Placement(1, 1, 0.0), 16)


def test_workers_of_a_trial_may_lie_on_several_nodes() -> None:
    nodes = _nodes({"CPU": 4.0, "GPU": 2.0}, {"CPU": 4.0, "GPU": 2.0})
    assert place(ResourceRequest(workers=4), nodes) == (Placement(4, 1, 1.0), 1)


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (ResourceRequest(workers=3), "needs 3 worker.* room for 2"),
        (ResourceRequest(cpus_per_worker=3), "room for 0 on: 2 CPU"),
        (ResourceRequest(device="cuda"), "there is no GPU on: 2 CPU, 0 GPU"),
    ],
)
def test_what_can_never_fit_is_refused(request_: ResourceRequest, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        place(request_, _nodes({"CPU": 2.0}))


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (ResourceRequest(workers=0), "--workers is 0"),
        (ResourceRequest(cpus_per_worker=0), "--cpus-per-worker is 0"),
        (ResourceRequest(max_concurrent=0), "--max-concurrent is 0"),
        (ResourceRequest(gpus_per_worker=0), "--gpus-per-worker is 0"),
        (ResourceRequest(gpus_per_worker=2), "use --workers 2"),
        (ResourceRequest(gpus_per_worker=0.5, workers=2), "give each a whole GPU"),
        (ResourceRequest(device="cuda:1"), "--device is 'cuda:1'"),
    ],
)
def test_a_request_without_sense_is_refused(request_: ResourceRequest, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        check_request(request_)


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
