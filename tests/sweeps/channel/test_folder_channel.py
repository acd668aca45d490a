from pathlib import Path

import pytest

from sweeps.channel.channel import StopReason
from sweeps.channel.folder_channel import GPU_FAILURES, FolderChannel
from sweeps.channel.gpu_failure import GpuFailure


@pytest.fixture
def channel(tmp_path: Path) -> FolderChannel:
    made = FolderChannel(tmp_path)
    made.open()
    return made


def test_trials_may_run_until_they_are_asked_to_stop_and_the_first_reason_stays(channel: FolderChannel) -> None:
    assert channel.stop_reason() is None
    channel.request_stop(StopReason.disk_full)
    channel.request_stop(StopReason.asked)
    assert channel.stop_reason() is StopReason.disk_full


def test_to_ask_for_a_stop_takes_no_further_file_of_a_full_disk(channel: FolderChannel) -> None:
    before = len(list(channel.scratch.iterdir()))
    channel.request_stop(StopReason.disk_full)
    assert len(list(channel.scratch.iterdir())) == before


def test_sentences_are_lines_in_their_order(channel: FolderChannel) -> None:
    channel.tell("First.")
    channel.tell("Second.")
    assert channel.notices.read_text().splitlines() == ["First.", "Second."]


def test_attempts_are_kept_a_trial_each(channel: FolderChannel) -> None:
    channel.note_attempt("t", {"b", "a"})
    channel.note_attempt("t", {"c"})
    assert channel.attempts("t") == [{"a", "b"}, {"c"}]
    assert channel.attempts("u") == []


def test_failures_of_gpus_are_read_as_they_were_noted(channel: FolderChannel) -> None:
    failures = [GpuFailure(trial, "1", "a", "host", "unknown error", False) for trial in ("t", "u")]
    channel.note_gpu_failure(failures[0])
    assert (channel.gpu_failures(), channel.failed_nodes()) == ([failures[0]], frozenset())
    channel.note_gpu_failure(failures[1])
    assert sorted(channel.gpu_failures(), key=lambda failure: failure.trial_id) == failures
    assert channel.failed_nodes() == frozenset({"a"})


def test_half_written_notes_are_not_read(channel: FolderChannel) -> None:
    (channel.scratch / GPU_FAILURES).mkdir()
    (channel.scratch / GPU_FAILURES / ".0123.json.tmp-7-0").write_text("{")
    (channel.scratch / GPU_FAILURES / "4567.json").write_text("{")
    assert channel.gpu_failures() == []
