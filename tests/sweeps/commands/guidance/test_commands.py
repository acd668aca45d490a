import re

import pytest
import typer

import cli
from sweeps.commands.guidance.commands import IN_GROUPS, MEANT, command_meant, command_of_group_meant

ROOT = typer.main.get_command(cli.app)
GROUPS = {name: list(getattr(command, "commands", ())) for name, command in ROOT.commands.items()}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("list", "simcvd sweeps, simcvd methods and simcvd settings list"),
        ("results", "simcvd tables SWEEP"),
        ("run", "simcvd sweep NAME DATASET runs a sweep, simcvd train DATASET one trial"),
        ("search", "simcvd sweep search DATASET"),
        ("ablation", "simcvd sweep components DATASET"),
        ("ablate", "simcvd sweep components DATASET"),
        ("test", "simcvd evaluate TRIAL"),
        ("eval", "simcvd evaluate TRIAL"),
        ("infer", "simcvd predict TRIAL|MODEL IMAGE --out DIR"),
        ("Segment", "simcvd predict"),
        ("plot", "simcvd figures SWEEP"),
        ("table", "did you mean simcvd tables?"),
        ("dashboard", "simcvd report SWEEP"),
        ("config", "simcvd settings"),
        ("init", "simcvd prepare nifti|dicom|la|pancreas SOURCE DATASET"),
        ("resume", "the same command again"),
        ("compare", "simcvd tables SWEEP"),
        ("grid_search", "simcvd sweep FILE.yaml DATASET"),
        ("dropout", "simcvd sweep dropout DATASET"),
        ("nifti", "did you mean simcvd prepare nifti?"),
        ("ua-mt", "simcvd train DATASET --method ua_mt"),
        ("swep", "did you mean simcvd sweep or simcvd sweeps?"),
        ("metods", "did you mean simcvd methods?"),
        ("xyzzy", "simcvd --help lists the commands"),
    ],
)
def test_a_guessed_command_is_answered_with_the_one_that_was_meant(run, exists, word, told):
    done = run(word, "some", "--thing", "3")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert re.fullmatch(r"Error: There is no command '\S+'; .+[.?]\n", done.stderr), "one line"
    assert told in done.stderr
    exists(done.stderr.removesuffix(".\n"))


def test_what_is_said_names_commands_and_options_that_exist(exists):
    for word, told in MEANT.items():
        assert word not in GROUPS
        assert word == word.lower().replace("_", "-")
        assert exists(told) or word in {"resume", "continue", "restart", "retry", "rerun", "tensorboard"}, word
    for group, words in IN_GROUPS.items():
        assert set(words.values()) <= set(GROUPS[group])
        assert not set(words) & set(GROUPS[group])


def test_a_path_in_the_place_of_a_command_is_told_what_comes_first(run, dataset, tmp_path):
    own = tmp_path / "mine.yaml"
    own.touch()
    told = run(dataset).stderr
    assert f"a command comes first: simcvd inspect {dataset}, or simcvd sweep dropout {dataset}." in told
    assert f"simcvd sweep {own} DATASET runs a sweep file" in run(own).stderr
    assert "a command comes first; simcvd --help lists them." in run(tmp_path).stderr


def test_commands_of_groups_are_guessed_too(run, dataset):
    for given, told in [
        (("prepare", "nii"), "did you mean simcvd prepare nifti?"),
        (("prepare", "dicm"), "did you mean simcvd prepare dicom?"),
        (("prepare", dataset, "out"), "comes first: simcvd prepare la|nifti|dicom|pancreas SOURCE DATASET."),
        (("cluster", "start", "c.yaml"), "did you mean simcvd cluster up?"),
        (("cluster", "xyzzy"), "simcvd cluster has up, status, stop, down."),
    ]:
        done = run(*given)
        assert done.exit_code == 2
        assert done.stderr == f"Error: simcvd {given[0]} has no command '{given[1]}'; " + done.stderr.partition("; ")[2]
        assert done.stderr.endswith(f"{told}\n")
        assert done.stderr.count("\n") == 1


def test_words_are_read_in_any_letters():
    assert command_meant("RESULTS", GROUPS) == MEANT["results"]
    assert command_of_group_meant("prepare", "LEFT_ATRIUM", GROUPS["prepare"]) == "did you mean simcvd prepare la?"
