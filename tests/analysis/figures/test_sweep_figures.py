import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from analysis.errors import AnalysisError
from analysis.figures.canvas.save import render
from analysis.figures.sweep_figures import FigureRequest, file_name, sweep_figures, write_figures
from analysis.runs.masks import MaskWriter
from analysis.runs.records import write_trial
from simcvd.data.store import Grid, write_case

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


def names(*given: Any) -> list[str]:
    return [figure.name for figure in sweep_figures(*given).figures]


def test_the_figures_that_apply_are_chosen(dropout: Path) -> None:
    assert names(dropout, "toy") == ["sensitivity-projection.dropout", "forest", "paired", "boxes", "training-ref"]


def test_two_logs_are_drawn_together_and_the_references_in_full(dropout: Path) -> None:
    log(dropout, "p=0.5-s0", 0.9, 0.8, 0.7)
    log(dropout, "p=0.5-s1", 0.9, 0.8, 0.7)
    assert names(dropout, "toy")[-2:] == ["training", "training-ref"]
    assert "training" not in names(dropout, "toy", FigureRequest(metric="hd95_mm"))


@pytest.mark.parametrize(("width", "mm"), [("column", 89), ("page", 183)])
def test_every_figure_is_as_wide_as_asked(dropout: Path, width: Any, mm: float) -> None:
    log(dropout, "p=0.5-s0", 0.9, 0.8, 0.7)
    for figure in sweep_figures(dropout, "toy", FigureRequest(width=width)).figures:
        drawn = figure.draw()
        assert drawn.get_figwidth() * 25.4 == pytest.approx(mm), figure.name
        svg, pdf = (render(drawn, kind).decode("latin-1") for kind in ("svg", "pdf"))
        assert float(re.findall(r'width="([\d.]+)pt"', svg)[0]) * 25.4 / 72 == pytest.approx(mm, abs=0.01)
        box = [float(number) for number in re.findall(r"/MediaBox \[([^]]*)\]", pdf)[0].split()]
        assert box[2] * 25.4 / 72 == pytest.approx(mm, abs=0.01)


def test_figures_of_one_sweep_choose_a_column_or_a_page(dropout: Path) -> None:
    for figure in sweep_figures(dropout, "toy").figures:
        assert round(figure.draw().get_figwidth() * 25.4, 3) in (89, 183), figure.name


def test_rows_are_called_as_the_sweep_labels_them(dropout: Path) -> None:
    path = dropout / "sweeps" / "toy" / "sweep.yaml"
    content = yaml.safe_load(path.read_text())
    content["labels"] = {"projection.dropout": "p"}
    for variant, rate in zip(content["variants"], (0.0, 0.1, 0.5), strict=True):
        variant |= {"name": f"dropout={rate}", "set": {"projection.dropout": rate}}
    content["reference"] = "dropout=0.1"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    found = {figure.name: figure for figure in sweep_figures(dropout, "toy").figures}
    assert list(found) == ["sensitivity-projection.dropout", "forest", "paired", "boxes", "training-dropout=0.1"]
    (axes,) = found["sensitivity-projection.dropout"].draw().axes
    assert axes.get_xlabel() == "p"
    (axes,) = found["boxes"].draw().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["p = 0.0", "p = 0.1", "p = 0.5"]
    (axes,) = found["forest"].draw().axes
    assert axes.get_xlabel() == "Dice, difference to p = 0.1 [points]"


def test_files_and_captions_are_written(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"ref": {0: rows(0, 0)}})
    log(runs, "ref-s0", 0.9, 0.5, 0.3)
    told: list[tuple[int, int]] = []
    written = write_figures(runs, "toy", on_figure=lambda *progress: told.append(progress))
    folder = runs / "sweeps" / "toy" / "figures"
    drawn = names(runs, "toy")
    assert drawn == ["boxes", "training-ref"]
    assert told == [(done, len(drawn)) for done in range(len(drawn) + 1)]
    assert written.folder == folder
    assert set(written.files) == set(folder.iterdir())
    kinds = ("pdf", "svg", "png")
    assert [file.name for file in written.files] == [*(f"{n}.{k}" for n in drawn for k in kinds), "captions.md"]
    captions = (folder / "captions.md").read_text()
    assert "## boxes\n\nDice [%] on 5 test cases of toy." in captions
    (remark,) = written.remarks
    assert remark.startswith("Slices and surfaces left out: no trial of ref has kept masks")
    assert captions.endswith(f"{remark}\n")


