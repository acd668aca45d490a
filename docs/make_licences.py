"""Write docs/licences.md from the locks and the metadata of what is installed: `python docs/make_licences.py`.

It wants everything installed: `pip install --require-hashes -r locks/dev.txt`, and torch.
"""

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
TARGET: Final = Path(__file__).with_name("licences.md")
SHARE_ALIKE: Final = re.compile(r"\bL?GPL|\bMPL|Mozilla")
"""Licences that ask for something of who changes the package, or hands it on."""

INTRODUCTION: Final = """\
# Licences of what simcvd uses

<!-- Written by docs/make_licences.py from the packages' own metadata; run it again after a dependency has changed. -->

simcvd is under [Apache-2.0](../LICENSE). It ships none of the packages below: pip gets each from its authors, under
their own licence, as the package itself states it. This page is no legal advice.

{share_alike}

- **LGPL** (edt, psycopg): imported as they are, unchanged, from packages of their own, so that another version can take
  their place. Who hands them on, in an image for example, hands on their licence too and says where their source is.
  psycopg is only installed with `simcvd[postgresql]` and `simcvd[dev]`.
- **GPL** (MedPy): no part of simcvd. Tests and benchmarks compare our metrics with its; only `simcvd[dev]` installs it.
- **MPL**: asks who changes its files to publish these files.
- **torch for NVIDIA's GPUs** brings NVIDIA's libraries (`nvidia-*`, `cuda-*`), which are under NVIDIA's own licences
  and not open source; an image with them is handed on under their terms. torch for the CPU has none of them.

Wheels hold compiled libraries of others (HDF5, OpenBLAS, zlib, ITK, libpq and so on); their licences are in the wheels.
"""


def licences_page() -> str:
    """Return docs/licences.md as it must be."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = [name_of(text) for text in content["dependencies"]]
    run = {"torch", *locked("run")}
    further = {extra: [name for name in locked(extra) if name not in run] for extra in content["optional-dependencies"]}
    every = sorted({*run, *(name for names in further.values() for name in names)})
    strict = [f"{name} ({licence(name)})" for name in every if SHARE_ALIKE.search(licence(name))]
    told = f"Most are under MIT, BSD, Apache or similar licences. These ask for more: {', '.join(strict)}."
    blocks = [INTRODUCTION.format(share_alike=told), "## simcvd itself asks for\n", _table(own)]
    blocks += ["## These bring\n", _table(name for name in run if name not in own)]
    for extra, names in further.items():
        blocks += [f"## `simcvd[{extra}]` adds\n", _table(names)]
    return "\n".join(blocks)


def locked(name: str) -> list[str]:
    """Return the packages that a lock names itself."""
    return re.findall(r"^([\w.-]+)==", (ROOT / "locks" / f"{name}.txt").read_text(encoding="utf-8"), re.MULTILINE)


def name_of(requirement: str) -> str:
    """Return a requirement's package as the locks spell it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement, maxsplit=1)[0]).lower()


def licence(name: str) -> str:
    """Return the licence that a package states, as short as it does: an SPDX expression, a name, or its classifiers."""
    try:
        stated = distribution(name).metadata
    except PackageNotFoundError:
        raise SystemExit(f"{name} is not installed here, so its licence can't be read; pip install {name}.") from None
    written = (stated.get("License-Expression") or stated.get("License") or "").strip()
    classifiers = [line.rpartition(" :: ")[2] for line in stated.get_all("Classifier") or () if "License ::" in line]
    # Some put the whole text there, others the name of a file.
    unknown = written in ("", "UNKNOWN")  # the latter of old setuptools
    short = written if not unknown and "\n" not in written and len(written) < 120 and "." not in written[-4:-3] else ""
    return short or ", ".join(classifiers) or "see the package"


def _table(names: Iterable[str]) -> str:
    rows = [f"| {name} | {licence(name)} |" for name in sorted(names)]
    return "\n".join(["| package | licence |", "|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    TARGET.write_text(licences_page(), encoding="utf-8")
