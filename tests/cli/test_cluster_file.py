import importlib.util
import json
from pathlib import Path

import pytest
import yaml

CLUSTER = Path(__file__).parents[2] / "cluster.yaml"


def test_cluster_file_fits_the_launchers_schema():
    jsonschema = pytest.importorskip("jsonschema")
    ray = importlib.util.find_spec("ray")  # found, not imported
    assert ray is not None
    assert ray.origin is not None
    schema = json.loads((Path(ray.origin).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(yaml.safe_load(CLUSTER.read_text()), schema)


def test_cluster_file_keeps_the_dashboard_on_the_head():
    commands = yaml.safe_load(CLUSTER.read_text())["head_start_ray_commands"]
    assert "--dashboard-host=127.0.0.1" in commands[-1]
    assert "--include-dashboard=false" not in commands[-1]
