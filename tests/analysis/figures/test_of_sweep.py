import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.figures.case_slices import QualitativeCase
from analysis.figures.of_sweep import sweep_figures, write_figures
from analysis.figures.study import Study, StudyTrial
from analysis.metric import find_metric
from analysis.records import write_trial

WriteSweep = Callable[..., Path]
MakeTrial = Callable[..., dict[str, Any]]


def rows(shift: float, seed: int) -> list[dict[str, Any]]:
    return [{"case_id": f"c{n}", "dice": 0.8 + shift + 0.01 * n + 0.001 * seed, "hd95_mm": 5.0 + n} for n in range(5)]


def log(runs: Path, trial: str, *values: float) -> None:
    folder = runs / "trials" / trial
    folder.mkdir(parents=True)
    lines = [{"step": n + 1, "steps": len(values), "losses": {"dice": value}} for n, value in enumerate(values)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def dropout(write_sweep: WriteSweep, make_trial: MakeTrial) -> Path:
    rates = {"p=0.0": 0.0, "ref": 0.1, "p=0.5": 0.5}
    runs = write_sweep({name: {s: rows(-0.1 * rate, s) for s in (0, 1)} for name, rate in rates.items()})
    for name, rate in rates.items():
        for seed in (0, 1):
            settings = {"setting.projection.dropout": rate, "setting.seed": seed}
            write_trial(runs, make_trial(f"{name}-s{seed}", seed, **settings))
    log(runs, "ref-s0", 0.9, 0.5, 0.3)
    return runs


def names(*given: Any, **more: Any) -> list[str]:
    return [figure.name for figure in sweep_figures(*given, **more)]


def test_the_figures_that_apply_are_chosen(dropout: Path) -> None:
    assert names(dropout, "toy") == ["sensitivity-projection.dropout", "forest", "paired", "boxes", "training-ref"]
    assert "training-ref" not in names(dropout, "toy", training=False)


def test_files_and_captions_are_written_and_written_alike(dropout: Path) -> None:
    told: list[str] = []
    written = write_figures(dropout, "toy", on_figure=lambda figure: told.append(figure.name))
    folder = dropout / "sweeps" / "toy" / "figures"
    assert told == [figure.name for figure in written]
    files = {file for figure in written for file in figure.files}
    assert files | {folder / "captions.md"} == set(folder.iterdir())
    assert {file.suffix for file in files} == {".pdf", ".svg", ".png"}
    captions = (folder / "captions.md").read_text()
    assert "## boxes\n\nDice [%] on 5 test cases of toy." in captions
    before = {file: file.read_bytes() for file in folder.iterdir()}
    write_figures(dropout, "toy")
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_another_metric_or_reference_has_its_own_folder(dropout: Path) -> None:
    first = write_figures(dropout, "toy", metric="hd95_mm", training=False)
    second = write_figures(dropout, "toy", reference="p=0.5", training=False)
    folder = dropout / "sweeps" / "toy" / "figures"
    assert first[0].files[0].parent == folder / "hd95_mm"
    assert second[0].files[0].parent == folder / "dice-vs-p=0.5"


def test_labelled_cases_give_label_efficiency_alone(write_sweep: WriteSweep, make_trial: MakeTrial) -> None:
    counts = {"ref": 4, "n=8": 8, "n=16": 16}
    runs = write_sweep({name: {0: rows(0.001 * count, 0)} for name, count in counts.items()})
    for name, count in counts.items():
        write_trial(runs, make_trial(f"{name}-s0", 0, **{"setting.data.labeled": count}))
    assert names(runs, "toy") == ["label-efficiency", "forest", "paired", "boxes"]


def test_one_variant_alone_has_its_boxes(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"only $x$": {0: rows(0, 0)}}, reference=None)
    assert [figure.name for figure in write_figures(runs, "toy")] == ["boxes"]


def test_study_and_cases_are_drawn_where_given(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"ref": {0: rows(0, 0)}})
    study = Study("s", find_metric("dice"), (StudyTrial(0, {"loss.sdm": 0.1}, 0.5, "complete"),))
    labels = np.zeros((6, 6, 6), dtype=np.uint8)
    labels[2:4, 2:4, 2:4] = 1
    case = QualitativeCase("c0", "best", np.zeros((6, 6, 6)), labels, {"ref": labels}, (1.0, 1.0, 1.0))
    found = [figure.name for figure in write_figures(runs, "toy", study=study, cases=[case])]
    assert found == ["boxes", "history", "parallel", "slices", "surfaces"]


def test_names_of_files_are_safe_and_different(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"a/b": {0: None}, "A_b": {0: None}}, reference=None)
    for trial in ("a_b-s0", "A_b-s0"):
        (runs / "trials" / trial).mkdir(parents=True, exist_ok=True)
    sweep = runs / "sweeps" / "toy" / "sweep.yaml"
    sweep.write_text(sweep.read_text().replace("id: a/b-s0", "id: a_b-s0"))
    for trial in ("a_b-s0", "A_b-s0"):
        line = {"step": 1, "steps": 1, "losses": {"dice": 0.5}}
        (runs / "trials" / trial / "log.jsonl").write_text(json.dumps(line) + "\n")
    assert names(runs, "toy") == ["training-a_b", "training-A_b-1"]


def test_a_sweep_without_anything_is_refused(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"ref": {0: None}, "a": {0: "nan"}})
    with pytest.raises(AnalysisError, match="neither scores nor logs"):
        write_figures(runs, "toy")


def test_importing_is_light() -> None:
    names = [path.stem for path in (Path(__file__).parents[3] / "analysis" / "figures").glob("*.py")]
    assert len(names) > 20
    code = (
        "import sys\n"
        + "".join(f"import analysis.figures.{name}\n" for name in sorted(names) if name != "__init__")
        + "heavy = {'matplotlib', 'pandas', 'pyarrow', 'scipy', 'numpy', 'optuna', 'torch', 'ray'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
