"""The page on own methods: it shows the files that are tested, and its commands run in their order."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cli
from simcvd.config import plugins
from simcvd.data.phantom import write_phantom
from simcvd.plugin.checks.check import Check
from simcvd.plugin.checks.method import METHOD_CHECKS
from sweeps.definition.catalogue import load_sweep
from tests.docs.shown import ROOT, commands
from tests.without_ray import without_ray

PAGE = "docs/own-method.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
FILES = ("own_method.py", "own_network.py")
QUICK = ("--set", "training.steps=2", "--set", "network.width=2")
CHANGED = {"train": QUICK, "sweep": (*QUICK, "--seeds", "0,")}
"""Options that the test adds."""
NOT_RUN = {
    "simcvd sweep own.yaml DATASET --out RUNS --cluster my-cluster.yaml": "needs machines",
}


@pytest.fixture(autouse=True)
def _no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "loaded", plugins.Loaded())


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.M | re.S)


def test_page_shows_the_files_as_they_are() -> None:
    assert _blocks("python") == [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in FILES]


def test_own_method_is_a_complete_one_in_about_sixty_lines() -> None:
    assert all(len((ROOT / "docs" / name).read_text(encoding="utf-8").splitlines()) <= 60 for name in FILES)


def test_sweep_of_the_page_names_both_plugins(tmp_path: Path) -> None:
    _lay_out(tmp_path)
    sweep = load_sweep(str(tmp_path / "own.yaml"))
    assert tuple(sweep.plugins) == FILES
    assert [row.name for row in sweep.rows] == ["mean teacher", "sharp", "sharper", "small U-Net"]


def test_lines_that_are_shown_are_those_that_are_printed() -> None:
    by_name: dict[str, Check] = {check.name: check for check in METHOD_CHECKS}
    shown = re.findall(r"^ok +(\w+): (.+)$", TEXT, re.M)
    assert len(shown) == 2
    assert all(by_name[name].sentence == sentence for name, sentence in shown)
    assert len(METHOD_CHECKS) == 15
    assert sum(check.slow for check in METHOD_CHECKS) == 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_commands_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _lay_out(tmp_path)
    shown = [line for line in commands(PAGE) if line not in NOT_RUN]
    assert len(shown) == 9
    with without_ray():
        for line in shown:
            plugins.loaded = plugins.Loaded()  # as in a process of its own
            words = _words(line)
            result = CliRunner().invoke(cli.app, [*words, *CHANGED.get(words[0], ())], prog_name="simcvd")
            assert result.exit_code == 0, (line, result.output, result.exception)
    assert len(list(Path("masks").iterdir())) >= 1
    table = Path("runs/sweeps/own/tables/table.md").read_text(encoding="utf-8")
    assert all(f"| {name} " in table for name in ("sharp", "sharper", "small U-Net"))


def _lay_out(folder: Path) -> None:
    """Save what the page says, and scans to predict."""
    for name in FILES:
        shutil.copy(ROOT / "docs" / name, folder)
    (sweep,) = _blocks("yaml")
    (folder / "own.yaml").write_text(sweep, encoding="utf-8")
    write_phantom(folder / "other", labeled=1, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    shutil.move(folder / "other" / "cases", folder / "scans")


def _words(line: str) -> list[str]:
    """Return a command's arguments; TRIAL is one that the method's plug-in alone was used for."""
    kept = [trial / "plugins" for trial in sorted(Path("runs/trials").glob("*")) if (trial / "plugins").is_dir()]
    trial = next((folder.parent for folder in kept if [path.name for path in folder.iterdir()] == [FILES[0]]), None)
    return [word.replace("runs/trials/TRIAL", str(trial)) for word in shlex.split(line)[1:]]
