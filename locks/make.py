"""Write the locks anew, with the newest versions that pyproject.toml allows: `python locks/make.py`.

It needs uv (`pip install uv`, in any environment) and packaging. A lock names every package with one version, for Linux
and macOS and all Pythons that the project takes, and the hash of each of its files; `pip install --require-hashes -r
locks/run.txt` takes nothing else.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from packaging.markers import Marker

HERE = Path(__file__).parent
PROJECT = HERE.parent / "pyproject.toml"

# Who has no NVIDIA GPU, or an older driver, takes another build of torch, of other files: so it has its own lock.
TORCH = re.compile(r"(torch|triton|nvidia-.*|cuda-.*)==")
PLATFORMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
"""Those for which there are wheels of torch."""
PYTHONS = ("3.11", "3.12", "3.13")
_CPYTHON = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
BASE = "run"
HEAD = """\
# Written by locks/make.py; change pyproject.toml and run it again.
# pip install --require-hashes -r locks/{name}.txt
"""


def main() -> None:
    """Write `run.txt`, `torch.txt`, and what each extra of the project adds to `run.txt`."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        sys.exit("There is no uv here; pip install uv.")
    content = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    extras = list(content["project"]["optional-dependencies"])
    with TemporaryDirectory() as folder:
        locked = _Resolver(uv, Path(folder), content)
        everything = locked.blocks(extras)
        run = locked.blocks((), everything).keys()
        write("torch", "", (block for block in everything.values() if TORCH.match(block)))
        write(BASE, "", _chosen(everything, run))
        for extra in extras:
            write(extra, f"-r {BASE}.txt\n", _chosen(everything, locked.blocks((extra,), everything).keys() - run))


def write(name: str, above: str, blocks: Iterator[str]) -> None:
    """Write a lock."""
    text = HEAD.format(name=name) + above + "".join(blocks)
    (HERE / f"{name}.txt").write_text(text, encoding="utf-8")


def _chosen(blocks: dict[str, str], names: Collection[str]) -> Iterator[str]:
    return (block for name, block in blocks.items() if name in names and not TORCH.match(block))


class _Resolver:
    """uv on a copy of the project's file.

    Args:
        uv: the program.
        folder: for the copy.
        content: the project's file.
    """

    def __init__(self, uv: str, folder: Path, content: dict[str, Any]) -> None:
        self._uv, self._folder = uv, folder
        environments = [
            f"sys_platform == '{system}' and platform_machine == '{machine}' and python_version <= '{PYTHONS[-1]}' "
            "and implementation_name == 'cpython' and platform_python_implementation == 'CPython'"
            for system, machine in PLATFORMS
        ]
        copied = f"{PROJECT.read_text(encoding='utf-8')}\n[tool.uv]\nenvironments = {environments}\n"
        (folder / "pyproject.toml").write_text(copied, encoding="utf-8")
        # What builds the project, so that this too is taken from the lock: pip install --no-build-isolation.
        (folder / "build.in").write_text("\n".join([*content["build-system"]["requires"], "editables"]))

    def blocks(self, extras: Collection[str], within: dict[str, str] | None = None) -> dict[str, str]:
        """Return each package's lines by its name, for the project with extras; its versions are those of `within`."""
        limits = self._folder / "limits.txt"
        limits.write_text("".join((within or {}).values()), encoding="utf-8")
        done = subprocess.run(
            [
                *(self._uv, "pip", "compile", "pyproject.toml", "build.in"),
                *(part for extra in extras for part in ("--extra", extra)),
                # One version for all Pythons, which is the one that was tested.
                *("--universal", "--python-version", PYTHONS[0], "--fork-strategy", "fewest"),
                *("--constraint", limits.name, "--generate-hashes", "--no-header", "--no-annotate", "--quiet"),
            ],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found = re.split(r"^(?=\S)", done.stdout, flags=re.MULTILINE)
        plain = [re.sub(r" ; (.*?)(?= \\$)", _short, block, count=1, flags=re.MULTILINE) for block in found]
        return {block.partition("==")[0].partition("[")[0]: block for block in plain if "==" in block}


def _short(found: re.Match[str]) -> str:
    """Return a marker as far as it tells the platforms apart: uv repeats all of them for each package."""
    marker = Marker(found[1])
    needed = {
        (system, marker.evaluate({**_CPYTHON, **_python(python), "sys_platform": system, "platform_machine": machine}))
        for system, machine in PLATFORMS
        for python in PYTHONS
    }
    if needed == {(system, True) for system, _ in PLATFORMS}:
        return ""
    if needed == {("linux", True), ("darwin", False)}:
        return " ; sys_platform == 'linux'"
    return found[0]


def _python(version: str) -> dict[str, str]:
    return {"python_version": version, "python_full_version": f"{version}.0", "implementation_version": f"{version}.0"}


if __name__ == "__main__":
    main()
