"""The recipes of docs/clusters say nothing that this version, its Ray or Kubernetes does not know."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import cli
from simcvd.errors import UserError
from sweeps.cluster.cluster_file import FILL_IN, load_cluster
from sweeps.cluster.preemption import drain

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "docs" / "clusters"
CLOUDS = ("aws", "gcp")
JOB_SCRIPT = (RECIPES / "slurm.sbatch").read_text()
CLAIM, RAY_JOB = yaml.safe_load_all((RECIPES / "rayjob.yaml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PODS = {
    "submitter": RAY_JOB["spec"]["submitterPodTemplate"],
    "head": RAY_JOB["spec"]["rayClusterSpec"]["headGroupSpec"]["template"],
    **{group["groupName"]: group["template"] for group in RAY_JOB["spec"]["rayClusterSpec"]["workerGroupSpecs"]},
}


def _parsed(words: list[str]) -> dict[str, Any]:
    """Return what `simcvd` makes of a command line; it exits where an option does not exist."""
    assert words.pop(0) == "simcvd"
    command = typer.main.get_command(cli.app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    return command.make_context("simcvd", words).params


def _ray_options() -> set[str]:
    from ray.scripts.scripts import start

    return {name for parameter in start.params for name in (*parameter.opts, *parameter.secondary_opts)}


def _options(text: str) -> set[str]:
    return set(re.findall(r"(?<!\S)(--[a-z][a-z-]*)", text))


def _ray_starts(content: dict[str, Any]) -> list[str]:
    """Return the parts of a cluster file's commands that come after `ray start`."""
    commands = content["head_start_ray_commands"] + content["worker_start_ray_commands"]
    return [match[1] for command in commands for match in re.finditer(r"\bray start\b([^;&|]*)", command)]


# ---- clouds ----


@pytest.fixture
def filled(tmp_path):
    def fill(cloud: str) -> Path:
        key = tmp_path / "key"
        key.write_text("")
        path = tmp_path / f"{cloud}.yaml"
        path.write_text((RECIPES / f"{cloud}.yaml").read_text().replace(FILL_IN, str(key)))
        return path

    return fill


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_clouds_recipe_is_sound_once_it_is_filled_in(filled, cloud):
    cluster = load_cluster(filled(cloud))
    assert (cluster.provider, cluster.user, cluster.runs) == (cloud, "ubuntu", "/shared/runs")
    assert cluster.private_key is not None


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_clouds_recipe_is_refused_at_each_place_that_is_not_filled_in(filled, cloud):
    whole = filled(cloud).read_text()
    lines = (RECIPES / f"{cloud}.yaml").read_text().splitlines()
    places = [number for number, line in enumerate(lines, 1) if FILL_IN in line.partition(" #")[0] and line[0] != "#"]
    assert len(places) >= 8
    path = filled(cloud)
    for number in places:
        mixed = whole.splitlines()
        mixed[number - 1] = lines[number - 1]
        path.write_text("\n".join(mixed))
        with pytest.raises(UserError, match=r"fill this in, found .*FILL-IN") as caught:
            load_cluster(path)
        # A folded command's line is that of its key.
        told = min(int(line) for line in re.findall(r"line (\d+),", str(caught.value)))
        assert number - 3 <= told <= number, str(caught.value)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_clouds_workers_are_spot_and_its_head_is_not(cloud):
    content = yaml.safe_load((RECIPES / f"{cloud}.yaml").read_text())
    kinds = content["available_node_types"]
    spot = {"aws": {"InstanceMarketOptions"}, "gcp": {"scheduling"}}[cloud]
    assert spot <= kinds["worker"]["node_config"].keys()
    assert not spot & kinds["head"]["node_config"].keys()
    assert content["head_node_type"] == "head"
    assert content["max_workers"] == kinds["worker"]["max_workers"] >= kinds["worker"]["min_workers"] >= 1


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_clouds_workers_watch_for_the_notice_of_that_cloud(cloud):
    content = yaml.safe_load((RECIPES / f"{cloud}.yaml").read_text())
    calls = [command for command in content["worker_start_ray_commands"] if "preemption" in command]
    [arguments] = [re.search(r"python -m sweeps\.cluster\.preemption ([^>]*)", call)[1] for call in calls]
    assert drain.command_line().parse_args(arguments.split()).notice == cloud
    assert not any("preemption" in command for command in content["head_start_ray_commands"])


def test_amazons_instances_are_in_a_group_of_the_users_own():
    # Where none is named Ray makes one, with port 22 open to all.
    kinds = yaml.safe_load((RECIPES / "aws.yaml").read_text())["available_node_types"].values()
    assert all(kind["node_config"]["SecurityGroupIds"] for kind in kinds)


@pytest.mark.parametrize("file", ["cluster.yaml", "docs/clusters/aws.yaml", "docs/clusters/gcp.yaml"])
def test_ray_is_started_with_options_that_it_has(file):
    starts = _ray_starts(yaml.safe_load((ROOT / file).read_text()))
    assert len(starts) == 2
    for options in starts:
        assert _options(options)
        assert _options(options) <= _ray_options()


# ---- SLURM ----


def test_the_job_script_starts_ray_with_options_that_it_has():
    [call] = re.findall(r"ray symmetric-run (.*?)\n  -- bash", JOB_SCRIPT, re.S)
    given = _options(call.replace("=", " "))
    assert {"--address", "--min-nodes", "--num-cpus", "--dashboard-host"} <= given
    assert given - {"--min-nodes"} <= _ray_options()
    assert not given & {"--head", "--node-ip-address", "--port", "--block"}  # refused by symmetric-run


