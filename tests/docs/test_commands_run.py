"""The commands of the tour and of the README run, in their order, in an empty folder.

The slow test runs them in this process, without Ray and with few steps. The one that is marked ray as well runs each as
it is shown, as a process of its own, with Ray.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cli
from tests.docs.shown import commands
from tests.without_ray import without_ray

PAGES = ("docs/tour.md", "README.md")
REAL_DATA = Path(os.environ.get("SIMCVD_REAL_DATA", "no folder"))
STEPS = ("--set", "training.steps=2")
CHANGED = {
    "simcvd sweep dropout --seeds 3": STEPS,
    "simcvd train --out runs --seed 7": STEPS,
    "simcvd sweep dropout hippocampus --out runs --seeds 0,1,2": ("--dry-run", "--probe-steps", "0"),
}
"""Options that the quick run adds."""
NOT_RUN = {
    "simcvd prepare la 2018LA_Seg_Training_Set la --labeled 16": "the Left Atrium set is not at hand",
    "simcvd sweep paper la --out runs --set data.labeled=8 --dry-run": "needs la",
    "simcvd sweep paper la --out runs --set data.labeled=8": "needs la, and days",
    "simcvd sweep losses la --out runs --set data.labeled=8": "needs la",
    "simcvd tables runs/sweeps/methods --metric hd95_vox": "needs the sweep methods on la",
}
WANTS_HIPPOCAMPUS = {
    "simcvd prepare nifti Task04_Hippocampus hippocampus --labeled 12 --val 10 --test 60",
    "simcvd inspect hippocampus --html hippocampus.html",
    "simcvd sweep dropout hippocampus --out runs --seeds 0,1,2",
}
SHOWN = [line for page in PAGES for line in commands(page)]


def _to_run() -> list[str]:
    """Return what can run here; a link to the hippocampus is made in the current folder."""
    scans = REAL_DATA / "hippocampus"
    if scans.is_dir():
        Path("Task04_Hippocampus").symlink_to(scans)
    left_out = NOT_RUN.keys() | (set() if scans.is_dir() else WANTS_HIPPOCAMPUS)
    return [line for line in SHOWN if line not in left_out]


def _words(line: str) -> list[str]:
    """Return a command's arguments; TRIAL is one of the folder."""
    trial = next((path for path in sorted(Path("runs/trials").glob("*")) if path.is_dir()), Path("none"))
    return [word.replace("runs/trials/TRIAL", str(trial)) for word in shlex.split(line)[1:]]


def test_what_is_not_run_or_changed_is_shown() -> None:
    assert {*NOT_RUN, *CHANGED, *WANTS_HIPPOCAMPUS} <= set(SHOWN)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    with without_ray():
        for line in _to_run():
            result = CliRunner().invoke(cli.app, [*_words(line), *CHANGED.get(line, ())], prog_name="simcvd")
            assert result.exit_code == 0, (line, result.output, result.exception)
            assert result.output, line
            ran += 1
    assert ran >= 12


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(6 * 3600)
def test_they_run_as_they_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    program = shutil.which("simcvd", path=str(Path(sys.executable).parent)) or "simcvd"
    subprocess.run([program, "sweep", "dropout"], check=True)  # the README's first line, from an installed simcvd
    for line in _to_run():
        if line not in WANTS_HIPPOCAMPUS:
            subprocess.run([program, *_words(line)], check=True)
