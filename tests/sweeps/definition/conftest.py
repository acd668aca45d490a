from collections.abc import Callable
from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.definition.catalogue import load_sweep


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[str], str]:
    """Return what says why a sweep file with a text is refused."""

    def told(text: str) -> str:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        with pytest.raises(UserError) as found:
            load_sweep(str(path))
        return str(found.value).replace(str(path), "mine.yaml")

    return told
