import os
from pathlib import Path

import pytest

from simcvd.errors import UserError
from sweeps.storage.exchange import HERE, FolderExchange, StorageReport, capital, open_folder_exchange, reason_of

NODE = "node gpu02 (192.0.2.12)"
EXCHANGE = FolderExchange(Path("/shared/runs"), Path("/shared/runs/.preflight"), "a token")


def test_a_node_whose_file_is_not_seen_here_has_other_storage() -> None:
    with pytest.raises(UserError, match=r"not shared: this machine does not see what node gpu02 .* writes there"):
        EXCHANGE.judge({HERE: StorageReport(), NODE: StorageReport()}, [NODE])


def test_locks_that_do_not_reach_a_node_are_a_notice() -> None:
    (notice,) = EXCHANGE.judge({HERE: StorageReport(), NODE: StorageReport(locked_out=False)})
    assert notice == (
        "File locks in /shared/runs do not reach node gpu02 (192.0.2.12), so two commands could run one trial; "
        "start one command at a time on this runs folder."
    )


def test_a_file_of_another_command_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    with open_folder_exchange(tmp_path) as exchange:
        assert exchange.look("node") == StorageReport()
        other = FolderExchange(exchange.runs, exchange.folder, "another token")
        assert other.look("node") == StorageReport(sees_command=False)
        (exchange.folder / "reply").mkdir()
        assert exchange.look("reply") == StorageReport(write_error="Is a directory")


def test_what_a_killed_command_left_is_deleted_a_day_later(tmp_path: Path) -> None:
    young, old = tmp_path / ".preflight-0123", tmp_path / ".preflight-4567"
    for folder in (young, old):
        folder.mkdir()
        (folder / "lock").touch()
    os.utime(old, (0, 0))
    with open_folder_exchange(tmp_path):
        assert (young.exists(), old.exists()) == (True, False)


def test_what_is_said_of_a_node_fits_into_a_sentence() -> None:
    assert reason_of(OSError(28, "No space left on device")) == "No space left on device"
    assert reason_of(ValueError("two\n  lines.")) == "two lines"
    assert capital(NODE) == "Node gpu02 (192.0.2.12)"
