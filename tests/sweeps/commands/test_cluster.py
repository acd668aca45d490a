from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sweep", "dropout", "--cluster", "absent.yaml"], "The cluster file absent.yaml can't be read"),
        (["sweep", "dropout", "--down-when-done"], "--down-when-done is for --cluster"),
        (["sweep", "dropout", "--cluster", "absent.yaml", "--dry-run"], "The cluster file absent.yaml can't be read"),
        (["sweep", "dropout", "--cluster", "c.yaml", "--address", "a:1"], "--address is for the machine that it is"),
        (["sweep", "nothing", "--cluster", "c.yaml"], "There is no built-in sweep 'nothing'"),
        (["cluster", "up", "absent.yaml"], "The cluster file absent.yaml can't be read"),
        (["cluster", "status", "c.yaml"], "unknown key, did you mean provider?"),
        (["cluster", "down", "c.yaml"], "c.yaml is wrong: line 1, provder"),
    ],
)
def test_what_is_wrong_with_a_cluster_is_told_before_any_host_is_asked(run, arguments, told):
    Path("c.yaml").write_text("provder: {type: local}\ncluster_name: c\n")
    done = run(*arguments)
    assert done.exit_code == 2
    assert told in done.output
    assert not Path("runs").exists()
