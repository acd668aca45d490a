"""Ray's autoscaler starts nodes for trials that find no place."""

import json

import pytest

from tests.cluster import hosts

Lab = dict[str, hosts.Host]
SWEEP = """
name: growing
base: {preset: phantom, training.steps: 40, training.checkpoint_every_steps: 10}
axes: {projection.dropout: [0.0, 0.1, 0.3, 0.5]}
reference: {projection.dropout: 0.1}
"""
# A head with room for one trial, whose provider makes nodes on its own host.
RAY = """
cluster_name: growing
max_workers: 2
upscaling_speed: 1.0
idle_timeout_minutes: 10
docker: {}
auth: {}
file_mounts: {}
file_mounts_sync_continuously: false
cluster_synced_files: []
rsync_exclude: []
rsync_filter: []
initialization_commands: []
setup_commands: []
head_setup_commands: []
worker_setup_commands: []
head_start_ray_commands: []
worker_start_ray_commands: []
provider: {type: fake_multinode, use_node_id_as_ip: true, disable_node_updaters: true}
head_node_type: ray.head.default
available_node_types:
  ray.head.default: {resources: {CPU: 1}, node_config: {}, max_workers: 0}
  worker: {resources: {CPU: 1}, node_config: {}, min_workers: 0, max_workers: 2}
"""
START = "--head --num-cpus=1 --object-store-memory=100000000 --autoscaling-config=growing-ray.yaml"


@pytest.mark.slow
def test_trials_that_wait_make_the_cluster_grow(lab: Lab) -> None:
    host = lab["client"]
    host.run(f"cat > growing.yaml <<'END'\n{SWEEP}\nEND\ncat > growing-ray.yaml <<'END'\n{RAY}\nEND")
    try:
        ray = f"RAY_FAKE_CLUSTER=1 RAY_enable_autoscaler_v2=0 AUTOSCALER_UPDATE_INTERVAL_S=1 ray start {START}"
        started = host.run(f"ray get-auth-token --generate && {ray}", timeout_s=120, check=False)
        assert started.returncode == 0, started.stdout + started.stderr
        done = host.run("simcvd sweep growing.yaml --address auto --json", timeout_s=400, check=False)
    finally:
        host.run("ray stop --force", check=False, timeout_s=60)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    print([event for event in told if "slots" in event][-1])
    assert {event["slots"] for event in told if "slots" in event} >= {1, 3}