def test_the_job_script_calls_a_sweep_with_options_that_it_has():
    [example] = re.findall(r"sbatch docs/clusters/slurm\.sbatch (.*)", JOB_SCRIPT)
    [call] = re.findall(r"exec (simcvd sweep .*)'", JOB_SCRIPT)
    words = shlex.split(call.replace('"$@"', example).replace("$SIMCVD_RUNS", "/r").replace("$SIMCVD_HEAD", "h:1"))
    params = _parsed(words)
    assert (params["name"], params["address"], params["runs"]) == ("dropout", "h:1", Path("/r"))


# ---- Kubernetes ----


def test_pods_and_claim_are_what_kubernetes_knows():
    for pod in PODS.values():
        whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": pod["spec"]}
        kubernetes_validate.validate(whole, "1.33", strict=True)
    kubernetes_validate.validate(CLAIM, "1.33", strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):  # or it would check nothing
        kubernetes_validate.validate(whole | {"spec": whole["spec"] | {"volume": []}}, "1.33", strict=True)


@pytest.mark.parametrize("name", PODS)
def test_each_mount_is_of_a_volume_and_each_volume_is_mounted(name):
    spec = PODS[name]["spec"]
    mounts = {mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", [])}
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    assert mounts == volumes.keys()
    claims = {v["persistentVolumeClaim"]["claimName"] for v in volumes.values() if "persistentVolumeClaim" in v}
    assert claims <= {CLAIM["metadata"]["name"]}


def test_the_entrypoint_is_a_command_of_this_version():
    params = _parsed(shlex.split(RAY_JOB["spec"]["entrypoint"]))
    mounts = {
        mount["mountPath"]
        for name in ("head", "gpu")
        for mount in PODS[name]["spec"]["containers"][0]["volumeMounts"]
        if mount["name"] == "runs"
    }
    assert mounts == {"/shared"}
    assert params["runs"].is_relative_to("/shared")
    limits = PODS["gpu"]["spec"]["containers"][0]["resources"]["limits"]
    assert params["gpus_per_worker"] <= int(limits["nvidia.com/gpu"])
    assert params["cpus_per_worker"] <= int(limits["cpu"])


def test_ray_is_started_in_pods_with_options_that_it_has():
    spec = RAY_JOB["spec"]["rayClusterSpec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert {f"--{name}" for name in group["rayStartParams"]} <= _ray_options()
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


def test_image_and_job_have_the_ray_python_and_version_of_this_project():
    [(ray, python)] = re.findall(r"^FROM rayproject/ray:([\d.]+)-py3(\d+)-", (RECIPES / "Dockerfile").read_text(), re.M)
    requirements = [Requirement(text) for text in PROJECT["dependencies"]]
    [bound] = [requirement.specifier for requirement in requirements if requirement.name == "ray"]
    assert ray in bound
    assert f"3.{python}.0" in SpecifierSet(PROJECT["requires-python"])
    assert RAY_JOB["spec"]["rayClusterSpec"]["rayVersion"] == ray
    images = {container["image"] for pod in PODS.values() for container in pod["spec"]["containers"]}
    assert images == {f"{FILL_IN}/simcvd:{PROJECT['version']}"}
    assert f"--tag REGISTRY/simcvd:{PROJECT['version']} " in (RECIPES / "Dockerfile").read_text()


def test_the_image_takes_along_what_the_package_is_made_of():
    dockerfile = (RECIPES / "Dockerfile").read_text()
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = {word for line in re.findall(r"^COPY --chown=\S+ (.*) \S+$", dockerfile, re.M) for word in line.split()}
    made_of = {*build["only-include"], "pyproject.toml", PROJECT["readme"], *PROJECT["license-files"]}
    assert copied == made_of | {"locks"}
    assert all((ROOT / name).exists() for name in copied)


def test_a_worker_that_is_told_to_go_has_time_to_drain():
    spec = PODS["gpu"]["spec"]
    *_, script = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    [arguments] = re.findall(r"python -m sweeps\.cluster\.preemption ([^;]*);", script)
    options = drain.command_line().parse_args(arguments.split())
    assert options.notice == "now"
    assert options.within + 20 <= spec["terminationGracePeriodSeconds"]


# ---- what is written about them ----


def _shown() -> list[str]:
    found = []
    for path in sorted(RECIPES.iterdir()):
        text = path.read_text()
        if path.suffix == ".md":
            text = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S))
        found += [
            f"{path.name}: {call}"
            for call in re.findall(r"^(?:#  )? *(simcvd (?:sweep|cluster|status|tables) .*)", text, re.M)
        ]
    return found


@pytest.mark.parametrize("line", _shown())
def test_commands_in_the_recipes_and_their_pages_exist(line):
    call = re.split(r"\s{2,}|  #| && ", line.partition(": ")[2])[0]
    _parsed(shlex.split(call))


@pytest.mark.parametrize("page", sorted(path.name for path in RECIPES.glob("*.md")))
def test_links_in_the_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", (RECIPES / page).read_text()):
        assert (RECIPES / target).exists(), target


def test_the_overview_names_each_recipe():
    overview = (RECIPES / "README.md").read_text()
    for path in RECIPES.iterdir():
        if path.name not in ("README.md", "Dockerfile"):
            assert f"({path.name})" in overview, path.name
