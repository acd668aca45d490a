from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.commands.guidance.sweep_name import check_sweep_name
from sweeps.definition.catalogue import sweep_names


def test_a_data_set_in_the_place_of_the_name_is_told_the_order(run, dataset, tmp_path):
    told = f"Error: {dataset} is a data set, and the sweep's NAME comes first: simcvd sweep dropout {dataset}; "
    done = run("sweep", dataset)
    assert done.exit_code == 2
    assert done.output == f"{told}simcvd sweeps lists the names.\n"
    assert run("sweep", dataset, "losses").stderr.startswith(told.replace("sweep dropout", "sweep losses"))
    assert list(tmp_path.iterdir()) == []


def test_another_folder_or_a_store_is_no_name_either(run, tmp_path):
    (tmp_path / "scans").mkdir()
    assert "scans is a folder, and the sweep's NAME comes first" in run("sweep", "scans").stderr
    done = run("sweep", "s3://bucket/la")
    assert done.exit_code == 2
    assert "s3://bucket/la is a data set, and the sweep's NAME comes first" in done.stderr


def test_a_file_named_without_its_ending_is_asked_back(run):
    Path("mine.yaml").write_text("name: mine\n")
    done = run("sweep", "mine")
    assert done.stderr == "Error: There is no built-in sweep 'mine'; did you mean the file: simcvd sweep mine.yaml?\n"


def test_names_and_files_pass_also_where_a_folder_has_the_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in sweep_names():
        Path(name).mkdir()
        check_sweep_name(name, None)
    check_sweep_name("mine.yaml", Path("la"))
    Path("folder.yaml").mkdir()
    with pytest.raises(UserError, match="comes first"):
        check_sweep_name("folder.yaml", None)


def test_without_a_name_the_sweeps_are_listed(run, tmp_path):
    done = run("sweep")
    assert done.exit_code == 2
    assert done.stdout == run("sweeps").stdout
    assert done.stderr == (
        "Error: Name a sweep, one of these or a file of your own: simcvd sweep NAME|FILE.yaml [DATASET].\n"
    )
    assert run("sweep", "--json").stdout == ""
    assert list(tmp_path.iterdir()) == []
