import os
from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.commands.options import assignments, hide_unused_gpus, phantom


def test_settings_are_read_by_key_and_the_last_of_a_key_counts() -> None:
    assert assignments(None) == {}
    given = ["loss.sdm=0.5", "method=dan", "data.crop_vox=32x32x32", "loss.sdm=1"]
    assert assignments(given) == {"loss.sdm": 1, "method": "dan", "data.crop_vox": [32, 32, 32]}
    with pytest.raises(UserError, match="expected key=value"):
        assignments(["loss.sdm"])


@pytest.mark.parametrize(("device", "seen"), [("cpu", ""), ("auto", "0,1"), ("cuda", "0,1")])
def test_gpus_are_hidden_from_a_command_on_the_cpu(monkeypatch: pytest.MonkeyPatch, device: str, seen: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert hide_unused_gpus(device) == device
    assert os.environ["CUDA_VISIBLE_DEVICES"] == seen


def test_that_the_phantom_set_is_made_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("simcvd.data.phantom.write_phantom", lambda folder: folder.mkdir(exist_ok=True))
    assert phantom(tmp_path) == tmp_path / "phantom-data"
    assert "making the built-in phantom set" in capsys.readouterr().err
    phantom(tmp_path)
    assert capsys.readouterr().err == ""
