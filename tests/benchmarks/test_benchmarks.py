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
    "tables": ["--trials", "12", "--seeds", "3", "--cases", "4"],
    "training_step": ["--crop", "32x32x32", "--width", "2", "--batch", "1", "--device", "cpu"],
}


@pytest.mark.slow
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


@pytest.mark.slow
def test_method_costs_are_told_for_stages_and_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    small = ["--crop", "32x32x16", "--width", "2", "--device", "cpu", "--methods", "chaitanya", "--repeats", "1"]
    monkeypatch.setattr(sys, "argv", [str(FOLDER / "method_costs.py"), "--json", *small])
    runpy.run_path(str(FOLDER / "method_costs.py"), run_name="__main__")
    result = json.loads(capsys.readouterr().out)
    assert list(result["seconds"]) == list(result["peak_gib"]) == ["supervised", "chaitanya"]
    assert all(value > 0 for values in result["seconds"].values() for value in values)
    assert all(0.1 < peak < 8 for peak in result["peak_gib"].values())


@pytest.mark.ray
def test_the_engines_overhead_is_told_for_each_count_of_trials(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", ["engine", "--trials", "20", "--cases", "3", "--json"])
    runpy.run_path(str(FOLDER / "engine.py"), run_name="__main__")
    (found,) = json.loads(capsys.readouterr().out)["sweeps"]
    assert found["trials"] == 20
    assert all(found[name] > 0 for name in ("seconds", "seconds_a_warm_trial", "command_bytes", "tables_seconds"))


@pytest.mark.slow
def test_every_benchmark_has_a_row_beside_its_goal_and_another_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    everything = runpy.run_path(str(FOLDER / "everything.py"))
    for benchmark in everything["BENCHMARKS"]:
        assert (FOLDER / benchmark.script).is_file()
    monkeypatch.setattr(sys, "argv", ["everything", "--only", "item_loading.py", "--beside", str(FOLDER.parent)])
    runpy.run_path(str(FOLDER / "everything.py"), run_name="__main__")
    title, _, *rows = (line for line in capsys.readouterr().out.splitlines() if line.startswith("|"))
    assert [cell.strip() for cell in title.split("|")[1:-1]] == ["work", "wanted", "seen", "the other", "behind it"]
    first, second = ([cell.strip() for cell in row.split("|")[1:-1]] for row in rows)
    assert first[0].startswith("training item: ")
    assert first[1] == "50x"
    assert second[1] == ""
    for row in (first, second):
        assert all(float(ratio.rstrip("x")) > 0 for cell in row[2:4] for ratio in cell.split(" / "))
        assert " against " in row[4]


def test_another_versions_folder_must_hold_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", ["everything", "--beside", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(FOLDER / "everything.py"), run_name="__main__")
    assert stopped.value.code == 2
