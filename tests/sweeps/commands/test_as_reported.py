"""`simcvd tables --as-reported` from its arguments to what it prints."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import cli
from tests.analysis.optimism.made_logs import write_sweep_with_logs


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return write_sweep_with_logs(tmp_path)


def tables(runs: Path, *arguments: str, width: int = 80, code: int = 0) -> str:
    options = ["--as-reported", "--out", str(runs)]
    result = CliRunner().invoke(cli.app, ["tables", *arguments, *options], env={"COLUMNS": str(width)})
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("width", [60, 80])
def test_a_terminal_shows_the_result_and_what_a_choice_would_add(runs: Path, width: int) -> None:
    text = tables(runs, "toy", width=width)
    assert text.startswith("toy: Dice [%] after the last step")
    assert "ref     81.00 61.00  64.00  +3.00 " in text
    assert max(map(len, text.splitlines())) <= width


def test_a_place_is_a_name_or_a_path_and_a_form_can_be_chosen(runs: Path) -> None:
    row = "| new | 71.00 | 51.00 | 55.00 | +4.00 | +4.00 to +4.00 | 2 | 3 | 1/2 |"
    assert row in tables(runs, "toy", "--metric", "dice", "--format", "md")
    assert row in tables(runs, str(runs / "sweeps" / "toy"), "--format", "md")
    assert tables(runs, "toy", "--format", "csv").startswith("sweep,dataset,group,variant,split,dice_last_iterate,n,")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("toy", "other"), "--as-reported is for one sweep at a time"),
        (("scores.csv", "--case", "case"), "--as-reported reads the logs of trials"),
        (("toy", "--metric", "hd95_mm"), "--as-reported is for the metric dice, not for hd95_mm"),
        (("toy", "--format", "html"), "--as-reported has the formats terminal, md, csv, but not html"),
        (("toy", "--published"), "leave out --published."),
        (("toy", "--published-block", "la-8"), "leave out --published-block."),
        (("toy", "--margin", "1"), "leave out --margin."),
        (("toys",), "There is no sweep 'toys'"),
    ],
)
def test_mistakes_end_in_a_sentence(runs: Path, arguments: tuple[str, ...], message: str) -> None:
    text = " ".join(tables(runs, *arguments, code=2).split())
    assert message in text
    assert "Traceback" not in text


def test_trials_that_were_not_validated_on_their_way_are_told_how(runs: Path) -> None:
    for log in runs.glob("trials/*/log.jsonl"):
        log.write_text('{"step": 40, "steps": 40, "val": {"student_dice": 0.5}}\n')
    text = " ".join(tables(runs, "toy", code=2).split())
    assert "run the sweep again with `--set training.validate_every_steps=100`" in text
    assert "new trainings" in text
