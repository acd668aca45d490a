import resource
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from simcvd.errors import UserError
from sweeps.resources.surroundings import surroundings


@pytest.fixture(autouse=True)
def sound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user with a home and a short folder for temporary files."""
    for name in ("RAY_TMPDIR", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TMPDIR", "/tmp")
    monkeypatch.setenv("HOME", str(tmp_path))


def _open_files(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> list[tuple[int, int]]:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    return raised


def test_sound_surroundings_stay_as_they_are(tmp_path: Path) -> None:
    assert surroundings() == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "replaced"), [("TMPDIR", {"RAY_TMPDIR", "TMPDIR"}), ("RAY_TMPDIR", {"RAY_TMPDIR"})])
def test_a_folder_that_is_too_long_or_not_there_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, replaced: set[str]
) -> None:
    long = tmp_path / ("x" * 60)
    long.mkdir()
    for folder in (str(long), "/absent"):
        monkeypatch.setenv(name, folder)
        assert surroundings(("/absent", "/tmp")) == dict.fromkeys(replaced, "/tmp")
        with pytest.raises(UserError, match=f"{folder}, whose name is too long or .* set RAY_TMPDIR and TMPDIR to a"):
            surroundings(("/absent",))


def test_python_does_with_a_longer_name_than_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory(prefix="x" * 45, dir="/tmp") as middle:
        monkeypatch.setenv("TMPDIR", middle)
        assert surroundings() == {"RAY_TMPDIR": "/tmp"}


def test_without_a_home_for_a_token_all_rays_of_the_process_share_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/proc/absent")
    found = surroundings()
    assert list(found) == ["RAY_AUTH_TOKEN"]
    assert len(found["RAY_AUTH_TOKEN"]) == 64
    assert surroundings() == found
    (tmp_path / "token").write_text("own")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    assert surroundings() == {}


def test_a_user_without_a_name_has_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    assert list(surroundings()) == ["RAY_AUTH_TOKEN"]


def test_the_limit_of_open_files_is_raised_where_it_may_be_and_else_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, hard, raised in ((1024, 4096, []), (64, 4096, [(1024, 4096)]), (64, 600, [(600, 600)])):
        calls = _open_files(monkeypatch, soft, hard)
        surroundings()
        assert calls == raised
    _open_files(monkeypatch, 64, 64)
    with pytest.raises(
        UserError, match="may open 64 files here, but Ray needs 512 or more; raise the limit with ulimi"
    ):
        surroundings()
