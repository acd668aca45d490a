import json
import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SMALL = {
    "item_loading": ["--shape", "36x34x32", "--crop", "32x32x32"],
    "sdm": ["--crop", "24x24x24"],
    "metrics": ["--shape", "36x34x32"],
    "sliding_window": ["--shape", "40x32x16", "--crop", "32x32x16", "--width", "2", "--device", "cpu"],
    "training_step": ["--crop", "32x32x32", "--width", "2", "--batch", "1", "--device", "cpu"],
}


@pytest.mark.parametrize("name", SMALL)
def test_benchmark_compares_the_two_ways(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", [name, "--repeats", "1", "--json", *SMALL[name]])
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    result = json.loads(capsys.readouterr().out)
    assert result["comparisons"]
    for row in result["comparisons"]:
        assert row["ratio_median"] > 0
        assert len(row["usual"]) == len(row["ours"]) == 1
        assert row["agreement"]
        assert "DIFFER" not in row["agreement"]
