import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import cli

COMMANDS = [
    *("prepare", "inspect", "train", "evaluate", "predict", "export", "export nnunet", "sweep", "tune", "status"),
    *("tables", "figures", "report", "methods", "networks", "check-method", "sweeps", "settings", "cluster"),
]


def test_importing_the_command_line_imports_nothing_heavy():
    heavy = "{'torch', 'ray', 'pandas', 'pyarrow', 'scipy', 'numpy', 'pydantic', 'yaml'}"
    code = f"import sys, cli; print(*({heavy} & sys.modules.keys()))"
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == ""


def test_help_names_every_command_in_order(run):
    done = run("--help")
    assert done.exit_code == 0
    assert re.findall(r"^  ([a-z-]+(?: [a-z]+)?) +[A-Z]", done.output.partition("Commands:")[2], re.M) == COMMANDS


def test_every_command_has_help(run):
    for command in [*COMMANDS, "prepare la", "prepare nifti", "cluster up", "cluster down"]:
        done = run(*command.split(), "--help")
        assert done.exit_code == 0, command
        assert "--help" in done.output


def test_version_is_the_packages(run):
    assert re.fullmatch(r"simcvd \d+\.\d+\.\d+\n", run("--version").output)


def test_python_m_simcvd_is_the_command_line(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parent)}
    for given, code, told in ((["--version"], 0, "simcvd "), (["list"], 2, "Error: There is no command 'list'")):
        done = subprocess.run(
            [sys.executable, "-m", "simcvd", *given], capture_output=True, text=True, env=environment, cwd=tmp_path
        )
        assert done.returncode == code
        assert (done.stdout + done.stderr).startswith(told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "--set", "projection.droput=0.2"], "projection.dropout"),
        (["train", "--set", "projection.dropout=2"], "projection.dropout is 2"),
        (["train", "--set", "projection.dropout"], "expected key=value"),
        (["train", "--preset", "phantm"], "phantom"),
        (["train", "--config", "nowhere.yaml"], "nowhere.yaml can't be read"),
        (["train", "--config", "a.yaml", "--preset", "la"], "drop one"),
        (["train", "nowhere"], "There is no data set in nowhere"),
        (["sweep", "drop-out"], "did you mean dropout?"),
        (["train", "--set", "training.lr=0.1"], "did you mean training.learning_rate?"),
        (["sweep", "dropout", "--set", "batch_size=4"], "training.batch_labeled or training.batch_unlabeled?"),
        (["results"], "There is no command 'results'; simcvd tables SWEEP"),
        (["tables", "dropout", "--formt", "md"], "simcvd tables has no option --formt; did you mean --format?"),
        (["sweep", "nowhere.yaml"], "nowhere.yaml can't be read"),
        (["sweep", "dropout", "--preset", "phantm"], "phantom"),
        (["sweep", "dropout", "--set", "loss.contrst=1"], "loss.contrast"),
        (["sweep", "dropout", "--set", "projection.dropout=0.3"], "varied by the sweep"),
        (["sweep", "methods", "--set", "method=dan"], "method is varied by the sweep"),
        (["sweep", "methods", "--set", "data.labeled=all"], "are one trial; drop one, or change what is set for all"),
        (["sweep", "methods", "--set", "data.labeled=most"], "data.labeled is 'most'"),
        (["sweep", "dropout", "--set", "method=simcdv"], "did you mean simcvd?"),
        (["train", "--method", "ua-mt"], "did you mean ua_mt"),
        (["train", "--method", "nonsense"], "methods are simcvd, supervised, mean_teacher"),
        (["sweep", "dropout", "--seeds", "many"], "--seeds is 'many'"),
        (["sweep", "dropout", "--seeds", "20230101", "--dry-run"], "make 141,610,707 trainings; for the one seed"),
        (["sweep", "dropout", "--seeds", f"{2**63},"], "expected seeds below 9223372036854775808"),
        (["train", "--seed", f"{2**63}"], "seed is 9223372036854775808: input should be less than"),
        (["train", "--set", "training.steps=1:40"], "training.steps is '1:40'"),
        (["train", "--set", "training.steps=1_000"], "1_000 is no plain decimal number"),
        (["sweep", "dropout", "--gpus-per-worker", "1.5"], "--gpus-per-worker is 1.5"),
        (["sweep", "dropout", "nowhere"], "nowhere: expected a folder made by `simcvd prepare`"),
        (["inspect", "nowhere"], "There is no data set in nowhere"),
        (["evaluate", "nowhere"], "There is no trial in nowhere"),
        (["predict", "nowhere", "a.nii", "--out", "masks"], "nowhere"),
        (["export", "nowhere", "--out", "model"], "There is no trial in nowhere"),
        (["export", "nowhere", "--out", "s3://bucket/model"], "`simcvd export` needs a folder"),
        (["prepare", "la", "nowhere", "data"], "nowhere"),
        (["prepare", "nifti", "nowhere", "data"], "nowhere"),
        (["status"], "There are no runs in runs"),
        (["tables", "dropout"], "There is no sweep 'dropout' in runs"),
    ],
)
def test_what_the_user_must_change_is_one_sentence_and_exit_code_2(run, tmp_path, arguments, told):
    done = run(*arguments)
    assert done.exit_code == 2
    assert re.fullmatch(r"Error: .+\n", done.output), "one line"
    assert told in done.output
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_folder_that_is_no_folder_is_one_sentence(run, dataset, stub_trial):
    stub_trial(NotADirectoryError(20, "Not a directory", "runs/trials"))
    done = run("train", dataset)
    assert done.exit_code == 2
    assert done.output.endswith("Error: runs/trials can't be written or read: Not a directory.\n")


def test_second_ctrl_c_ends_with_130(run, dataset, stub_trial):
    stub_trial(KeyboardInterrupt())
    done = run("train", dataset)
    assert done.exit_code == 130
    assert "run the same command again to continue" in done.output


def test_a_command_that_has_not_begun_ends_with_130_too(run, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.core.TyperGroup.parse_args", interrupted)
    done = run("methods")
    assert done.exit_code == 130
    assert done.output == "Interrupted; run the same command again to continue.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_any_command_with_130_and_a_sentence(number):
    endless = (
        "import signal, cli\n"
        "@cli.app.command()\n"
        "def endless():\n"
        "    print('ready', flush=True)\n"
        "    signal.pause()\n"
        "cli.main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", endless, "endless"],
        env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # the tests may run under nohup
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, errors) == ("", "Interrupted; run the same command again to continue.\n")


def test_a_name_too_long_for_a_disk_is_one_sentence(run):
    done = run("inspect", "a" * 300)
    assert done.exit_code == 2
    assert re.fullmatch(r"Error: .+\n", done.output)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_what_a_terminal_can_not_show_is_replaced(tmp_path, encoding):
    table = "from rich.console import Console; Console().print('0.8 \\u00b1 0.1 \\udcff')"
    code = f"import cli; cli.app.command('say')(lambda: exec({table!r})); cli.main()"
    environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parent), "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code, "say"], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"0.8 {'?' if encoding == 'ascii' else chr(0xB1)} 0.1 ?\n"
