"""`simcvd report` from its arguments to what it prints."""

import shutil

import pytest
from typer.testing import CliRunner

import cli


@pytest.fixture
def run():
    return lambda *arguments: CliRunner().invoke(cli.app, [str(part) for part in arguments], prog_name="simcvd")


@pytest.fixture
def runs(made, tmp_path):
    return shutil.copytree(made.runs, tmp_path / "runs")


def test_the_file_and_its_size_are_printed(run, runs):
    done = run("report", runs / "sweeps" / "toy")
    assert done.exit_code == 0, done.output
    path = runs / "sweeps" / "toy" / "report.html"
    assert done.stdout == f"{path} ({path.stat().st_size / 1e6:.1f} MB)\n"
    assert done.stdout.count("\n") == 1


def test_without_cases_the_file_has_no_pictures(run, runs):
    done = run("report", "toy", "--out", runs, "--no-cases")
    assert done.exit_code == 0, done.output
    assert 'id="picture-0"' not in (runs / "sweeps" / "toy" / "report.html").read_text()


def test_a_data_set_that_has_moved_is_named_with_dataset(run, runs, made, tmp_path):
    moved = shutil.copytree(made.dataset, tmp_path / "moved")
    text = (runs / "sweeps" / "toy" / "sweep.yaml").read_text().replace(str(made.dataset), str(tmp_path / "gone"))
    (runs / "sweeps" / "toy" / "sweep.yaml").write_text(text)
    done = run("report", runs / "sweeps" / "toy")
    assert done.exit_code == 0
    assert "--dataset" in done.stderr
    assert run("report", runs / "sweeps" / "toy", "--dataset", moved).stderr == ""
    assert 'id="picture-3"' in (runs / "sweeps" / "toy" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("tyo",), "did you mean toy?"),
        (("toy", "--reference", "SimCDV"), "did you mean SimCVD?"),
        (("toy", "--dataset", "nowhere"), "There is no data set in nowhere"),
    ],
)
def test_a_mistake_ends_with_one_sentence(run, runs, arguments, sentence):
    done = run("report", *arguments, "--out", runs)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
