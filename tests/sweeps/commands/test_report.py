"""`simcvd report`: its options, and that the commands it prints are ones that run."""

import html
import json
import re
import shlex

import pytest
import yaml

from analysis.runs.records import write_cases, write_trial
from analysis.runs.sweep import given_file, read_sweep
from sweeps.definition.catalogue import load_sweep
from sweeps.plan import plan_sweep, write_resolved
from sweeps.request import SweepRequest
from sweeps.status.trial import trial_folder
from tests.analysis.made_runs import case_row, trial_row
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
        (("s3://bucket/runs/sweeps/a", "--serve"), "needs a folder"),
    ],
)
def test_what_does_not_go_together_is_refused_with_one_sentence(run, arguments, sentence):
    done = run("report", *arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
