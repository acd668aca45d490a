"""Plug-ins that are the documents' examples, with something changed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simcvd.config import load_plugin, plugins
from simcvd.plugin.checks.check import Check, Outcome, outcome_of
from simcvd.plugin.checks.method import METHOD_CHECKS
from simcvd.plugin.checks.network import NETWORK_CHECKS
from simcvd.plugin.sample import network_config, one_thread, tiny_config

DOCS = Path(__file__).parents[3] / "docs"
Changes = dict[str, str]
Checked = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _no_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(plugins, "loaded", plugins.Loaded())
    with one_thread():
        yield


def _load(example: str, changes: Changes, folder: Path) -> None:
    text = (DOCS / example).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "own.py"
    path.write_text(text, encoding="utf-8")
    load_plugin(path)


def _named(checks: tuple[Check, ...], name: str) -> Check:
    return next(check for check in checks if check.name == name)


@pytest.fixture
def method_checked(tmp_path: Path) -> Checked:
    """Run a check on the documents' method, with parts of its text replaced."""

    def check(name: str, changes: Changes) -> Outcome:
        _load("own_method.py", changes, tmp_path)
        return outcome_of(
            _named(METHOD_CHECKS, name), "sharp_teacher", lambda settings: tiny_config("sharp_teacher", settings)
        )

    return check


@pytest.fixture
def network_checked(tmp_path: Path) -> Checked:
    """Run a check on the documents' network, with parts of its text replaced."""

    def check(name: str, changes: Changes) -> Outcome:
        _load("own_network.py", changes, tmp_path)
        return outcome_of(
            _named(NETWORK_CHECKS, name), "small_unet", lambda settings: network_config("small_unet", settings)
        )

    return check
