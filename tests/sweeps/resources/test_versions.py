import re

import pytest

from sweeps.resources.versions import differences, versions


def test_our_own_files_are_compared_too_since_an_editable_installation_keeps_its_version(tmp_path, monkeypatch) -> None:
    found = versions()
    assert list(found) == ["python", "torch", "ray", "numpy", "simcvd", "simcvd's source files"]
    assert re.fullmatch(r"3\.\d+", found["python"])
    assert versions() == found
    for package in ("simcvd", "sweeps", "analysis"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: _Spec([str(tmp_path / name)]))
    digests = []
    for text in ("a = 1", "a = 2", "a = 1"):
        (tmp_path / "sweeps" / "module.py").write_text(text)
        digests.append(versions()["simcvd's source files"])
    assert digests[0] == digests[2] != digests[1]


class _Spec:
    def __init__(self, places: list[str]) -> None:
        self.submodule_search_locations = places


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"torch": "2.7", "ray": "2.60", "more": "1"}, None),
        ({"torch": "2.6", "ray": "2.60"}, ("torch 2.6", "torch 2.7")),
        ({"torch": "2.6"}, ("torch 2.6, ray none", "torch 2.7, ray 2.60")),
    ],
)
def test_what_differs_is_told_as_found_and_as_expected(found: dict, told: tuple[str, str] | None) -> None:
    assert differences(found, {"torch": "2.7", "ray": "2.60"}) == told
