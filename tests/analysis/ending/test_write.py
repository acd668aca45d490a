import json
from pathlib import Path

from analysis.ending.caution import Asked
from analysis.ending.show import ending_lines, ending_markdown
from analysis.ending.write import verdict_file, write_ending
from analysis.runs.parquet import is_missing
from analysis.runs.records import TRIAL_SCHEMA, read_trials, write_trial
from tests.analysis.ending.made_endings import WriteSweep, made, variants


def test_tables_and_verdict_stand_side_by_side(write_sweep: WriteSweep, tmp_path: Path) -> None:
    made(write_sweep, variants([0, 1, 2]))
    found = write_ending(tmp_path, "toy", Asked(2))
    folder = tmp_path / "sweeps" / "toy" / "tables"
    assert {"verdict.md", "verdict.json", "overview.md", "table.csv"} <= {file.name for file in folder.iterdir()}
    assert json.loads(verdict_file(tmp_path, "toy").read_text())["sentence"] == found.sentence
    assert (folder / "verdict.md").read_text() == ending_markdown(found)


def test_files_do_not_depend_on_how_long_trials_took(write_sweep: WriteSweep, tmp_path: Path) -> None:
    made(write_sweep, variants([0]))
    first = write_ending(tmp_path, "toy", Asked(2))
    for path in (tmp_path / "results" / "trials").glob("*.parquet"):
        row = read_trials(tmp_path, [path.stem]).iloc[0].to_dict()
        known = {key: value for key, value in row.items() if key in TRIAL_SCHEMA and not is_missing(value)}
        write_trial(tmp_path, known | {"seconds": 1234.5})
    before = [verdict_file(tmp_path, "toy").with_suffix(end).read_bytes() for end in (".json", ".md")]
    second = write_ending(tmp_path, "toy", Asked(1))
    after = [verdict_file(tmp_path, "toy").with_suffix(end).read_bytes() for end in (".json", ".md")]
    assert before == after
    assert ending_lines(first) != ending_lines(second)
