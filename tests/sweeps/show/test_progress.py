import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from sweeps.show.progress import ProgressDisplay
from sweeps.status.sweep import Planned, SweepReader, SweepState
from tests.sweeps.status.logs import write_log


def _wait_for(text: str, out: io.StringIO) -> None:
    end = time.monotonic() + 60
    while text not in out.getvalue():
        assert time.monotonic() < end, f"{text!r} never came; the output is {out.getvalue()!r}"
        time.sleep(0.05)


def test_the_way_to_stop_outlives_a_display_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    ticks: list[float] = []
    monkeypatch.setattr("sweeps.show.progress.REFRESH_S", 0.01)

    class Broken(SweepReader):
        def read(self) -> SweepState:
            raise ValueError("no such thing")

    reader = Broken(tmp_path, "mine", [])
    with ProgressDisplay(reader, Console(file=out), tmp_path / "notices.txt", lambda: ticks.append(0)):
        _wait_for("Progress can't be shown any more (ValueError: no such thing)", out)
        end = time.monotonic() + 60
        while len(ticks) < 3:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_a_file_system_that_hesitates_does_not_end_the_display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sweeps.show.progress.REFRESH_S", 0.01)
    reads: list[int] = []
    real: Callable[[SweepReader], SweepState] = SweepReader.read

    def read(self: SweepReader) -> SweepState:
        reads.append(0)
        if len(reads) in {2, 3}:
            raise OSError(116, "Stale file handle")
        return real(self)

    monkeypatch.setattr(SweepReader, "read", read)
    reader = SweepReader(tmp_path, "mine", [Planned("a", "A", 0, 100)])
    with ProgressDisplay(reader, Console(file=out), tmp_path / "notices.txt"):
        end = time.monotonic() + 60
        while len(reads) < 4:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert "can't be shown" not in out.getvalue()


def test_reading_many_trials_leaves_most_of_the_time_to_the_sweep(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("sweeps.show.progress.REFRESH_S", 0.001)
    write_log(tmp_path, "a", (20, 100.0))
    reader = SweepReader(tmp_path, "many", [Planned("a", "v", 0, 100)])
    spent: list[float] = []
    read = reader.read

    def slowly() -> SweepState:
        began = time.monotonic()
        time.sleep(0.02)
        found = read()
        spent.append(time.monotonic() - began)
        return found

    monkeypatch.setattr(reader, "read", slowly)
    began = time.monotonic()
    with ProgressDisplay(reader, Console(file=io.StringIO()), tmp_path / "notices.txt"):
        while len(spent) < 3:
            time.sleep(0.01)
        whole = time.monotonic() - began
        assert sum(spent[:2]) < 0.2 * whole
