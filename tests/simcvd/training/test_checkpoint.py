import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from simcvd.config import TrialConfig
from simcvd.errors import UserError
from simcvd.methods.base import Method
from simcvd.methods.registry import create
from simcvd.training import checkpoint as checkpoints
from simcvd.training.checkpoint import CheckpointWriter, Progress, load_checkpoint, snapshot
from simcvd.training.seal import is_sealed_archive


@pytest.fixture
def method(tiny_config: TrialConfig) -> Method:
    return create(tiny_config, 1, 3)


def test_a_checkpoint_is_of_the_step_it_was_asked_after_though_training_goes_on(
    method: Method, tiny_config: TrialConfig, tmp_path: Path
) -> None:
    go_on = threading.Event()
    writer = CheckpointWriter(tmp_path / "last.pt", method, "identity")
    before = {name: value.clone() for name, value in method.networks.state_dict().items()}
    writer.save(Progress(7, 1.5), check=lambda: go_on.wait(10))
    with torch.no_grad():
        for parameter in method.networks.parameters():
            parameter.add_(1)
    assert not (tmp_path / "last.pt").exists()
    go_on.set()
    writer.finish()
    restored = create(tiny_config, 1, 3)
    assert load_checkpoint(tmp_path / "last.pt", restored, "identity") == Progress(7, 1.5)
    assert all(torch.equal(value, before[name]) for name, value in restored.networks.state_dict().items())


def test_a_checkpoint_that_fails_its_check_is_not_written_and_says_so_once(method: Method, tmp_path: Path) -> None:
    def check() -> None:
        raise ArithmeticError("no number")

    writer = CheckpointWriter(tmp_path / "last.pt", method, "identity")
    writer.save(Progress(1), check)
    with pytest.raises(ArithmeticError, match="no number"):
        writer.finish()
    assert list(tmp_path.iterdir()) == []
    writer.finish()
    writer.save(Progress(2))
    writer.finish()
    assert load_checkpoint(tmp_path / "last.pt", method, "identity").steps_done == 2


