import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _code(name):
    blocks = re.findall(r"^```\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.M | re.S)
    return "".join(blocks).replace("\\\n", " ").splitlines()


def test_readme_has_one_command_to_run_and_one_to_test():
    first = [line for line in _code("README.md") if line.startswith("python3 -m venv")]
    assert [line.split("&&")[-1].strip() for line in first] == [".venv/bin/simcvd sweep dropout", ".venv/bin/pytest"]


def test_contributing_tests_as_the_readme_does():
    commands = {line for line in _code("CONTRIBUTING.md") if line.startswith("python3 -m venv")}
    assert commands < set(_code("README.md"))


def test_ci_finds_the_readmes_test_command():
    (line,) = [
        line
        for line in (ROOT / ".ci" / "run").read_text().splitlines()
        if line.startswith("readme=") and "grep" in line
    ]
    done = subprocess.run(
        ["bash", "-c", f'{line}; echo "$readme"'], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() in _code("README.md")
