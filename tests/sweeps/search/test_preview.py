from pathlib import Path

import pytest

from analysis.runs.tried_setting import TriedSetting, write_setting
from sweeps.prediction.cost_class import inference_class, training_class
from sweeps.prediction.costs import RAY_S, TRIAL_S, Costs, InferenceCost, ProbeFailure, StageCost, TrainingCost
from sweeps.request import Budget
from sweeps.resources.machine import Machine
from sweeps.resources.share import Placement
from sweeps.search import preview
from sweeps.search.claim import claim
from sweeps.search.plan import resolve_search
from sweeps.search.preview import preview_search
from tests.asked import asked
from tests.sweeps.search.asking import search_of


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of two places, on which a step takes a second."""

    def probe(configs, dataset, placement, slots, *, steps, progress=None):
        cost = TrainingCost((StageCost(0.0, 1.0),))
        return Costs(
            {training_class(config): cost for config in configs},
            {inference_class(config): InferenceCost(0.0) for config in configs},
        )

    monkeypatch.setattr(preview, "measuring_machine", lambda request: Machine(Placement(), 2, 2))
    monkeypatch.setattr(preview, "busy_notice", lambda placement: None)
    monkeypatch.setattr(preview, "probe", probe)


def _stages(dataset: Path, runs: Path, **strategy) -> list[tuple[str, int, int]]:
    found = preview_search(asked(search_of(**strategy), dataset, runs, probe_steps=0))
    return [(stage.name, stage.steps, stage.trials) for stage in found.stages]


def test_schedules_train_anew_and_a_truncated_training_goes_on(dataset: Path, tmp_path: Path) -> None:
    confirmed = ("best and base on fresh seeds", 9, 4)
    assert _stages(dataset, tmp_path) == [("rung 1", 3, 12), ("to the end", 9, 6), confirmed]
    truncated = {"fidelity": "truncate", "rungs": [0.34], "confirm_seeds": 0}
    assert _stages(dataset, tmp_path, **truncated) == [("rung 1", 3, 12), ("to the end", 6, 6)]
    assert _stages(dataset, tmp_path, fidelity="full") == [("to the end", 9, 12), confirmed]
    assert list(tmp_path.iterdir()) == []


def test_the_time_is_that_of_all_trials_side_by_side(dataset: Path, tmp_path: Path, measured: None) -> None:
    found = preview_search(asked(search_of(confirm_seeds=0), dataset, tmp_path))
    seconds = 12 * (TRIAL_S + 3) + 6 * (TRIAL_S + 9)
    assert found.seconds == pytest.approx(seconds)
    assert found.wall_seconds == pytest.approx(RAY_S + seconds / 2)
    assert found.lines()[0] == "mine: 12 settings of loss.sdm 0 to 0.6, loss.contrast 0.1 to 1 (log); 0 tried before."
    assert found.lines()[-1].startswith("Predicted: 0.03 h of trials, ")
    told = found.to_dict()
    assert (told["settings"], told["rungs"], told["trials_side_by_side"]) == (12, [3], 2)


def test_what_can_not_be_measured_is_told(
    dataset: Path, tmp_path: Path, measured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = ProbeFailure("out_of_memory", "does not fit into the GPU")
    monkeypatch.setattr(
        preview, "probe", lambda configs, *_, **__: Costs({training_class(config): failure for config in configs})
    )
    found = preview_search(asked(search_of(), dataset, tmp_path))
    assert (found.seconds, found.wall_seconds) == (None, None)
    assert found.lines()[-1] == "Not measured: does not fit into the GPU"


def test_settings_count_as_tried_where_the_search_is_the_same(dataset: Path, tmp_path: Path) -> None:
    request = asked(search_of(), dataset, tmp_path, probe_steps=0)
    plan, _ = resolve_search(request)
    claim(request.folder, plan.identity)
    write_setting(request.folder / "search", TriedSetting(0, {}))
    assert preview_search(request).tried == 1
    other = asked(search_of(reduction=2.0), dataset, tmp_path, budget=Budget(probe_steps=0))
    assert preview_search(other).tried == 0
