from pathlib import Path

import pytest

from sweeps.search.claim import claim, read_identity


def test_a_search_that_goes_on_keeps_its_files(tmp_path: Path) -> None:
    tries = claim(tmp_path, "abc")
    assert tries == tmp_path / "search"
    assert (tries / "identity.json").read_text() == '{\n "identity": "abc"\n}\n'
    (tries / "0.json").write_text("0")
    assert claim(tmp_path, "abc") == tries
    assert (tries / "0.json").read_text() == "0"


def test_another_search_is_moved_aside_with_its_study_and_comes_back(tmp_path: Path) -> None:
    for identity in ("abc", "def"):
        tries = claim(tmp_path, identity)
        (tries / "0.json").write_text(identity)
        (tmp_path / "study.journal").write_text(identity)
    assert (tmp_path / "search-abc" / "0.json").read_text() == "abc"
    assert (tmp_path / "study-abc.journal").read_text() == "abc"
    tries = claim(tmp_path, "abc")
    assert read_identity(tries) == (tries / "0.json").read_text() == "abc"
    assert (tmp_path / "study.journal").read_text() == "abc"
    assert (tmp_path / "search-def" / "0.json").read_text() == "def"
    assert not (tmp_path / "search-abc").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "abc"}', None])
def test_files_of_nobody_are_kept_and_never_overwritten(tmp_path: Path, text: str | None) -> None:
    for number in range(2):
        tries = tmp_path / "search"
        tries.mkdir()
        (tries / "0.json").write_text(str(number))
        if text is not None:
            (tries / "identity.json").write_text(text)
        assert read_identity(tries) is None
        claim(tmp_path, "abc")
        assert [path.name for path in tries.iterdir()] == ["identity.json"]
        tries.rename(tmp_path / f"mine-{number}")
    assert (tmp_path / "search-unknown" / "0.json").read_text() == "0"
    assert (tmp_path / "search-unknown-2" / "0.json").read_text() == "1"
