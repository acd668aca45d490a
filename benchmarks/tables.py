"""The table of a large sweep: each case file read with pandas in a loop and averaged there, against `simcvd tables`.

Both ways read four metrics and end with the mean of every variant and the p of its paired t-test. Memory
is the peak of a process that makes the tables of a quarter and of all of the trials.
"""

import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from pairs import compare, parser, show
from resident import resident_peak
from scipy.stats import ttest_rel

from analysis.runs.records import write_cases, write_trial
from analysis.tables import overview, render_markdown
from simcvd.metrics.names import METRICS

SHOWN = ("dice", "jaccard", "hd95_vox", "asd_vox")
SETTINGS = 80
"""Columns of settings in a trial file, about what a trial has."""


def make_runs(folder: Path, given: Namespace) -> None:
    """Write a sweep of `trials / seeds` variants, every score of it random."""
    random = np.random.default_rng(0)
    variants = [f"p={number}" for number in range(given.trials // given.seeds)]
    for variant in variants:
        for seed in range(given.seeds):
            trial = f"{variant}-{seed}"
            values = random.random((given.cases, given.classes, len(METRICS)))
            rows = [
                {
                    **{"trial_id": trial, "config_hash": trial, "method": "simcvd", "seed": seed, "label_split": None},
                    **{"dataset": "made-up", "split": "test", "case_id": f"case{case:03d}", "class_id": number + 1},
                    "class_name": f"class {number + 1}",
                    **dict(zip(METRICS, values[case, number].tolist(), strict=True)),
                    **{"predicted_voxels": 9, "reference_voxels": 8},
                    **{"empty_prediction": False, "empty_reference": False},
                }
                for case in range(given.cases)
                for number in range(given.classes)
            ]
            write_cases(folder, trial, rows)
            settings = {f"setting.section.key{number}": 0.5 for number in range(SETTINGS)}
            known = {"trial_id": trial, "config_hash": trial, "method": "simcvd", "seed": seed, "status": "finished"}
            write_trial(folder, known | settings)
    for count in (given.trials // 4, given.trials):
        content = {
            **{"name": str(count), "metric": SHOWN[0], "also": list(SHOWN[1:]), "reference": variants[0]},
            "dataset": {"name": "made-up"},
            "variants": [
                {"name": name, "trials": [{"seed": seed, "id": f"{name}-{seed}"} for seed in range(given.seeds)]}
                for name in variants[: count // given.seeds]
            ],
        }
        path = folder / "sweeps" / str(count) / "sweep.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False))


def read_in_a_loop(runs: Path, sweep: str) -> dict[tuple[str, str], tuple[float, float]]:
    """Return mean and p by metric and variant, the usual way."""
    content = yaml.safe_load((runs / "sweeps" / sweep / "sweep.yaml").read_text())
    variant_of = {trial["id"]: entry["name"] for entry in content["variants"] for trial in entry["trials"]}
    frames = [pd.read_parquet(path) for path in sorted((runs / "results" / "cases").glob("*.parquet"))]
    trials = [pd.read_parquet(path) for path in sorted((runs / "results" / "trials").glob("*.parquet"))]
    status = pd.concat(trials).set_index("trial_id")["status"]
    cases = pd.concat(frames)
    cases = cases[(cases["split"] == "test") & (cases["trial_id"].map(status) == "finished")]
    cases["variant"] = cases["trial_id"].map(variant_of)
    per_class = cases.groupby(["variant", "case_id", "class_id"])[list(SHOWN)].mean()
    per_case = per_class.groupby(["variant", "case_id"]).mean()
    found = {}
    for metric in SHOWN:
        wide = per_case[metric].unstack("variant")
        for name in wide:
            base = wide[content["reference"]]
            p = np.nan if name == content["reference"] else ttest_rel(wide[name], base).pvalue
            found[metric, str(name)] = (float(wide[name].mean()), float(p))
    return found


def our_way(runs: Path, sweep: str) -> dict[tuple[str, str], tuple[float, float]]:
    """Return mean and p by metric and variant from the tables of `simcvd tables`, rendered as it renders them."""
    found = overview(runs, sweep)
    render_markdown(found)
    return {
        (each.metric.name, row.variant): (
            row.mean if row.mean is not None else np.nan,
            row.difference.test.p if row.difference is not None and row.difference.test.p is not None else np.nan,
        )
        for each in found.sources[0].found
        for row in each.means
    }


def peak_mib(runs: Path, sweep: str) -> float:
    """Return the peak of a process that makes the tables."""
    command = [sys.executable, __file__, "--peak-of", sweep, "--runs", str(runs)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    arguments = parser(__doc__, repeats=3)
    arguments.add_argument("--trials", type=int, default=1000)
    arguments.add_argument("--seeds", type=int, default=5, help="trials of a variant")
    arguments.add_argument("--cases", type=int, default=80)
    arguments.add_argument("--classes", type=int, default=2)
    arguments.add_argument("--runs", type=Path, default=None, help="use the runs folder that --peak-of is about")
    arguments.add_argument("--peak-of", default=None, help="make one sweep's tables, print the peak in MiB and end")
    given = arguments.parse_args()
    if given.peak_of:
        our_way(given.runs, given.peak_of)
        print(resident_peak() / 2**20)
        return
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        make_runs(runs, given)
        quarter, everything = str(given.trials // 4), str(given.trials)
        theirs, ours = read_in_a_loop(runs, everything), our_way(runs, everything)
        difference = max(np.nanmax(np.abs(np.subtract(theirs[key], ours[key]))) for key in ours)
        same = theirs.keys() == ours.keys() and difference < 1e-9
        row = compare(
            f"{given.trials} trials x {given.cases} cases x {given.classes} classes, {len(SHOWN)} metrics",
            lambda: read_in_a_loop(runs, everything),
            lambda: our_way(runs, everything),
            given.repeats,
            f"{'' if same else 'the results DIFFER: '}largest difference of a mean or p {difference:.1g}",
        )
        peaks = {f"peak MiB for {name} trials": round(peak_mib(runs, name)) for name in (quarter, everything)}
    show([row], given.json, at_least=10, pandas=pd.__version__, **peaks)


if __name__ == "__main__":
    main()
