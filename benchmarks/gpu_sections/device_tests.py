"""Section `tests`: what pytest says of the tests that need a CUDA device."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from gpu_sections.bench import Bench

ROOT = Path(__file__).parents[2]


def measure(bench: Bench) -> None:
    """The tests that need a CUDA device: how many passed, and what the others said."""
    files = sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"pytest\.mark\.gpu\b", path.read_text())
    )
    report = bench.folder / "tests.xml"
    command = [sys.executable, "-m", "pytest", "-n", "0", "-m", "gpu", "-q", f"--junitxml={report}"]
    # torch 2.9 and its next ones warn of switches that the tests are not about.
    command += [
        "--continue-on-collection-errors",
        "-W",
        "ignore:Please use the new API settings",
        "-p",
        "no:cacheprovider",
        *files,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    said = bench.folder / "tests.txt"
    try:
        with said.open("w") as file:
            ended = subprocess.run(command, cwd=ROOT, env=environment, stdout=file, check=False)
    finally:
        lines = said.read_text().strip().splitlines() or [""]
        bench.figure("tests_said", lines[-1] if report.exists() else lines[-30:], "", files=files)
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    counts = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    passed = counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"]
    bench.figure("tests_passed", passed, "", exit_code=ended.returncode, **counts)
    for case in suite.iter("testcase"):
        for kind in ("failure", "error"):
            for found in case.findall(kind):
                name = f"{case.get('classname')}::{case.get('name')}"
                bench.figure(
                    f"test_{kind}", found.get("message", "")[:600], "", test=name, text=(found.text or "")[-1500:]
                )
        bench.figure("test_seconds", float(case.get("time", 0)), "s", test=case.get("name"))
