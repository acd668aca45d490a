import json
from pathlib import Path

from analysis.ending.caution import Asked
from analysis.ending.show import ending_markdown
from analysis.ending.write import verdict_file, write_ending
from tests.analysis.ending.made_endings import WriteSweep, made, variants


def test_tables_and_verdict_stand_side_by_side(write_sweep: WriteSweep, tmp_path: Path) -> None:
    made(write_sweep, variants([0, 1, 2]))
    found = write_ending(tmp_path, "toy", Asked(2))
    folder = tmp_path / "sweeps" / "toy" / "tables"
    assert {"verdict.md", "verdict.json", "overview.md", "table.csv"} <= {file.name for file in folder.iterdir()}
    assert json.loads(verdict_file(tmp_path, "toy").read_text())["sentence"] == found.sentence
    assert (folder / "verdict.md").read_text() == ending_markdown(found)
