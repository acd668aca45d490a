import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from sweeps.cluster.remote.shipment import SWEEP_FILE, packed


def test_a_shipment_runs_by_itself_in_the_version_that_is_installed_here(tmp_path: Path) -> None:
    sweep = tmp_path / "mine.yaml"
    sweep.write_text("name: mine")
    with packed({SWEEP_FILE: sweep}) as folder:
        assert (folder / SWEEP_FILE).read_text() == "name: mine"
        assert not list(folder.rglob("*.pyc"))
        script = "import cli, importlib.metadata as m; print(cli.__file__); print(m.version('simcvd'))"
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=folder,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines() == [str(folder / "cli.py"), metadata.version("simcvd")]
    assert not folder.exists()


def test_a_built_in_sweep_brings_no_file() -> None:
    with packed({}) as folder:
        assert not (folder / SWEEP_FILE).exists()
