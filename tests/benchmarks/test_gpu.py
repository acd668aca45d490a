import importlib
import json
import os
import subprocess
import sys
import warnings
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"
SECTIONS = [
    "tests",
    "methods",
    "precision",
    "step",
    "profile",
    "checkpoint",
    "resume",
    "memory",
    "assert",
    "window",
    "two",
    "resident",
    "compile",
]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("gpu_sections.bench").Bench(torch.device("cpu"), True, tmp_path, section="a section")


def _lines(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]


def _gpu(*arguments: str) -> str:
    command = [sys.executable, str(FOLDER / "gpu.py"), *arguments]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}  # two children at once would fight for the cores
    return subprocess.run(command, check=True, capture_output=True, text=True, env=one_thread).stdout


def test_list_names_all_sections() -> None:
    assert [line.split()[0] for line in _gpu("--list").splitlines()] == SECTIONS


def test_every_section_and_child_can_be_found(bench: Any) -> None:
    names = importlib.import_module("gpu_sections.names")
    places = [section.place for section in names.SECTIONS.values()] + list(names.CHILDREN.values())
    assert len(places) == len(SECTIONS) + 5
    assert all(callable(names.function(place)) for place in places)


def test_an_unknown_section_is_refused() -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        _gpu("--only", "resident,steps")
    assert "There is no section steps; sections are tests, " in refused.value.stderr


def test_a_quick_section_tells_its_figures(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("gpu_sections.names").function("data_and_windows.measure_resident")(bench)
    lines = _lines(capsys.readouterr().out)
    assert not [line for line in lines if "error" in line]
    told = [line for line in lines if line["figure"] == "crops_a_second"]
    assert len(told) >= 3
    assert all(line["value"] > 0 and line["section"] == "a section" for line in told)


def test_a_figure_is_a_line_of_json_and_also_in_the_file(
    bench: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.out = tmp_path / "figures.jsonl"
    bench.figure("ratio", float("nan"), "", where={"shape": (1, 2), "error": float("inf")})
    (line,) = _lines(capsys.readouterr().out)
    assert line == {
        "section": "a section",
        "figure": "ratio",
        "value": "nan",
        "unit": "",
        "where": {"shape": [1, 2], "error": "inf"},
    }
    assert _lines(bench.out.read_text()) == [line]


def test_an_error_in_an_attempt_is_told_and_the_next_goes_on(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with bench.attempt(way="wrong"):
        raise ValueError("no such thing")
    with bench.attempt(way="right"):
        bench.figure("seconds", 1.0, "s")
    wrong, right = _lines(capsys.readouterr().out)
    assert (wrong["error"], wrong["way"]) == ("ValueError: no such thing", "wrong")
    assert right["value"] == 1.0


def test_sections_without_time_are_skipped_with_a_line(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gpu = importlib.import_module("gpu")
    with gpu.Run(bench, Namespace(), ["step", "two"], ends=0.0) as run:
        run.all()
    assert _lines(capsys.readouterr().out) == [
        {"section": name, "skipped": "no time is left"} for name in ("step", "two")
    ]


def test_waits_are_counted_by_their_place_in_simcvd(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    methods = importlib.import_module("gpu_sections.methods")
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda mode: warnings.warn("a prototype", stacklevel=1))
    draws = importlib.import_module("simcvd.draws")
    monkeypatch.setattr(draws.hashlib, "blake2b", _waiting(draws.hashlib.blake2b))
    with methods.waits() as places:
        draws.derived_seed(0, "a")
        draws.derived_seed(0, "b")
        warnings.warn("something else", stacklevel=1)
    ((place, count),) = places.items()
    assert place.startswith("simcvd/draws.py:")
    assert place.endswith("(MainThread)")
    assert count == 2


def _waiting(function: Any) -> Any:
    def call(*arguments: Any, **more: Any) -> Any:
        warnings.warn("called a synchronizing CUDA operation (Triggered internally)", stacklevel=1)
        return function(*arguments, **more)

    return call


def test_the_devices_idle_share_is_what_its_work_leaves_uncovered(bench: Any) -> None:
    speed = importlib.import_module("gpu_sections.speed")

    class Profile:
        def export_chrome_trace(self, path: str) -> None:
            spans = [("kernel", 10, 5), ("gpu_memcpy", 12, 6), ("cpu_op", 0, 99), ("kernel", 30, 10)]
            events = [{"cat": kind, "ts": start, "dur": length} for kind, start, length in spans]
            Path(path).write_text(json.dumps({"traceEvents": [{"name": "process_name"}, *events]}))

    assert speed.busy(Profile()) == (18.0, 30.0, 3)


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("aten::cudnn_convolution", "convolution"),
        ("aten::convolution_backward", "convolution"),
        ("aten::cudnn_batch_norm_backward", "batch norm"),
        ("aten::_foreach_add_", "optimiser and averages"),
        ("aten::copy_", "copies"),
        ("aten::_softmax", "reductions"),
        ("aten::mul", "elementwise"),
    ],
)
def test_operators_are_told_apart_by_kind_of_work(operator: str, kind: str, bench: Any) -> None:
    assert importlib.import_module("gpu_sections.speed").kind_of(operator) == kind


@pytest.mark.slow
def test_everything_runs_tiny_on_the_cpu(tmp_path: Path) -> None:
    out = tmp_path / "figures.jsonl"
    lines = _lines(_gpu("--tiny", "--device", "cpu", "--out", str(out)))
    assert _lines(out.read_text()) == lines
    assert not [line for line in lines if "error" in line]
    assert lines[0]["figure"] == "machine"
    ended = [line["section"] for line in lines if line.get("figure") == "section_seconds"]
    assert ended == ["machine", *SECTIONS]
    measured = {line["section"] for line in lines if "value" in line and line["figure"] != "section_seconds"}
    assert measured == {"machine", *SECTIONS} - {"compile"}
