import re

import pytest
import typer

import cli
from sweeps.commands.guidance.options import ANSWERS, OPTIONS, option_meant

COMMANDS = typer.main.get_command(cli.app).commands


@pytest.mark.parametrize("command", ["train", "sweep", "tune"])
@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--epochs", "training is counted in steps: --set training.steps=N."),
        ("--lr", "did you mean --set training.learning_rate=VALUE?"),
        ("--lr=0.1", "did you mean --set training.learning_rate=VALUE?"),
        ("--learning-rate", "did you mean --set training.learning_rate=VALUE?"),
        ("--learning_rate", "did you mean --set training.learning_rate=VALUE?"),
        ("--batch-size", "--set training.batch_labeled=N --set training.batch_unlabeled=N."),
        ("--steps", "did you mean --set training.steps=VALUE?"),
        ("--wd", "did you mean --set training.weight_decay=VALUE?"),
        ("--dropout", "did you mean --set projection.dropout=VALUE or --set network.dropout_bottleneck=VALUE?"),
        ("--loss.sdm", "did you mean --set loss.sdm=VALUE?"),
        ("--output", "did you mean --out?"),
        ("-o", "did you mean --out?"),
        ("--presett", "did you mean --preset?"),
        ("--resume", "the same command again continues what was cut off."),
        ("--xyzzy", "-h lists its options."),
    ],
)
def test_a_guessed_option_is_answered_with_the_option_or_setting_that_was_meant(run, tmp_path, command, option, told):
    done = run(command, option, "3")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert re.fullmatch(rf"Error: simcvd {command} has no option -\S+; .+\n", done.stderr), "one line"
    assert done.stderr.endswith(f"{told}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("train --gpus 2", "a trial trains on one GPU, --device cuda or cuda:N; simcvd sweep --workers N takes more."),
        ("sweep dropout --gpus 2", "every GPU is used"),
        ("tune --gpus 2", "every GPU is used"),
        ("train --dataset la", "the data set needs no option: simcvd train DATASET."),
        ("sweep dropout --dataset la", "the data set needs no option: simcvd sweep NAME DATASET."),
        ("train --seeds 3", "did you mean --seed?"),
        ("sweep dropout --seed 3", "one seed is --seeds N, with a comma; without it N is how many."),
        ("sweep dropout --n-seeds 3", "did you mean --seeds N?"),
        ("sweep dropout --trials 3", "did you mean --max-trials?"),
        ("tune --n-trials 3", "did you mean --trials?"),
        ("sweep dropout --method dan", "did you mean --set method=NAME?"),
        ("tune --method dan", "did you mean --methods?"),
        ("sweep --config mine.yaml", "a sweep is given by name or file: simcvd sweep NAME|FILE.yaml DATASET."),
        ("sweep dropout --jobs 3", "did you mean --max-concurrent?"),
        ("train --jobs 3", "did you mean --threads?"),
        ("predict a b --output c", "did you mean --out?"),
        ("predict --checkpoint a", "the trial or model needs no option: simcvd predict TRIAL|MODEL."),
        ("tables dropout --metrics dice", "did you mean --metric?"),
        ("prepare nifti a b --label 3", "did you mean --labeled?"),
        ("--seeds 3 sweep", "options come after the command."),
        ("-v", "simcvd --version prints it."),
    ],
)
def test_each_command_is_answered_with_its_own_options(run, given, told):
    done = run(*given.split())
    assert done.exit_code == 2
    assert re.fullmatch(r"Error: simcvd.* has no option -\S+; .+\n", done.stderr)
    assert told in done.stderr


def test_words_stand_for_options_that_some_command_has_and_hide_none_that_exists(exists):
    own = {name: {option for each in command.params for option in each.opts} for name, command in COMMANDS.items()}
    inner = [each for command in COMMANDS.values() for each in getattr(command, "commands", {}).values()]
    every = set().union(*own.values(), *(parameter.opts for command in inner for parameter in command.params))
    for word, options in OPTIONS.items():
        assert word == word.lower().replace("_", "-")
        assert {option.split()[0] for option in options} <= every
    for commands, words, told in ANSWERS:
        for command in commands:
            assert not {f"--{word}" for word in words} & own[command]
            exists(told.format(command=command))


def test_what_steers_a_terminal_is_not_repeated(run):
    done = run("train", "--\x1b[31mred")
    assert done.exit_code == 2
    assert "\x1b" not in done.output


def test_a_setting_is_named_only_where_settings_can_be_given():
    assert option_meant("tables", "--lr", ["--metric"]) == "simcvd tables -h lists its options"
    assert option_meant("train", "--lr", ["--set"]) == "did you mean --set training.learning_rate=VALUE?"
