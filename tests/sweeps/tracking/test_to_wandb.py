"""With the real library, offline: what it writes is read with its own reader."""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sweeps.tracking.process import followed

pytest.importorskip("wandb", reason="wandb is not installed")

Write = Callable[..., None]
RunTrial = Callable[..., str]

BLOCK, HEADER, FULL, LAST = 32_768, 7, 1, 4


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("WANDB_DIR", "WANDB_PROJECT", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def records(path: Path) -> Iterator[Any]:
    """Read the records of a run that was kept offline: LevelDB's log format, after seven bytes of its own."""
    from wandb.proto import wandb_internal_pb2

    content, place, whole = path.read_bytes(), 7, b""
    while place < len(content):
        left = BLOCK - place % BLOCK
        if left < HEADER:  # filled up
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + HEADER])
        whole += content[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (FULL, LAST):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def read(folder: Path) -> dict[str, Any]:
    """Return name, settings, reports and summary of a run."""
    found: dict[str, Any] = {"reports": [], "summary": {}}
    for record in records(next(folder.glob("run-*.wandb"))):
        if record.HasField("run"):
            run = record.run
            config = {item.key: json.loads(item.value_json) for item in run.config.update}
            found |= {"id": run.run_id, "name": run.display_name, "group": run.run_group, "config": config}
            found["project"] = run.project
        for item in record.history.item:
            if item.key == "step" or list(item.nested_key) == ["step"]:
                found["reports"].append(json.loads(item.value_json))
        for item in record.summary.update:
            found["summary"][item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
        if record.HasField("exit"):
            found["exit"] = record.exit.exit_code
    return found


def test_runs_have_name_settings_numbers_and_scores(tmp_path: Path, write_sweep: Write, run_trial: RunTrial) -> None:
    write_sweep(one={0: "a"}, **{"w/o SDM": {1: "b"}})
    told: list[str] = []
    with followed(tmp_path, "mine", ["wandb"], told.append):
        run_trial("a")
        run_trial("b", sdm=9.0)
    assert told == []
    folders = sorted((tmp_path / "wandb").glob("offline-run-*"))
    runs = {run["name"]: run for run in map(read, folders)}
    assert runs.keys() == {"mine/one seed 0", "mine/w/o SDM seed 1"}
    one, failed = runs["mine/one seed 0"], runs["mine/w/o SDM seed 1"]
    assert (one["project"], one["group"]) == ("simcvd", "mine")
    assert (one["config"]["training.steps"], one["config"]["trial"], one["config"]["variant"]) == (3, "a", "one")
    assert one["reports"] == [1, 2, 3]
    assert one["summary"]["val_dice"] == 0.5
    assert 0.4 < one["summary"]["test_dice"] < 1
    assert (one["exit"], failed["exit"]) == (0, 1)
    assert failed["reports"] == [1, 2]
    assert one["id"] != failed["id"]
    with followed(tmp_path, "mine", ["wandb"], told.append):
        pass
    assert sorted((tmp_path / "wandb").glob("offline-run-*")) == folders, "nothing is sent twice"
