import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.report.commands import commands, path_from_here
from analysis.runs.search_section import SearchSection
from analysis.runs.sweep import given_file, read_sweep

SEARCH = SearchSection("s", "study.journal", "full", "none", (), 600, 7, 30, {}, {}, over=True, importances={})


def lines(made, runs, **given):
    return [each.line for each in commands(read_sweep(made.runs, "toy"), runs, "hearts", "it's", **given)]


def test_commands_name_paths_as_the_reader_has_them(made, monkeypatch):
    monkeypatch.chdir(made.runs.parent)
    runs = Path("runs")
    sweep, tables, report = lines(made, runs)  # no trial has kept its config.yaml, so none is trained again
    assert sweep == "simcvd sweep toy hearts --out runs --seeds 0,1 --set data.crop_vox=8x8x8"
    assert tables == "simcvd tables runs/sweeps/toy --reference 'it'\"'\"'s'"
    assert report.startswith("simcvd report runs/sweeps/toy ")


def test_folders_are_named_from_here_where_they_are_inside(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    assert path_from_here(tmp_path / "in" / "hearts", "x") == "hearts"
    assert path_from_here(tmp_path / "hearts", "x") == str(tmp_path / "hearts")
    assert path_from_here(Path("../hearts"), "x") == "../hearts"
    assert path_from_here(None, "x") == "x"


def test_a_sweep_file_of_ones_own_is_named_by_its_copy(made, tmp_path):
    given = given_file(tmp_path, "toy")
    given.parent.mkdir(parents=True)
    given.write_text("name: toy\n")
    assert shlex.split(lines(made, tmp_path)[0])[2] == str(given)


def test_a_preset_and_what_a_search_was_given_are_in_the_line(made, tmp_path):
    sweep = replace(read_sweep(made.runs, "toy"), preset="phantom")
    line = commands(sweep, tmp_path, "hearts", None, search=SEARCH)[0].line
    assert "--seeds 7, --preset phantom --set" in line
    assert line.endswith("--max-trials 30")
    line = commands(sweep, tmp_path, "hearts", None, search=replace(SEARCH, storage="postgresql://u@h/d"))[0].line
    assert line.endswith("--storage postgresql://u@h/d")


@pytest.mark.parametrize("stage", ["baseline", "confirm"])
def test_a_stage_of_a_tuning_has_no_sweep_command(made, tmp_path, stage):
    (tmp_path / "sweeps" / "tune-x").mkdir(parents=True)
    (tmp_path / "sweeps" / "tune-x" / "tune.json").write_text("{}")
    first = commands(replace(read_sweep(made.runs, "toy"), name=f"tune-x-{stage}"), tmp_path, "hearts", None)[0]
    assert (first.line, "stage of the tuning tune-x" in first.does) == ("", True)
