import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from simcvd.data.preparation.journal import locked
from simcvd.data.preparation.prepare import PrepareReport
from simcvd.data.store import case_digest, open_info
from simcvd.errors import UserError
from tests.simcvd.data.preparation.tiny_folder import BOX, Nifti, bad_empty, run, scan


def test_interrupted_preparation_resumes_to_the_same_data_set(nifti: Nifti, target: Path) -> None:
    source = nifti()

    def interrupt(done: int, total: int, case_id: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(source, target, workers=1, progress=interrupt)
    with pytest.raises(UserError, match="is not finished; run the same `simcvd prepare` again"):
        open_info(target)
    (target / "cases" / "a.h5.tmp-123").write_text("torn")
    with (target / ".prepare" / "journal.jsonl").open("a") as journal:
        journal.write('\n{"id": "d", "sta')
    report = run(source, target)
    assert (report.written, report.resumed) == (3, 3)
    assert not list(target.rglob("*.tmp-*"))
    whole = run(source, target.with_name("whole"))
    assert report.info.digest == whole.info.digest


def test_changed_source_of_an_unfinished_case_is_read_anew(nifti: Nifti, target: Path) -> None:
    source = nifti()
    bad_empty(source)
    with pytest.raises(UserError):
        run(source, target)
    source.label("c", BOX)
    source.image("a", scan(55))
    report = run(source, target)
    assert (report.written, report.resumed) == (2, 4)
    assert report.info.digest == run(source, target.with_name("whole")).info.digest


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a zeroed page": lambda content: content[:4096] + bytes(4096) + content[8192:],
    "a flipped bit": lambda content: content[:5000] + bytes([content[5000] ^ 0x40]) + content[5001:],
    "zeros alone": lambda content: bytes(len(content)),
    "a torn end": lambda content: content[:6000],
}


@pytest.mark.parametrize("finished", [True, False], ids=["finished", "interrupted"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_case_file_that_is_not_what_was_written_is_written_anew(
    nifti: Nifti, target: Path, damage: Callable[[bytes], bytes], finished: bool
) -> None:
    source = nifti()
    whole = run(source, target)
    path = target / "cases" / "c.h5"
    before = path.read_bytes()
    path.write_bytes(damage(before))
    if not finished:
        (target / "dataset.json").unlink()
    report = run(source, target)
    assert (report.written, report.resumed) == (1, 5)
    assert report.info == whole.info == open_info(target)
    assert case_digest(target, "c") == whole.info.digests["c"]
    again = run(source, target)
    assert (again.written, again.resumed) == (0, 6)


def test_a_case_is_flushed_before_the_journal_says_that_it_is_finished(
    nifti: Nifti, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, calls = target / ".prepare" / "journal.jsonl", list[tuple[str, str]]()

    def flush(handle: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        told = [json.loads(line)["id"] for line in journal.read_text().split("\n") if line] if journal.exists() else []
        calls.extend((path.name, case_id) for case_id in told)
        calls.append((path.name, ""))

    monkeypatch.setattr(os, "fsync", flush)
    run(nifti(), target, workers=1)
    names = [name for name, told in calls if not told]
    for case_id in "abcdef":
        (half,) = {name for name in names if name.startswith(f".{case_id}.h5.tmp-")}
        assert (half, "") in calls
        assert (half, case_id) not in calls
        assert names[names.index(half) + 1] == "cases"  # the folder, which holds the file's name


def test_two_preparations_of_one_folder_do_not_meet(nifti: Nifti, target: Path) -> None:
    source = nifti()
    inside, leave = threading.Event(), threading.Event()

    def hold(done: int, total: int, case_id: str) -> None:
        inside.set()
        assert leave.wait(20)

    reports: list[PrepareReport] = []
    thread = threading.Thread(target=lambda: reports.append(run(source, target, progress=hold)))
    thread.start()
    assert inside.wait(20)
    try:
        with pytest.raises(UserError, match="Another `simcvd prepare` is at work in"):
            run(source, target)
    finally:
        leave.set()
        thread.join()
    assert reports[0].info == open_info(target)


def test_refused_preparation_leaves_no_folder(nifti: Nifti, target: Path) -> None:
    with pytest.raises(UserError, match="cases have a label"):
        run(nifti(), target, labeled=50, val=1, test=1)
    assert not target.exists()


def test_case_that_another_thread_wrote_beside_a_bad_one_does_not_block_the_folder(target: Path) -> None:
    def write_and_stop() -> None:
        with locked(target):
            (target / "cases").mkdir()
            (target / "cases" / "a.h5").touch()
            raise UserError("bad")

    with pytest.raises(UserError, match="bad"):
        write_and_stop()
    with locked(target) as journal:
        assert journal.entry("a") is None


def test_folder_with_other_files_is_refused(nifti: Nifti, target: Path) -> None:
    target.mkdir()
    (target / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="holds other files; expected a new or empty folder"):
        run(nifti(), target)
    with pytest.raises(UserError, match="is a file; expected a folder"):
        run(nifti(), target / "thesis.tex")


@pytest.mark.parametrize("absolute", [False, True])
def test_a_journal_of_a_stranger_deletes_nothing_outside_of_the_folder(
    absolute: bool, nifti: Nifti, target: Path, tmp_path: Path
) -> None:
    thesis = tmp_path / "thesis.h5"
    thesis.write_text("years of work")
    source = nifti()
    with locked(target):
        pass
    stranger = str(thesis.with_suffix("")) if absolute else "../../thesis"
    line = {"id": stranger, "stamp": "s", "digest": "d", "size": 1, "channels": 1, "empty_label": False}
    (target / ".prepare").mkdir(parents=True, exist_ok=True)
    (target / ".prepare" / "journal.jsonl").write_text(json.dumps(line))
    assert run(source, target).written == 6
    assert thesis.read_text() == "years of work"
