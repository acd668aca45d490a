"""Folders whose files hold a byte: enough to find cases, which opens none."""

import json
from pathlib import Path
from typing import Any

from simcvd.data.preparation.source import ScanFolder


def make(folder: Path, *names: str, described: Any = None) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    if described is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "dataset.json").write_text(described if isinstance(described, str) else json.dumps(described))
    return folder


def pairs(*ids: str, ending: str = ".nii.gz") -> list[str]:
    return [f"{place}/{i}{ending}" for i in ids for place in ("imagesTr", "labelsTr")]


def files(found: ScanFolder) -> dict[str, tuple[list[str], str | None]]:
    """Return names of the image files and of the label's, by case."""

    def name(path: Path) -> str:
        return str(path.relative_to(found.folder))

    return {
        case.id: ([name(path) for path in case.images], None if case.label is None else name(case.label))
        for case in found.cases
    }
