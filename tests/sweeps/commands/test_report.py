"""`simcvd report`: its options, and that the commands it prints are ones that run."""

import html
import json
import re
import shlex
import shutil
import socket

import pytest
import yaml

from analysis.report.live.server import ReportServer
from analysis.runs.records import write_cases, write_trial
from analysis.runs.search_section import SearchSection
from analysis.runs.sweep import given_file, read_sweep, write_sweep
from sweeps.commands.report import study_of
from sweeps.definition.catalogue import load_sweep
from sweeps.plan import plan_sweep, write_resolved
from sweeps.request import SweepRequest
from sweeps.status.trial import trial_folder
from tests.analysis.made_runs import case_row, trial_row, write_toy_sweep
from tests.asked import asked

OWN = """\
name: mine
description: A sweep of one's own   # a comment that no program writes
base: {preset: phantom, method: simcvd}
axes:
  projection.dropout: [0.0, 1e-1]
reference: {projection.dropout: 0.1}
seeds: [4]
"""


def finish(request: SweepRequest) -> None:
    """Leave what a sweep leaves whose trials have all finished."""
    variants = plan_sweep(request).variants
    write_resolved(request, variants)
    for place, variant in enumerate(variants):
        for trial in variant.trials:
            scores = [case_row(trial.id, f"c{n}", seed=trial.seed, dice=0.7 + 0.01 * n + 0.02 * place) for n in (0, 1)]
            write_cases(request.runs, trial.id, scores)
            write_trial(request.runs, trial_row(trial.id, trial.seed))
            folder = trial_folder(request.runs, trial.id)
            folder.mkdir(parents=True)
            (folder / "config.yaml").write_text(yaml.safe_dump(trial.config.model_dump(mode="json")))


def printed(page: str) -> list[list[str]]:
    """Return the command lines of a report, in words."""
    return [shlex.split(html.unescape(line)) for line in re.findall(r"<pre><code>(.*?)</code></pre>", page, re.S)]


@pytest.mark.parametrize("own", [True, False])
def test_every_command_of_the_report_runs_as_printed(run, dataset, tmp_path, own):
    """Also from elsewhere, of a file that is gone, with settings, seeds and a preset that the command gave."""
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "my sweep.yaml"
    file.write_text(OWN)
    changes = {"overrides": {"loss.sdm": 0.2, "data.crop_vox": [16, 16, 16]}, "seeds": [3], "preset": "phantom"}
    sweep, given = (load_sweep(str(file)), OWN) if own else (load_sweep("dropout"), None)
    finish(asked(sweep, dataset, tmp_path / "some runs", given=given, **changes))
    file.unlink()
    place = f"some runs/sweeps/{sweep.name}"
    done = run("report", place)
    assert done.exit_code == 0, done.output
    lines = printed((tmp_path / place / "report.html").read_text())
    assert [words[:2] for words in lines] == [["simcvd", word] for word in ("sweep", "train", "tables", "report")]
    planned = run(*lines[0][1:], "--dry-run", "--probe-steps", "0", "--json")
    assert planned.exit_code == 0, planned.output
    ahead = json.loads(planned.stdout)
    assert ahead["to_run"] == 0, "the trials that are there are those that the command names"
    assert ahead["trials"] == len(read_sweep(tmp_path / "some runs", sweep.name).trial_ids)
    shown = run(*lines[1][1:], "--print-config")
    config = tmp_path / lines[1][lines[1].index("--config") + 1]
    assert yaml.safe_load(shown.stdout) == yaml.safe_load(config.read_text())
    for words in lines[2:]:
        assert run(*words[1:]).exit_code == 0


def test_the_sweep_file_is_kept_as_it_was_given_until_another_sweep_is_called_so(dataset, tmp_path):
    (tmp_path / "mine.yaml").write_text(OWN)
    own = asked(load_sweep(str(tmp_path / "mine.yaml")), dataset, tmp_path, given=OWN)
    write_resolved(own, plan_sweep(own).variants)
    assert given_file(tmp_path, "mine").read_text() == OWN
    built_in = asked(load_sweep(str(tmp_path / "mine.yaml")), dataset, tmp_path)
    write_resolved(built_in, plan_sweep(built_in).variants)
    assert not given_file(tmp_path, "mine").exists()


@pytest.mark.parametrize(("preset", "recorded"), [(None, None), ("phantom", "phantom")])
def test_a_preset_is_recorded_where_the_command_names_one(dataset, tmp_path, preset, recorded):
    request = asked(load_sweep("dropout"), dataset, tmp_path, preset=preset)
    write_resolved(request, plan_sweep(request).variants)
    assert read_sweep(tmp_path, "dropout").preset == recorded
    assert ("preset: phantom" in (tmp_path / "sweeps" / "dropout" / "sweep.yaml").read_text()) == bool(recorded)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a", "--port", "8000"), "--port is for --serve"),
        (("a", "b", "c"), "not 3"),
        (("a", "b", "--serve"), "--serve shows one sweep"),
        (("a", "b", "--dataset", "d"), "drop --dataset"),
        (("s3://bucket/runs/sweeps/a", "--serve"), "needs a folder"),
    ],
)
def test_what_does_not_go_together_is_refused_with_one_sentence(run, arguments, sentence):
    done = run("report", *arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def toy(tmp_path):
    rows = [{"case_id": f"c{n}", "dice": 0.6 + n / 20} for n in range(4)]
    return write_toy_sweep(tmp_path / "runs", {"ref": {0: rows}, "a": {0: rows}})


def test_two_sweeps_are_written_into_one_file(run, toy, tmp_path):
    shutil.copytree(toy, tmp_path / "more runs")
    done = run("report", "toy", "more runs/sweeps/toy")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("runs/sweeps/toy/report-vs-toy.html (")
    assert (toy / "sweeps" / "toy" / "report-vs-toy.html").is_file()


def test_serving_prints_where_and_ctrl_c_ends_it_with_a_sentence(run, toy, monkeypatch):
    def until_ctrl_c(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(ReportServer, "serve_forever", until_ctrl_c)
    done = run("report", "toy", "--serve", "--no-cases")
    assert done.exit_code == 0, done.output
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/\n", done.stdout)
    assert "Ctrl-C ends it" in done.stderr
    assert done.stderr.endswith("The report is no longer served; without --serve it is written into a file.\n")
    assert "optuna-dashboard" not in done.stderr


def test_a_port_that_is_taken_ends_with_one_sentence(run, toy):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("report", "toy", "--serve", "--no-cases", "--port", port)
    assert done.exit_code == 2
    assert f"Port {port} of this machine can't be had" in done.stderr
    assert done.stderr.count("\n") == 1
    assert run("report", "toy", "--serve", "--port", "65536").exit_code == 2
    assert run("report", "gone", "--serve").exit_code == 2


@pytest.mark.parametrize(
    ("storage", "shown"),
    [("study.journal", "'my runs/sweeps/toy/study.journal'"), ("postgresql://me@host/db", "postgresql://me@host/db")],
)
def test_a_search_is_shown_with_the_dashboards_own_command(toy, tmp_path, monkeypatch, storage, shown):
    monkeypatch.chdir(tmp_path)
    runs = toy.rename(tmp_path / "my runs").relative_to(tmp_path)
    assert study_of(runs, "toy") is None
    searched = SearchSection("s", storage, "full", "none", (), 600, 0, 20, {}, {}, over=False, importances={})
    write_sweep(runs, read_sweep(runs, "toy"), searched)
    assert study_of(runs, "toy") == f"optuna-dashboard {shown}"
