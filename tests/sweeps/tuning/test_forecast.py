"""What a tuning says of its data."""

from pathlib import Path

from simcvd.config import load_preset
from simcvd.data.phantom import write_phantom
from sweeps.tuning.forecast import plan_lines


def test_what_trainings_start_from_is_the_plan_or_the_preset_that_is_asked_for(tmp_path: Path) -> None:
    info = write_phantom(tmp_path, labeled=2, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    config = load_preset("phantom")
    (tmp_path / "plan.yaml").write_text("training.steps: 70\n")
    cases, planned = plan_lines(tmp_path, info, config, "plan")
    assert cases.startswith("phantom: 2 labelled, 1 unlabelled, 1 val, 1 test cases; classes object")
    assert planned == f"Its plan, with the reasons in {tmp_path / 'plan.yaml'}: training.steps=70."
    assert plan_lines(tmp_path, info, config, "pancreas")[1] == "Trainings start from the preset pancreas."
    assert plan_lines(tmp_path, info, config, None)[1] == "Trainings start from the preset la."
