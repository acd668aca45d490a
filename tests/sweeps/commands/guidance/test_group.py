def test_help_is_help(run):
    assert run("help").output == run("--help").output
    assert run("help").exit_code == 0
    assert run("help", "sweep").output == run("sweep", "--help").output
    assert run("help", "prepare", "nifti").output == run("prepare", "nifti", "--help").output
    assert run("prepare", "help").output == run("prepare", "--help").output
    assert run("help", "swep").exit_code == 2


def test_version_is_the_version(run):
    assert run("version").output == run("--version").output
    assert run("version").exit_code == 0


def test_other_wrong_usage_is_told_as_before(run):
    done = run("train", "--seed", "many")
    assert done.exit_code == 2
    assert "Invalid value for '--seed'" in done.output
    assert "Missing argument" in run("evaluate").output