def test_one_that_can_not_be_written_is_told_before_the_next_one(method: Method, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    writer = CheckpointWriter(tmp_path / "file" / "last.pt", method, "identity")
    writer.save(Progress(1))
    with pytest.raises(OSError, match=r"file"):
        writer.save(Progress(2))
    writer.save(Progress(3))
    writer.abandon()  # raises nothing: another error is on its way


Damage = Callable[[bytes], bytes]


def _flipped(at: float) -> Damage:
    """Flip a bit at a part of the file."""

    def damage(content: bytes) -> bytes:
        place = int(at * (len(content) - 1))
        return content[:place] + bytes([content[place] ^ 0x40]) + content[place + 1 :]

    return damage


DAMAGES: dict[str, Damage] = {
    **{f"a flipped bit at {at:.0%}": _flipped(at) for at in (0.02, 0.3, 0.5, 0.7, 0.9, 0.999)},
    "a zeroed page": lambda content: content[:4096] + bytes(4096) + content[8192:],
    "a torn end": lambda content: content[: len(content) // 2],
    "an empty file": lambda content: b"",
    "zeros alone": lambda content: bytes(len(content)),
}


@pytest.fixture
def saved(method: Method, tmp_path: Path) -> Path:
    """The checkpoint after step 4, that after step 2 before it; weights are as large as the step."""
    writer = CheckpointWriter(tmp_path / "last.pt", method, "identity")
    for step in (1, 2, 4):
        with torch.no_grad():
            for parameter in method.networks.parameters():
                parameter.fill_(step)
        writer.save(Progress(step))
        writer.finish()
    return tmp_path / "last.pt"


def _harm(path: Path, damage: Damage) -> None:
    path.write_bytes(damage(path.read_bytes()))


def _largest(method: Method) -> float:
    return max(float(parameter.detach().abs().max()) for parameter in method.networks.parameters())


def test_the_checkpoint_before_the_last_is_kept_and_no_other(saved: Path, method: Method) -> None:
    assert sorted(path.name for path in saved.parent.iterdir()) == ["last.pt", "previous.pt"]
    told: list[str] = []
    assert load_checkpoint(saved, method, "identity", told.append).steps_done == 4
    assert told == []
    assert load_checkpoint(saved.with_name("previous.pt"), method, "identity").steps_done == 2


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_gone_on_from_the_one_before(saved: Path, method: Method, damage: Damage) -> None:
    _harm(saved, damage)
    told: list[str] = []
    assert load_checkpoint(saved, method, "identity", told.append).steps_done == 2
    assert _largest(method) == 2
    (sentence,) = told
    assert sentence == (f"The checkpoint {saved} is damaged; the trial goes on from the one before it, after step 2.")
    # What was good is the last one now, so that the next checkpoint does not take its place beside a damaged one.
    assert load_checkpoint(saved, method, "identity", told.append).steps_done == 2
    assert len(told) == 1


def test_two_damaged_checkpoints_begin_anew(saved: Path, method: Method) -> None:
    for name in ("last.pt", "previous.pt"):
        _harm(saved.with_name(name), DAMAGES["a torn end"])
    told: list[str] = []
    assert load_checkpoint(saved, method, "identity", told.append) == Progress()
    assert told == [f"The checkpoint {saved} is damaged and the one before it is damaged; the trial begins anew."]
    saved.with_name("previous.pt").unlink()
    load_checkpoint(saved, method, "identity", told.append)
    assert told[1].endswith("is damaged and there is none before it; the trial begins anew.")
    writer = CheckpointWriter(saved, method, "identity")
    for step in (1, 2):
        writer.save(Progress(step))
        writer.finish()
    assert [
        load_checkpoint(saved.with_name(name), method, "identity").steps_done for name in ("last.pt", "previous.pt")
    ] == [2, 1]


def test_a_file_of_version_0_1_goes_on_and_its_own_checksums_tell_damage(saved: Path, method: Method) -> None:
    saved.with_name("previous.pt").unlink()
    state, wait = snapshot(method, Progress(4), "identity")
    wait()
    torch.save(state, saved)
    content = saved.read_bytes()
    assert load_checkpoint(saved, method, "identity").steps_done == 4
    for at in (0.3, 0.5, 0.7):
        saved.write_bytes(_flipped(at)(content))
        told: list[str] = []
        assert load_checkpoint(saved, method, "identity", told.append) == Progress()
        assert len(told) == 1


def test_a_missing_last_one_is_gone_on_from_the_one_before(saved: Path, method: Method) -> None:
    saved.unlink()
    told: list[str] = []
    assert load_checkpoint(saved, method, "identity", told.append).steps_done == 2
    assert "is missing; the trial goes on" in told[0]


def test_without_links_the_one_before_is_kept_too(
    method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*paths: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "last.pt"
    writer = CheckpointWriter(path, method, "identity")
    for step in (1, 2, 3):
        writer.save(Progress(step))
        writer.finish()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["last.pt", "previous.pt"]
    assert load_checkpoint(path.with_name("previous.pt"), method, "identity").steps_done == 2


def test_a_write_that_fails_at_its_rename_leaves_two_names_of_the_last_one_and_the_next_goes_on(
    saved: Path, method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def fails_for_the_last(source: Path, target: Path) -> None:
        if Path(target) == saved:
            raise OSError(errno.EIO, "Input/output error")
        replace(source, target)

    writer = CheckpointWriter(saved, method, "identity")
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", fails_for_the_last)
        writer.save(Progress(6))
        with pytest.raises(OSError, match="Input/output"):
            writer.finish()
    assert load_checkpoint(saved, method, "identity").steps_done == 4
    assert saved.samefile(saved.with_name("previous.pt"))
    writer.save(Progress(8))
    writer.finish()
    assert sorted(path.name for path in saved.parent.iterdir()) == ["last.pt", "previous.pt"]
    assert load_checkpoint(saved.with_name("previous.pt"), method, "identity").steps_done == 4


def test_what_the_disk_does_not_give_is_no_reason_to_begin_anew(
    saved: Path, method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {saved.with_name("previous.pt"), saved}
    whole = is_sealed_archive

    def read(path: Path) -> bool:
        if path in bad:
            raise OSError(errno.EIO, "Input/output error")
        return whole(path)

    monkeypatch.setattr(checkpoints, "is_sealed_archive", read)
    with pytest.raises(OSError, match="Input/output"):
        load_checkpoint(saved, method, "identity")
    bad.remove(saved.with_name("previous.pt"))
    assert load_checkpoint(saved, method, "identity").steps_done == 2


def test_a_whole_file_that_is_no_checkpoint_is_refused_and_stays(saved: Path, method: Method) -> None:
    torch.save({"format": 99}, saved)
    with pytest.raises(UserError, match="belongs to other settings; delete the folder"):
        load_checkpoint(saved, method, "identity")
    torch.save(Progress(4), saved)  # a class, which is not read from a file
    with pytest.raises(UserError, match="no checkpoint that this version reads"):
        load_checkpoint(saved, method, "identity")
    assert saved.with_name("previous.pt").exists()


def test_other_workers_look_after_the_first_has_mended_and_all_go_on_from_one_step(
    saved: Path, method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    _harm(saved, DAMAGES["a torn end"])
    asked: list[int] = []

    def meet(mine: int) -> list[int]:
        asked.append(mine)
        if len(asked) == 1:  # the first worker comes with what it has read and mended
            os.replace(saved.with_name("previous.pt"), saved)
        return [2, mine]

    monkeypatch.setattr(checkpoints, "rank_and_workers", lambda: (1, 2))
    monkeypatch.setattr(checkpoints, "from_all", meet)
    assert load_checkpoint(saved, method, "identity").steps_done == 2
    assert asked == [0, 2]
    saved.unlink()
    with pytest.raises(UserError, match=r"different steps \(2, 0\)"):
        load_checkpoint(saved, method, "identity")
