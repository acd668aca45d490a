import os
import resource
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from simcvd.errors import UserError
from sweeps.resources.surroundings import surroundings

OWN = f"simcvd-{os.geteuid()}"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A user with a home that has a token, and a short folder for temporary files, which is returned."""
    for name in ("RAY_TMPDIR", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    token = tmp_path / "home" / ".ray" / "auth_token"
    token.parent.mkdir(parents=True)
    token.touch(0o600)
    token.write_text("known")
    with TemporaryDirectory(prefix="x", dir="/tmp") as folder:
        Path(folder).chmod(0o1777)
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _open_files(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> list[tuple[int, int]]:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    return raised


def test_ray_gets_a_folder_that_nobody_else_can_enter_and_the_rest_stays(tmp_path: Path, short: Path) -> None:
    before = os.umask(0)
    try:
        assert surroundings() == {"RAY_TMPDIR": str(short / OWN)}
    finally:
        os.umask(before)
    assert _mode(short / OWN) == 0o700
    assert [path.name for path in (tmp_path / "home").rglob("*")] == [".ray", "auth_token"]


def test_a_folder_that_was_opened_to_others_is_closed_again(short: Path) -> None:
    surroundings()
    (short / OWN).chmod(0o777)
    assert surroundings() == {"RAY_TMPDIR": str(short / OWN)}
    assert _mode(short / OWN) == 0o700


def test_a_private_folder_of_the_users_own_choice_is_taken_as_it_is(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = short / "own"
    own.mkdir(0o700)
    monkeypatch.setenv("RAY_TMPDIR", str(own))
    assert surroundings() == {}
    own.chmod(0o755)
    assert surroundings() == {"RAY_TMPDIR": str(own / OWN)}
    assert _mode(own) == 0o755


def test_a_folder_that_somebody_else_has_put_there_is_not_taken(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = short / "free"
    free.mkdir()
    (short / "elsewhere").mkdir(0o700)
    (short / OWN).symlink_to(short / "elsewhere")
    assert surroundings((str(free),)) == {"RAY_TMPDIR": str(free / OWN)}
    (short / OWN).unlink()
    (short / OWN).mkdir()
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)  # the folder is another user's
    (short / OWN).rename(short / f"simcvd-{owner + 1}")
    with pytest.raises(UserError, match=f"a folder of yours in {short}, which is too long or can't be"):
        surroundings((str(short),))


def test_a_folder_whose_content_anybody_may_rename_is_not_taken(short: Path) -> None:
    short.chmod(0o777)  # without the sticky bit of /tmp
    with pytest.raises(UserError, match=r"set RAY_TMPDIR and TMPDIR to a folder of at most \d+ letters"):
        surroundings(("/absent",))


@pytest.mark.parametrize(("name", "replaced"), [("TMPDIR", {"RAY_TMPDIR", "TMPDIR"}), ("RAY_TMPDIR", {"RAY_TMPDIR"})])
def test_a_folder_that_is_too_long_or_not_there_is_replaced(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch, name: str, replaced: set[str]
) -> None:
    long = tmp_path / ("x" * 60)
    long.mkdir()
    expected = {"TMPDIR": str(short), "RAY_TMPDIR": str(short / OWN)}
    for folder in (str(long), "/absent"):
        monkeypatch.setenv(name, folder)
        assert surroundings(("/absent", str(short))) == {key: expected[key] for key in replaced}
        with pytest.raises(UserError, match=f"in {folder}, which is too long or .* set RAY_TMPDIR and TMPDIR to"):
            surroundings(("/absent",))


def test_python_does_with_a_longer_name_than_ray(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory(prefix="x" * 45, dir="/tmp") as middle:
        monkeypatch.setenv("TMPDIR", middle)
        assert surroundings((str(short),)) == {"RAY_TMPDIR": str(short / OWN)}


def test_a_token_is_made_for_its_owner_alone_before_ray_makes_one_for_everybody(tmp_path: Path) -> None:
    token = tmp_path / "home" / ".ray" / "auth_token"
    token.unlink()
    surroundings()
    assert (_mode(token), len(token.read_text())) == (0o600, 64)


def test_a_token_that_ray_made_for_everybody_is_closed_and_told(tmp_path: Path, capsys) -> None:
    token = tmp_path / "home" / ".ray" / "auth_token"
    token.chmod(0o644)
    surroundings()
    assert _mode(token) == 0o600
    assert f"Others could read the token in {token}" in capsys.readouterr().err


def test_without_a_home_for_a_token_all_rays_of_the_process_share_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/proc/absent")
    found = surroundings()
    assert found.keys() == {"RAY_TMPDIR", "RAY_AUTH_TOKEN"}
    assert len(found["RAY_AUTH_TOKEN"]) == 64
    assert surroundings() == found
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    assert surroundings().keys() == {"RAY_TMPDIR"}
    assert _mode(tmp_path / "token") == 0o600


def test_a_user_without_a_name_has_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    assert surroundings().keys() == {"RAY_TMPDIR", "RAY_AUTH_TOKEN"}


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
