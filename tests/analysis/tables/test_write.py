from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

import analysis.comparison.scored_sweep
from analysis.tables import ablation_table, render_csv, render_markdown, write_tables
from tests.analysis.made_sweeps import ALSO, DROPOUT, METRICS, REFERENCE, dropout_variants, method_variants

WriteSweep = Callable[..., Path]


@pytest.fixture
def dropout_runs(write_sweep: WriteSweep) -> Path:
    return write_sweep(dropout_variants(), DROPOUT)


@pytest.fixture
def runs(write_sweep: WriteSweep) -> Path:
    return write_sweep(method_variants(), REFERENCE, also=ALSO)


def test_tables_are_written_into_the_sweeps_folder(dropout_runs: Path) -> None:
    written = write_tables(dropout_runs, "toy")
    folder = dropout_runs / "sweeps" / "toy" / "tables"
    assert (written.markdown, written.csv) == (folder / "table.md", folder / "table.csv")
    assert written.markdown.read_text() == render_markdown(written.table)
    assert written.csv.read_text() == render_csv(written.table)


def test_another_metric_or_reference_does_not_replace_the_table(dropout_runs: Path) -> None:
    names = [
        write_tables(dropout_runs, "toy").markdown.name,
        write_tables(dropout_runs, "toy", metric="hd95_mm").markdown.name,
        write_tables(dropout_runs, "toy", reference="projection.dropout=0.0").markdown.name,
    ]
    assert names == ["table.md", "table-hd95_mm.md", "table-dice-vs-projection.dropout=0.0.md"]


def test_records_are_read_once_for_all_metrics(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    read = analysis.comparison.scored_sweep.read_cases

    def counted(runs: Path, trials: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
        calls.append(list(columns))
        return read(runs, trials, columns)

    monkeypatch.setattr("analysis.comparison.scored_sweep.read_cases", counted)
    write_tables(runs, "toy")
    assert len(calls) == 1
    assert set(METRICS) < set(calls[0])


def test_overview_and_a_table_for_each_metric_are_written(runs: Path) -> None:
    written = write_tables(runs, "toy")
    folder = runs / "sweeps" / "toy" / "tables"
    assert (written.markdown, written.csv) == (folder / "overview.md", folder / "overview.csv")
    assert written.markdown.read_text() == render_markdown(written.table)
    assert written.csv.read_text() == render_csv(written.table)
    stems = ("table", *(f"table-{metric}" for metric in ALSO))
    assert written.others == tuple(folder / f"{stem}{suffix}" for stem in stems for suffix in (".md", ".csv"))
    for stem, metric in zip(stems, METRICS, strict=True):
        assert (folder / f"{stem}.md").read_text() == render_markdown(ablation_table(runs, "toy", metric))


def test_one_metric_or_another_reference_does_not_replace_the_overview(runs: Path) -> None:
    assert write_tables(runs, "toy", metric="asd_vox").markdown.name == "table-asd_vox.md"
    written = write_tables(runs, "toy", reference="DAN")
    assert written.markdown.name == "overview-vs-DAN.md"
    assert {file.name for file in written.others if file.suffix == ".md"} == {
        f"table-{metric}-vs-DAN.md" for metric in METRICS
    }
    assert not (runs / "sweeps" / "toy" / "tables" / "overview.md").exists()
