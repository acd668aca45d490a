"""A method of one's own on the command line: --plugin, and `plugins` in a sweep file."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from simcvd.config import plugins
from sweeps.cluster.remote.shipment import packed
from sweeps.definition.catalogue import load_sweep

OWN_METHOD = Path(__file__).parents[3] / "docs" / "own_method.py"
SMALL = (
    *("--set", "training.steps=2", "--set", "data.crop_vox=16x16x16", "--set", "inference.stride_vox=16x16x16"),
    *("--set", "network.width=2"),
)
SWEEP = """
name: own
base: {preset: phantom}
plugins: [sharp.py]
axes: {sharp_teacher.temperature: [0.3, 0.5]}
reference: {sharp_teacher.temperature: 0.5}
"""


@pytest.fixture(autouse=True)
def _no_plugins(monkeypatch):
    monkeypatch.setattr(plugins, "loaded", plugins.Loaded())


@pytest.fixture
def sharp(run):
    """The documents' own method, in the working folder."""
    return Path(shutil.copy(OWN_METHOD, "sharp.py"))


def _forget():
    plugins.loaded = plugins.Loaded()


def test_own_method_trains_and_predicts_with_the_copy_that_its_trial_keeps(run, sharp, dataset):
    train = ("train", dataset, "--preset", "phantom", "--plugin", sharp, "--method", "sharp_teacher", *SMALL)
    done = run(*train)
    assert done.exit_code == 0, done.output
    (trial,) = Path("runs/trials").iterdir()
    assert trial.name.startswith("sharp_teacher-s0-")
    assert (trial / "plugins/sharp.py").read_text() == sharp.read_text()
    assert json.loads((trial / "environment.json").read_text())["plugins"].keys() == {"sharp.py"}
    assert yaml.safe_load((trial / "config.yaml").read_text())["sharp_teacher"]["temperature"] == 0.5

    sharp.unlink()
    _forget()
    scan = next((dataset / "cases").iterdir())
    predict = ("predict", trial, scan, "--out", "masks")
    refused = run(*predict)
    assert refused.exit_code == 2
    told = (
        f"Error: The trial in {trial} was trained with a plug-in sharp.py; if you trust the code that is kept there, "
    )
    assert refused.output == f"{told}add --plugin {trial}/plugins/sharp.py.\n"
    assert not Path("masks").exists()
    done = run(*predict, "--plugin", trial / "plugins/sharp.py")
    assert done.exit_code == 0, done.output
    assert len(list(Path("masks").glob("*.h5"))) == 1

    _forget()
    done = run("export", trial, "--out", "model", "--plugin", trial / "plugins/sharp.py")
    assert done.exit_code == 0, done.output
    card = Path("model/README.md").read_text()
    assert card.count("--plugin MODEL/members/0/plugins/sharp.py") == 3
    assert "members/N/plugins" in card
    _forget()
    assert run("predict", "model", scan, "--out", "again").exit_code == 2
    done = run("predict", "model", scan, "--out", "again", "--plugin", "model/members/0/plugins/sharp.py")
    assert done.exit_code == 0, done.output


def test_unknown_method_and_wrong_settings_of_a_plugin_are_one_sentence(run, sharp):
    for arguments, told in (
        (("--method", "sharp_teacher"), r"There is no method 'sharp_teacher'; .*--plugin FILE adds others\."),
        (("--plugin", sharp, "--method", "sharp_teachr"), "did you mean sharp_teacher"),
        (("--plugin", sharp, "--set", "sharp_teacher.temperature=2"), r"sharp_teacher\.temperature is 2: "),
        (("--plugin", sharp, "--set", "sharp_teacher.temperatur=2"), r"did you mean sharp_teacher\.temperature"),
        (("--plugin", "none.py"), r"The plug-in none\.py can't be read"),
    ):
        _forget()
        done = run("train", *arguments)
        assert done.exit_code == 2, done.output
        assert re.fullmatch(rf"Error: .*{told}.*\n", done.output), done.output
    assert not Path("runs").exists()


def test_lists_show_what_a_plugin_adds(run, sharp):
    assert "sharp_teacher" not in run("methods").output
    assert "sharp_teacher  consistency" in run("methods", "--plugin", sharp).output
    assert "sharp_teacher.temperature=0.5" in run("settings", "sharp_teacher", "--plugin", sharp).output
    networks = run("networks").output
    assert [line.split()[0] for line in networks.splitlines()[::2]][:2] == ["vnet", "unet"]


def test_sweep_file_names_its_plugins_from_its_own_folder(run, sharp):
    Path("lab").mkdir()
    sharp.rename("lab/sharp.py")
    Path("lab/own.yaml").write_text(SWEEP)
    sweep = load_sweep("lab/own.yaml")
    assert [row.set for row in sweep.rows] == [{"sharp_teacher.temperature": value} for value in (0.3, 0.5)]
    with packed({"sweep.yaml": Path("lab/own.yaml")}) as folder:
        assert (folder / "plugins/sharp.py").read_text() == Path("lab/sharp.py").read_text()


def test_copy_of_a_sweep_file_finds_the_plugin_that_is_kept_beside_it(run, sharp):
    kept = Path("runs/sweeps/own/plugins")
    kept.mkdir(parents=True)
    sharp.rename(kept / "sharp.py")
    (kept.parent / "given.yaml").write_text(SWEEP)
    assert load_sweep(str(kept.parent / "given.yaml")).plugins == ["sharp.py"]


def test_plugin_of_a_sweep_file_that_is_not_there_is_named(run):
    Path("own.yaml").write_text(SWEEP)
    done = run("sweep", "own.yaml", "--dry-run")
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
    assert "The plug-in sharp.py can't be read" in done.output


@pytest.mark.ray
def test_sweep_trains_an_own_method_beside_a_built_in_one(run, sharp, dataset):
    Path("own.yaml").write_text(
        SWEEP.replace(
            "axes: {sharp_teacher.temperature: [0.3, 0.5]}\nreference: {sharp_teacher.temperature: 0.5}",
            "axes: {method: [sharp_teacher, dtc]}\nreference: {method: dtc}",
        )
    )
    sweep = ("sweep", "own.yaml", dataset, *SMALL)
    done = run(*sweep)
    assert done.exit_code == 0, done.output
    assert "Trials: 2 of 2 finished" in done.output
    trials = sorted(path.name for path in Path("runs/trials").iterdir())
    assert [name.split("-")[0] for name in trials] == ["dtc", "sharp_teacher"]
    assert [(Path("runs/trials") / name / "plugins").is_dir() for name in trials] == [False, True]
    assert Path("runs/sweeps/own/plugins/sharp.py").is_file()

    sharp.write_text(f"{sharp.read_text()}\n# another line\n")
    _forget()
    again = run(*sweep)
    assert again.exit_code == 0, again.output
    assert sorted(path.name.split("-")[0] for path in Path("runs/trials").iterdir()) == ["dtc", *["sharp_teacher"] * 2]
