import json
import re
import sys
from pathlib import Path

import pytest

from simcvd.config import PRESETS, dotted_keys, load_preset, parse_assignment
from simcvd.config.edit import flatten
from simcvd.methods.registry import METHODS
from sweeps.definition.catalogue import load_sweep


def test_methods_lists_every_method_with_its_paper_in_80_columns(run):
    done = run("methods")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert [line.split()[0] for line in lines[::2]] == list(METHODS)
    for entry, first, second in zip(METHODS.values(), lines[::2], lines[1::2], strict=True):
        assert first.endswith(f"  {entry.summary}")
        assert second.split("  ")[-1] == f"{entry.paper}, doi {entry.doi}"
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.output


def test_sweeps_lists_what_is_built_in_in_80_columns(run):
    done = run("sweeps")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert [re.match(r"([\w-]+) +\S", line)[1] for line in lines] == [
        *("augmentations", "components", "dropout", "gaps", "losses", "methods", "methods-2026", "methods-published"),
        *("paper", "pooling", "search"),
    ]
    assert max(map(len, lines)) <= 80


def test_sweeps_prints_the_file_of_one_that_runs_as_it_is(run):
    done = run("sweeps", "dropout")
    assert done.exit_code == 0
    Path("mine.yaml").write_text(done.stdout)
    assert load_sweep("mine.yaml") == load_sweep("dropout")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("drop-out", "There is no built-in sweep 'drop-out'; did you mean dropout?"),
        ("mine.yaml", "simcvd sweep mine.yaml DATASET --dry-run shows what it would run."),
    ],
)
def test_a_file_of_no_built_in_sweep_is_not_printed(run, name, told):
    done = run("sweeps", name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_settings_prints_each_with_default_range_and_meaning_as_set_takes_them(run):
    done = run("settings")
    assert done.exit_code == 0
    shown = dict(parse_assignment(text) for text in re.findall(r"^([a-z_.]+=\S+)  \(.+\)$", done.output, re.M))
    assert shown == dotted_keys()
    assert "training.learning_rate=0.01  (number > 0)\n    SGD learning rate.\n" in done.output
    assert "ema.decay=auto  (number >= 0, < 1 or auto)" in done.output
    assert "\nloss: Weights of SimCVD's Eq. 6; 0 means that the term is not computed.\n" in done.output
    assert done.output.isascii()


def test_the_presets_come_last_with_what_they_change(run):
    lines = run("settings").output.splitlines()
    told = {line.split(": ")[0].removeprefix("preset "): line.split(": ")[1].split() for line in lines[-2:]}
    assert told.keys() == {name for name, changes in PRESETS.items() if changes}
    for name, changes in told.items():
        assert flatten(load_preset(name)).items() >= dict(map(parse_assignment, changes)).items()


def keys_about(run, *words):
    done = run("settings", *words, "--json")
    assert done.exit_code == 0
    return [entry["key"] for entry in json.loads(done.stdout)]


def test_a_word_picks_settings_by_name_by_meaning_and_by_what_others_call_them(run):
    assert keys_about(run, "pool") == ["projection.pool_size", "projection.pooling"]
    assert keys_about(run, "bfloat16") == ["training.precision"]
    assert keys_about(run, "LR") == ["training.learning_rate"]
    assert keys_about(run, "learning-rate")[0] == "training.learning_rate"
    assert keys_about(run, "batch_size") == ["training.batch_labeled", "training.batch_unlabeled"]
    assert keys_about(run, "sgd", "momentum") == ["training.momentum"]
    assert keys_about(run, "loss.sdm") == ["loss.sdm"]
    assert keys_about(run) == list(dotted_keys())


def test_a_word_of_no_setting_is_answered_with_the_nearest(run):
    done = run("settings", "dropuot")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "Error: No setting has 'dropuot' in its name or meaning; did you mean projection.dropout?\n"
    assert run("settings", "xyzzy").stderr.endswith("; simcvd settings lists all of them.\n")


def test_settings_are_broken_at_the_width_of_a_terminal(run, monkeypatch, capsys):
    from sweeps.commands.lists import settings

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    settings()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) > 2 * len(dotted_keys())
