from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.runs.records import write_cases, write_trial
from simcvd.metrics.names import METRICS

Run = Callable[..., Any]
CASES = {"c0": 0.8, "c1": 0.9, "c2": 0.7}


def write_variant(runs: Path, name: str, shift: float) -> dict[str, Any]:
    """Write one finished trial and return the variant's entry in sweep.yaml."""
    shared = {"trial_id": f"{name}-s0", "config_hash": "0" * 64, "method": "simcvd", "seed": 0}
    scored = {"dataset": "toy", "split": "test", "class_id": 1, "class_name": "organ", "label_split": None}
    voxels = {"predicted_voxels": 9, "reference_voxels": 9, "empty_prediction": False, "empty_reference": False}
    rows = [
        shared | scored | voxels | dict.fromkeys(METRICS) | {"case_id": case, "dice": dice + shift, "hd95_mm": 5 * dice}
        for case, dice in CASES.items()
    ]
    write_cases(runs, f"{name}-s0", rows)
    write_trial(runs, shared | {"status": "finished"})
    return {"name": name, "set": {}, "trials": [{"seed": 0, "id": f"{name}-s0"}]}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    sweep = {
        "name": "toy",
        "metric": "dice",
        "reference": "ref",
        "dataset": {"name": "toy", "digest": "d", "path": "gone"},
        "variants": [write_variant(folder, "ref", 0.0), write_variant(folder, "a", -0.05)],
    }
    path = folder / "sweeps" / "toy" / "sweep.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(sweep))
    return folder


def test_figures_are_written_and_named(runs: Path, run: Run) -> None:
    result = run("figures", "runs/sweeps/toy")
    assert result.exit_code == 0, result.output
    folder = Path("runs/sweeps/toy/figures")
    names = ["forest", "paired", "boxes"]
    assert result.stdout.splitlines() == [
        *(f"{folder / name}.{{pdf,svg,png}}" for name in names),
        f"{folder}/captions.md",
    ]
    found = {path.name for path in (runs / "sweeps/toy/figures").iterdir()}
    assert found == {f"{name}.{kind}" for name in names for kind in ("pdf", "svg", "png")} | {"captions.md"}
    assert "Slices and surfaces left out: no trial of ref has kept masks" in result.stderr


def test_another_metric_and_reference_have_their_folder(runs: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Path] = []

    def save(figure: object, stem: Path) -> tuple[Path]:
        drawn.append(stem)
        return (stem.with_name(f"{stem.name}.pdf"),)

    monkeypatch.setattr("analysis.figures.canvas.drawing.save_figure", save)
    result = run("figures", "toy", "--out", runs, "--metric", "hd95_mm", "--reference", "a")
    assert result.exit_code == 0, result.output
    assert {stem.parent for stem in drawn} == {runs / "sweeps" / "toy" / "figures" / "hd95_mm-vs-a"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tou"], "There is no sweep 'tou'"),
        (["toy", "--metric", "dise"], "no metric 'dise'; did you mean dice?"),
        (["toy", "--reference", "b"], "no variant 'b'"),
        (["toy", "--dataset", "nowhere"], "There is no data set in nowhere"),
    ],
)
def test_what_the_user_must_change_is_said(runs: Path, run: Run, arguments: list[str], message: str) -> None:
    result = run("figures", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (runs / "sweeps" / "toy" / "figures").exists()
