import json
from pathlib import Path

from simcvd.config.settings import DataConfig
from simcvd.data.phantom import write_phantom
from simcvd.data.store import open_info
from simcvd.data.training_cases import fold_parts
from tests.tiny_trial import THREE_STEPS


def test_scores_anew_are_of_the_val_cases_that_the_trial_recorded(run, tmp_path):
    data = tmp_path / "data"
    write_phantom(data, labeled=2, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    tiny = [f"--set={key}={str(value).replace(' ', '')}" for key, value in THREE_STEPS.items()]
    done = run("train", data, "--device", "cpu", "--threads", 1, *tiny, "--set", "data.fold=[1,2]")
    assert done.exit_code == 0, done.output
    (trial,) = Path("runs", "trials").iterdir()
    shown = [run("evaluate", trial, *given, "--split", "val", "--json") for given in ((), (data, "--device", "cpu"))]
    recorded, anew = ([(row["case_id"], round(row["dice"], 12)) for row in json.loads(each.stdout)] for each in shown)
    assert sorted(recorded) == sorted(anew)
    info = open_info(data)
    assert {case for case, _ in recorded} == {*info.splits.val, *fold_parts(info, DataConfig(), 2)[1]}


def test_val_cases_that_were_trained_on_are_not_scored(run, tmp_path):
    data = tmp_path / "data"
    write_phantom(data, labeled=1, unlabeled=1, val=1, test=1, shape=(16, 16, 16))
    tiny = [f"--set={key}={str(value).replace(' ', '')}" for key, value in THREE_STEPS.items()]
    done = run("train", data, "--device", "cpu", "--threads", 1, *tiny, "--set", "data.train_on_val=true")
    assert done.exit_code == 0, done.output
    (trial,) = Path("runs", "trials").iterdir()
    for given in ((), (data, "--device", "cpu")):
        done = run("evaluate", trial, *given, "--split", "val")
        assert done.exit_code == 2
        told = " ".join(done.output.split())
        assert f"There are no val scores of {trial}: its data set has no such cases that it was not trained on" in told
    assert "mean of 1" in run("evaluate", trial, data, "--device", "cpu").output
