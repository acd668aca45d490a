from sweeps.definition.catalogue import load_sweep
from sweeps.request import Budget
from tests.sweeps.prediction.looking import look


def test_rows_are_shared_with_settings_of_the_command_too(dataset, tmp_path):
    overrides = {"data.labeled": 1, "loss.sdm": 0}
    found = look(dataset, tmp_path, load_sweep("paper"), budget=Budget(probe_steps=0), preset="la", overrides=overrides)
    assert found.rows == 38
    assert "losses" in found.headings["SimCVD"]
