"""Every example of docs/analysis.md runs."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import cli
from analysis.runs.records import write_cases, write_trial
from simcvd.metrics.names import METRICS

TEXT = (Path(__file__).parents[2] / "docs" / "analysis.md").read_text()

SWEEPS = {
    "methods": ({"UA-MT": -0.02, "SimCVD": 0.0}, "table-i-ii-methods"),
    "dropout": ({"dropout=0.0": -0.03, "dropout=0.1": 0.0}, "table-iv-dropout"),
    "pooling": ({"pool_size=16": -0.03, "pool_size=128": 0.0}, "table-iv-pooling"),
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `runs` and `scores.csv`."""
    for name, (variants, published) in SWEEPS.items():
        listed = []
        for place, (variant, shift) in enumerate(variants.items()):
            trials = [{"seed": seed, "id": f"{name}-{place}-{seed}"} for seed in (0, 1)]
            for trial in trials:
                known = {"trial_id": trial["id"], "config_hash": "0", "method": "simcvd", "seed": trial["seed"]}
                write_trial(tmp_path / "runs", known | {"status": "finished", "setting.data.labeled": 8})
                rows = [
                    known
                    | {"label_split": None, "dataset": "la", "split": "test", "case_id": f"c{case}", "class_id": 1}
                    | {"class_name": "atrium", "predicted_voxels": 9, "reference_voxels": 9}
                    | {"empty_prediction": False, "empty_reference": False}
                    | {m: 0.8 + shift + 0.01 * ((3 * case + 2 * place + int(str(trial["seed"]))) % 5) for m in METRICS}
                    for case in range(8)
                ]
                write_cases(tmp_path / "runs", str(trial["id"]), rows)
            listed.append({"name": variant, "set": {}, "trials": trials})
        folder = tmp_path / "runs" / "sweeps" / name
        folder.mkdir(parents=True)
        content = {
            **{"name": name, "metric": "dice", "also": ["jaccard"], "reference": list(variants)[-1]},
            **{"dataset": {"name": "la"}, "published": published, "variants": listed},
        }
        (folder / "sweep.yaml").write_text(yaml.safe_dump(content))
    rows = ["patient,network,run,dice,quality"] + [
        f"p{case},{name},{run},{0.8 + 0.01 * ((case * 3 + run + shift) % 5)},{case + shift}"
        for shift, name in enumerate(("ours", "theirs"))
        for run in (0, 1)
        for case in range(8)
    ]
    (tmp_path / "scores.csv").write_text("\n".join(rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands_print_tables(place: Path) -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) == 8
    for command in commands:
        program, *arguments = shlex.split(command, comments=True)
        assert program == "simcvd"
        if "quality" in arguments:  # seeds of that example were averaged before
            arguments += ["--seed", "run"]
        result = CliRunner().invoke(cli.app, arguments)
        assert result.exit_code == 0, (command, result.output)
        assert result.output


def test_python_runs_from_top_to_bottom(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = blocks("python")
    assert len(found) == 3
    names: dict[str, object] = {}
    for block in found:
        exec(block, names)
    printed = capsys.readouterr().out
    assert "\\begin{table" in printed
    assert "None None None" not in printed
