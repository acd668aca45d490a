import re

import pytest
import typer

import cli

COMMANDS = typer.main.get_command(cli.app).commands


@pytest.mark.parametrize("name", ["sweep", "tune"])
def test_help_shows_each_option_once_under_a_heading_in_80_columns(run, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    text = run(name, "--help").output
    assert max(map(len, text.splitlines())) <= 80
    headings = re.findall(r"^(\S.*):$", text, re.M)
    assert headings[:2] == ["Arguments", "Options"]
    assert {*headings[2:]} == {"What is trained", "Machines", "Limits", "Before it runs", "After failures"}
    assert len(headings) == 7
    for parameter in COMMANDS[name].params:
        for option in parameter.opts if parameter.param_type_name == "option" else ():
            assert len(re.findall(rf"^  {option}\b(?!-)", text, re.M)) == 1, option


def test_an_option_stands_under_what_it_is_about(run):
    sections = re.split(r"^(\S.*):$", run("sweep", "--help").output, flags=re.M)
    by_heading = dict(zip(sections[1::2], sections[2::2], strict=True))
    for heading, options in {
        "What is trained": ("--set", "--seeds", "--label-splits", "--preset"),
        "Machines": ("--device", "--workers", "--cluster"),
        "Limits": ("--time-budget", "--max-trials", "--gpu-hours"),
        "Before it runs": ("--dry-run", "--preflight"),
        "After failures": ("--retry-failed", "--hang-timeout"),
        "Options": ("--out", "--json"),
    }.items():
        for option in options:
            assert f"  {option}" in by_heading[heading]
