import os
from pathlib import Path

import pytest

from simcvd.files import fitting_name, forget_partials, make_folder, replacing, replacing_folder, write_file


def test_a_file_appears_whole_in_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with replacing(path) as partial:
        partial.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]


def test_text_and_bytes_replace_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in ("\N{GREEK SMALL LETTER TAU}", b"\x00"):
        write_file(path, content)
        assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())


def test_an_error_leaves_the_old_file_and_no_partial_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as partial:
            partial.write_text("half")
            raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_partial_names_differ_are_hidden_and_keep_an_ending(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.nii.gz", ending=".nii.gz") as one, replacing(tmp_path / "a.nii.gz") as other:
        assert one != other
        for partial in (one, other):
            assert partial.name.startswith(".a.nii.gz.tmp-")
            partial.touch()
        assert one.name.endswith(".nii.gz")


def test_a_durable_file_is_flushed_before_it_appears_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    flushed: list[tuple[str, bool]] = []

    def note(descriptor: int) -> None:
        flushed.append((Path(os.readlink(f"/proc/self/fd/{descriptor}")).name, path.exists()))

    monkeypatch.setattr("os.fsync", note)
    write_file(path, "lost with the power", durable=False)
    assert flushed == []
    path.unlink()
    write_file(path, "kept")
    (partial, there_before), (folder, there_after) = flushed
    assert partial.startswith(".a.tmp-")
    assert folder == tmp_path.name
    assert (there_before, there_after) == (False, True)


def test_the_names_of_new_folders_are_flushed_with_the_first_file_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr("os.fsync", lambda handle: flushed.append(Path(os.readlink(f"/proc/self/fd/{handle}"))))
    write_file(tmp_path / "one" / "two" / "lost", "", durable=False)
    assert flushed == []
    write_file(tmp_path / "three" / "four" / "kept", "")
    assert flushed[:2] == [tmp_path / "three", tmp_path]
    assert flushed[-1] == tmp_path / "three" / "four"
    flushed.clear()
    make_folder(tmp_path / "three" / "four")
    assert flushed == []


def test_a_full_disk_is_an_error_and_a_folder_that_cant_be_flushed_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"

    def of_folders(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            raise OSError(22, "Invalid argument")

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", of_folders)
    write_file(path, "kept")
    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_file(path, "newer")
    assert path.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [path]


def test_the_mode_is_that_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "a", "")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_name_that_is_too_long_is_cut_and_ends_with_a_hash() -> None:
    for name in ("a" * 255, "\N{GREEK SMALL LETTER TAU}" * 127, "a.b-c"):
        assert fitting_name(name) == name
    cut = {fitting_name("a" * 256), fitting_name("a" * 300), fitting_name("\N{GREEK SMALL LETTER TAU}" * 128)}
    assert len(cut) == 3
    for name in cut:
        assert 253 <= len(name.encode()) <= 255
        assert fitting_name(name) == name


@pytest.mark.parametrize("name", ["a" * 255, "\N{GREEK SMALL LETTER TAU}" * 127])
def test_a_file_with_the_longest_name_that_a_disk_takes_is_written(tmp_path: Path, name: str) -> None:
    write_file(tmp_path / name, "one")
    with replacing(tmp_path / name, ending=".nii.gz") as partial:
        assert partial.name.startswith(f".{name[:50]}")
        partial.write_text("two")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "two"


def test_what_a_killed_process_left_of_a_file_is_deleted_a_day_later(tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    young, old, whole = folder / ".a.csv.tmp-1-0", folder / ".b.csv.tmp-1-0", folder / "b.csv"
    for path in (young, old, whole):
        path.touch()
    for path in (old, whole):
        os.utime(path, (0, 0))
    forget_partials(tmp_path)
    assert [path.exists() for path in (young, old, whole)] == [True, False, True]


def test_storage_that_fails_is_told_by_its_own_error_not_by_that_of_tidying_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, *given: object, **named: object) -> None:
        raise OSError(5, "Input/output error", "the partial file")

    monkeypatch.setattr(os, "unlink", refuse)
    monkeypatch.setattr(os, "replace", lambda *given: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        write_file(tmp_path / "a", "one")


def test_a_folder_appears_whole_and_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "model"
    for number in range(2):
        with replacing_folder(path) as partial:
            (partial / f"{number}.txt").write_text("whole")
            assert path.exists() == bool(number)
        assert [file.name for file in path.iterdir()] == [f"{number}.txt"]
        assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("renamed", [0, 1])
def test_a_folder_whose_renaming_fails_leaves_the_old_one(
    renamed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    write_file(path / "old.txt", "old")
    real, calls = os.replace, list[Path]()

    def fail_once(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == renamed + 1:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr("os.replace", fail_once)
    with pytest.raises(OSError, match="No space"), replacing_folder(path) as partial:
        (partial / "new.txt").touch()
    assert [file.name for file in path.iterdir()] == ["old.txt"]
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_kill_left_of_a_folder_a_day_ago_goes(tmp_path: Path) -> None:
    for name, old in ((".model.tmp-1-a", True), (".model.tmp-2-b", False), (".other.tmp-3-c", True)):
        (tmp_path / name / "inside").mkdir(parents=True)
        if old:
            os.utime(tmp_path / name, (0, 0))
    with replacing_folder(tmp_path / "model"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".model.tmp-2-b", ".other.tmp-3-c", "model"]
