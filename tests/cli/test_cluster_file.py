from pathlib import Path

import yaml

CLUSTER = Path(__file__).parents[2] / "cluster.yaml"


def test_cluster_file_keeps_the_dashboard_on_the_head():
    commands = yaml.safe_load(CLUSTER.read_text())["head_start_ray_commands"]
    assert "--dashboard-host=127.0.0.1" in commands[-1]
    assert "--include-dashboard=false" not in commands[-1]
