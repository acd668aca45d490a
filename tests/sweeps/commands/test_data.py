import shutil


def test_inspect_tells_that_a_data_set_is_sound_and_2_if_not(run, dataset, tmp_path):
    dataset = shutil.copytree(dataset, tmp_path / "data")
    assert run("inspect", dataset).output.endswith("sound\n")
    next((dataset / "cases").glob("*.h5")).unlink()
    done = run("inspect", dataset)
    assert done.exit_code == 2
    assert "PROBLEM" in done.output