def test_another_metric_or_reference_has_its_own_folder(dropout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def named(stems: Mapping[Path, Any], _: int | None) -> list[tuple[Path]]:
        return [(stem.with_name(f"{stem.name}.pdf"),) for stem in stems]

    monkeypatch.setattr("analysis.figures.sweep_figures.draw_all", named)
    first = write_figures(dropout, "toy", FigureRequest(metric="hd95_mm"))
    second = write_figures(dropout, "toy", FigureRequest(reference="p=0.5"))
    folder = dropout / "sweeps" / "toy" / "figures"
    assert first.folder == folder / "hd95_mm"
    assert second.folder == folder / "dice-vs-p=0.5"
    assert not [file for file in (*first.files, *second.files) if "training" in file.name]


def test_labelled_cases_give_label_efficiency_alone(write_sweep: WriteSweep, make_trial: MakeTrial) -> None:
    counts = {"ref": 4, "n=8": 8, "n=16": 16}
    runs = write_sweep({name: {0: rows(0.001 * count, 0)} for name, count in counts.items()})
    for name, count in counts.items():
        write_trial(runs, make_trial(f"{name}-s0", 0, **{"setting.data.labeled": count}))
    assert names(runs, "toy") == ["label-efficiency", "forest", "paired", "boxes"]


def test_one_variant_alone_has_its_boxes(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"only $x$": {0: rows(0, 0)}}, reference=None)
    assert names(runs, "toy") == ["boxes"]


def test_a_search_is_drawn(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"ref": {0: rows(0, 0)}})
    storage = JournalStorage(JournalFileBackend(str(runs / "sweeps" / "toy" / "study.journal")))
    study = optuna.create_study(storage=storage, direction="maximize")
    study.optimize(lambda trial: trial.suggest_float("loss.sdm", 0, 1), n_trials=3)
    assert names(runs, "toy") == ["boxes", "history", "parallel"]
    study.optimize(lambda trial: trial.suggest_float("loss.sdm", 0, 1), n_trials=9)
    assert names(runs, "toy") == ["boxes", "history", "importance", "parallel"]
    assert names(runs, "toy", FigureRequest(metric="hd95_mm")) == ["boxes"]


def test_kept_masks_are_drawn_beside_their_images(write_sweep: WriteSweep, tmp_path: Path) -> None:
    runs = write_sweep({"ref": {0: rows(0, 0)}})
    labels = np.zeros((6, 6, 6), dtype=np.uint8)
    labels[2:4, 2:4, 2:4] = 1
    with MaskWriter(runs, "ref-s0") as writer:
        for number in range(5):
            writer.add(f"c{number}", labels)
            image = np.zeros(labels.shape, np.float32)
            write_case(
                tmp_path / "data", f"c{number}", image, labels, Grid((1, 1, 1), np.eye(4), labels.shape), classes=1
            )
    found = sweep_figures(runs, "toy", FigureRequest(dataset=tmp_path / "data"))
    assert found.remarks == ()
    assert [figure.name for figure in found.figures] == ["boxes", "slices", "surfaces"]
    slices, surfaces = found.figures[1:]
    for figure in (slices, surfaces):
        assert "Cases chosen by the Dice of ref, seed 0." in figure.caption
        assert "best: c4" in figure.caption
    assert len(slices.draw().axes) == 3 * 3
    assert len(surfaces.draw().axes) == 3 * 2


def test_names_of_files_are_safe_and_different(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"a/b": {0: None}, "A_b": {0: None}}, reference=None)
    for trial in ("a_b-s0", "A_b-s0"):
        (runs / "trials" / trial).mkdir(parents=True, exist_ok=True)
    sweep = runs / "sweeps" / "toy" / "sweep.yaml"
    sweep.write_text(sweep.read_text().replace("id: a/b-s0", "id: a_b-s0"))
    for trial in ("a_b-s0", "A_b-s0"):
        line = {"step": 1, "steps": 1, "losses": {"dice": 0.5}}
        (runs / "trials" / trial / "log.jsonl").write_text(json.dumps(line) + "\n")
    assert names(runs, "toy") == ["training"], "nothing of one variant alone, without a reference"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("Supervised (upper bound)", "Supervised__upper_bound"), ("Entropy min.", "Entropy_min"), ("p=0.5", "p=0.5")),
        *(("..", "_"), ("a/../b", "a_.._b"), ("$τ$", "_τ")),
    ],
)
def test_names_of_files_are_those_of_variants(name: str, expected: str) -> None:
    assert file_name(name) == expected


@pytest.mark.parametrize("length", [210, 240, 300])
def test_figures_of_variants_with_long_names_are_written(
    write_sweep: WriteSweep, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr("analysis.figures.canvas.save.render", lambda figure, kind: kind.encode())
    one, other = "v" * (length - 1) + "1", "v" * (length - 1) + "2"
    runs = write_sweep({"one": {0: None}, "other": {0: None}}, reference="one")
    for trial in ("one-s0", "other-s0"):
        log(runs, trial, 0.5)
    path = runs / "sweeps" / "toy" / "sweep.yaml"
    content = yaml.safe_load(path.read_text())
    for variant, name in zip(content["variants"], (one, other), strict=True):
        variant["name"] = name
    content["reference"] = one
    path.write_text(yaml.safe_dump(content))
    written = write_figures(runs, "toy", workers=1)
    assert len({file.name for file in written.files}) == 2 * 3 + 1
    assert all(file.is_file() for file in written.files)
    if length == 210:
        assert written.files[3].name == f"training-{one}.pdf", "as before"


def test_a_sweep_without_anything_is_refused(write_sweep: WriteSweep) -> None:
    runs = write_sweep({"ref": {0: None}, "a": {0: "nan"}})
    with pytest.raises(AnalysisError, match="neither scores nor logs"):
        write_figures(runs, "toy")
