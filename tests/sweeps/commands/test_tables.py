"""`simcvd tables` from its arguments to what it prints."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import cli
from analysis.runs.records import write_cases, write_trial
from simcvd.metrics.names import METRICS
from sweeps.definition.sweep_file import SweepFile

SHIFTS = {"SimCVD": 0.0, "UA-MT": -0.02, "DTC": 0.01}


def write(runs: Path, name: str, labeled: int = 8, also: tuple[str, ...] = (), **more: Any) -> None:
    """Write a sweep of three methods and two seeds on a data set of 80 training cases."""
    dataset = runs / "data"
    dataset.mkdir(parents=True, exist_ok=True)
    splits = {"train_labeled": ["l"] * 8, "train_unlabeled": ["u"] * 72, "val": [], "test": []}
    (dataset / "dataset.json").write_text(json.dumps({"splits": splits}))
    variants = []
    for place, (variant, shift) in enumerate(SHIFTS.items()):
        trials = []
        for seed in (0, 1):
            trial = f"{name}-{place}-{seed}"
            trials.append({"seed": seed, "id": trial})
            known = {"trial_id": trial, "config_hash": "0", "method": "simcvd", "seed": seed}
            rows = [
                known
                | {"label_split": None, "dataset": "la", "split": "test", "case_id": f"c{case}", "class_id": 1}
                | {"class_name": "atrium", **dict.fromkeys(METRICS), "predicted_voxels": 9, "reference_voxels": 9}
                | {"empty_prediction": False, "empty_reference": False}
                | {"dice": 0.8 + shift + 0.002 * ((3 * case + 5 * place + seed) % 7), "hd95_vox": 5 - 50 * shift + case}
                for case in range(12)
            ]
            write_cases(runs, trial, rows)
            write_trial(runs, known | {"status": "finished", "setting.data.labeled": labeled})
        variants.append({"name": variant, "set": {}, "trials": trials})
    content = {
        **{"name": name, "metric": "dice", "also": list(also), "reference": "SimCVD", "variants": variants},
        "dataset": {"name": "la", "path": str(dataset)},
        "published": "table-i-ii-methods",
    }
    folder = runs / "sweeps" / name
    folder.mkdir(parents=True)
    (folder / "sweep.yaml").write_text(yaml.safe_dump(content | more, sort_keys=False))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write(tmp_path, "eight")
    write(tmp_path, "sixteen", labeled=16)
    return tmp_path


def tables(runs: Path, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli.app, ["tables", *arguments, "--out", str(runs)], env={"COLUMNS": "100"})
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("terminal", "eight: Dice [%] on test cases of la, reference SimCVD"),
        ("md", "# eight: Dice [%] on test cases of la, reference SimCVD"),
        ("latex", "% \\usepackage{booktabs,adjustbox}"),
        ("html", '<table class="simcvd-table">'),
        ("csv", "sweep,dataset,split,metric,class,group,variant,"),
    ],
)
def test_every_format_is_printed(runs: Path, form: str, start: str) -> None:
    text = tables(runs, "eight", "--format", form)
    assert text.startswith(start)
    assert all(name in text for name in SHIFTS)


def test_table_one_is_two_sweeps_with_their_labels(runs: Path) -> None:
    text = tables(runs, "eight", "sixteen", "--published", "--format", "md")
    assert "| **eight** |" in text
    values = [statistics.fmean(80 + 0.2 * ((3 * case + seed) % 7) for seed in (0, 1)) for case in range(12)]
    shown = f"<ins>{statistics.fmean(values):.2f} ± {statistics.stdev(values):.2f}</ins>"
    assert f"| SimCVD | 8 | 72 | {shown} | 89.03 |" in text
    assert f"| SimCVD | 16 | 64 | {shown} | 90.85 |" in text
    assert "Table I (la-8)" in text
    assert "Table I (la-16)" in text


def test_places_are_names_or_paths(runs: Path) -> None:
    text = tables(runs, "eight", str(runs / "sweeps" / "sixteen"), "--format", "md")
    assert "| **sixteen** |" in text


@pytest.mark.parametrize("name", ["s" * 255, "s" * 300])
def test_a_sweep_of_a_name_too_long_for_a_folder_is_found_by_it(tmp_path: Path, name: str) -> None:
    write(tmp_path, "eight")
    folder = SweepFile.model_validate({"name": name, "variants": [{"name": "a"}]}).name
    (tmp_path / "sweeps" / "eight").rename(tmp_path / "sweeps" / folder)
    for place in (name, f"{tmp_path}/sweeps/{name}"):
        assert "| SimCVD" in tables(tmp_path, place, "--format", "md")


def test_several_metrics_make_one_table(runs: Path) -> None:
    text = tables(runs, "eight", "--metric", "dice", "--metric", "hd95_vox", "--format", "md")
    assert "| variant | Dice [%] | p | p over seeds | HD95 [voxel] | p | p over seeds |" in text


def test_tests_can_be_one_sided(runs: Path) -> None:
    one, both = (
        tables(runs, "eight", *more, "--format", "csv").splitlines() for more in (("--one-sided",), ("--two-sided",))
    )
    place = one[0].split(",").index("p")
    first, second = (float(lines[2].split(",")[place]) for lines in (one, both))
    assert second == pytest.approx(2 * first)
    assert "one-sided t-test" in tables(runs, "eight", "--one-sided")
    assert "two-sided t-test" in tables(runs, "eight")


def test_a_margin_judges_what_matters(runs: Path) -> None:
    text = tables(runs, "eight", "--metric", "dice", "--margin", "1", "--format", "md")
    assert "| \N{PLUS-MINUS SIGN}1 |" in text
    assert "| worse |" in text
    assert "equivalent is wholly within 1 of the reference (in points)" in text


def test_probabilities_stand_in_a_table_of_one_metric(runs: Path) -> None:
    text = tables(runs, "eight", "--metric", "dice", "--format", "md")
    assert "| P(first) | P(false) |" in text
    assert "P(first)" not in tables(runs, "eight", "--metric", "dice", "--metric", "hd95_vox", "--format", "md")


def test_scores_can_be_had_a_row_a_case(runs: Path) -> None:
    lines = tables(runs, "eight", "--metric", "dice", "--format", "cases").splitlines()
    assert lines[0].startswith("case,")
    assert len(lines) == 13


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--margin", "0", "--metric", "dice"), "--margin is 0, expected a number above 0"),
        (("--margin", "1", "--metric", "dice", "--metric", "hd95_vox"), "--margin is for one metric"),
        (("--format", "cases", "--metric", "dice", "--metric", "hd95_vox"), "choose one with --metric"),
    ],
)
def test_what_means_nothing_is_refused(runs: Path, options: tuple[str, ...], why: str) -> None:
    assert why in tables(runs, "eight", *options, code=2)


def test_stars_and_intervals_can_be_chosen(runs: Path) -> None:
    text = tables(runs, "eight", "--significance", "stars", "--spread", "ci", "--format", "md")
    values = [statistics.fmean(78 + 0.2 * ((3 * case + 5 + seed) % 7) for seed in (0, 1)) for case in range(12)]
    half = 2.200985 * statistics.stdev(values) / 12**0.5
    # Seeds move the other two by the same, so UA-MT is tested with its own: one star.
    assert f"| UA-MT | {statistics.fmean(values):.2f} ± {half:.2f}\\* |" in text
    assert "**\\*\\*\\* | +1.02 |" in text
    assert "over seeds |" not in text


def test_scores_of_other_tools_need_no_runs_folder(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(
        "net,case,iou\n" + "".join(f"{n},{c},{0.5 + 0.01 * c + 0.1 * (n == 'b')}\n" for n in "ab" for c in range(5))
    )
    named = ("--case", "case", "--variant", "net", "--metric", "iou")
    text = tables(tmp_path / "nowhere", str(path), *named, "--reference", "b", "--format", "md")
    assert text.startswith("# scores.csv: iou [%] on cases, reference b\n")
    assert "| a | 52.00 ± 1.58 | -10.00 |" in text
    assert not (tmp_path / "nowhere").exists()


def test_the_unit_of_foreign_shares_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("net,case,iou\na,1,0.4\na,2,0.6\nb,1,52\nb,2,54\n")
    named = (str(path), "--case", "case", "--variant", "net", "--metric", "iou", "--format", "md")
    assert "as if shares and percent were mixed" in " ".join(tables(tmp_path, *named, code=2).split())
    text = tables(tmp_path, *named, "--unit", "percent")
    assert "| a | 0.50 ± 0.14 |" in text
    assert "| b | **53.00 ± 1.41** |" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("scores.csv",), "Name the columns of scores.csv with --case, --variant, --metric; it has net, case, score."),
        (("scores.csv", "--case", "cas", "--variant", "net", "--metric", "score"), "no column 'cas'"),
        (("scores.csv", "--case", "case", "--variant", "net", "--metric", "score"), "add --higher-is-better or"),
        (("scores.csv", "--case", "case", "--variant", "net", "--metric", "score", "--published"), "--published-block"),
        (("gone.csv", "--case", "a", "--variant", "b", "--metric", "c"), "There is no file gone.csv"),
        (("eight", "--case", "case"), "--case is for one CSV or parquet file of scores, not for eight"),
        (("eight", "--lower-is-better"), "--lower-is-better is for one CSV"),
        (("eight", "--unit", "share"), "--unit is for one CSV"),
        (("eight", "eight"), "A sweep is named twice"),
        (("eight", "nine"), "There is no sweep 'nine'"),
        (("eight", "--metric", "dise"), "did you mean dice?"),
        (("eight", "--published-block", "la-9"), "no published block 'la-9'"),
    ],
)
def test_mistakes_end_in_a_sentence(
    runs: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(runs)
    (runs / "scores.csv").write_text("net,case,score\na,1,0.5\n")
    text = " ".join(tables(runs, *arguments, code=2).split())
    assert message in text
    assert "Traceback" not in text
