from pathlib import Path

import pytest
import yaml

from simcvd.errors import UserError
from sweeps.cluster.cluster_file import load_cluster

OURS = Path(__file__).parents[3] / "cluster.yaml"
SOUND = """cluster_name: lab
provider:
  type: local
  head_ip: 10.0.0.1
  worker_ips: [10.0.0.2, 10.0.0.3]
auth:
  ssh_user: me
metadata: {simcvd: {runs: /shared/runs}}
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return path

    return write


def test_a_sound_file_is_read(written):
    cluster = load_cluster(written(SOUND))
    assert (cluster.name, cluster.provider, cluster.user, cluster.runs) == ("lab", "local", "me", "/shared/runs")
    assert (cluster.head_ip, cluster.worker_ips) == ("10.0.0.1", ("10.0.0.2", "10.0.0.3"))
    assert cluster.private_key is None


def test_the_runs_folder_may_be_in_an_object_store_beside_a_cache_on_each_host(written):
    own = "{runs: s3://bucket/lab, cache: /local/disk}"
    cluster = load_cluster(written(SOUND.replace("{runs: /shared/runs}", own)))
    assert (cluster.runs, cluster.cache) == ("s3://bucket/lab", "/local/disk")


def test_an_outer_address_of_the_head_is_what_this_machine_reaches(written):
    text = SOUND.replace("  head_ip: 10.0.0.1", "  head_ip: 10.0.0.1\n  external_head_ip: head.lab.example")
    assert load_cluster(written(text)).head_ip == "head.lab.example"


def test_the_file_of_the_repository_is_sound_once_its_addresses_are_filled_in(written):
    text = OURS.read_text()
    with pytest.raises(UserError, match=r"line \d+, provider.head_ip: .* is the example's address"):
        load_cluster(written(text))
    filled = load_cluster(written(text.replace("192.0.2.", "10.0.0.")))
    assert filled.runs == "/shared/runs"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("cluster_name: lab", "cluster_nam: lab"), "line 1, cluster_nam: unknown key, did you mean cluster_name?"),
        (("cluster_name: lab\n", ""), "cluster_name: is missing"),
        (("  head_ip: 10.0.0.1\n", ""), "provider.head_ip: is missing"),
        (("10.0.0.3", "10.0.0.2"), "line 5, provider.worker_ips.1: 10.0.0.2 is named twice"),
        (("10.0.0.3", "127.0.0.1"), "line 5, provider.worker_ips.1: 127.0.0.1 is each host itself"),
        (("[10.0.0.2, 10.0.0.3]", "10.0.0.2"), "line 5, provider.worker_ips: '10.0.0.2' is not of type 'array'"),
        (
            ("runs: /shared/runs", "run: /shared/runs"),
            "line 8, metadata.simcvd.run: unknown key, known are runs, cache",
        ),
        (("runs: /shared/runs", "runs: shared"), "line 8, metadata.simcvd.runs: expected an absolute path"),
        (
            ("runs: /shared/runs", "cache: here"),
            "line 8, metadata.simcvd.cache: expected an absolute path on each host",
        ),
        (
            ("runs: /shared/runs", "runs: /mnt/FILL-IN"),
            "line 8, metadata.simcvd.runs: fill this in, found /mnt/FILL-IN",
        ),
        (
            ("ssh_user: me", "ssh_user: me\nsetup_commands: [a, b FILL-IN]"),
            "line 8, setup_commands.1: fill this in, found b FILL-IN",
        ),
        (("ssh_user: me", "ssh_user: me\nfile_mounts: {/a: 3}"), "file_mounts"),
        (("ssh_user: me", "ssh_user: me\n  ssh_private_key: ~nobody-here/k"), "there is no such home"),
        (("cluster_name: lab", "cluster_name: lab\n7: x"), "7: unknown key"),
        (("ssh_user: me", "ssh_user: 2024-13-45"), "is not valid YAML: month must be in 1..12"),
        (("ssh_user: me", "ssh_user: \x07"), "is not valid YAML"),
        (("{runs: /shared/runs}", "3"), "line 8, metadata.simcvd: expected runs, cache, found 3"),
        (
            ("ssh_user: me", "ssh_user: me\n  ssh_private_key: /no/key"),
            "auth.ssh_private_key: there is no file /no/key",
        ),
        (("ssh_user: me", "ssh_user: me\nfile_mounts: {/x: /no/file}"), "file_mounts./x: there is no /no/file here"),
        (("cluster_name: lab", "cluster_name: [lab"), "is not valid YAML"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_key(written, change, told):
    assert change[0] in SOUND
    with pytest.raises(UserError) as caught:
        load_cluster(written(SOUND.replace(*change)))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_absent_file_names_the_one_to_copy(tmp_path):
    with pytest.raises(UserError, match=r"can't be read .* cluster\.yaml at the top"):
        load_cluster(tmp_path / "none.yaml")


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("cluster_name: Müller".encode("latin-1"))
    with pytest.raises(UserError, match="can't be read"):
        load_cluster(path)


def test_the_file_of_the_repository_keeps_the_dashboard_on_the_head():
    commands = yaml.safe_load(OURS.read_text())["head_start_ray_commands"]
    assert "--dashboard-host=127.0.0.1" in commands[-1]
    assert "--include-dashboard=false" not in commands[-1]
