"""The log of a trial, as its training writes it."""

import json
from pathlib import Path

from sweeps.status.trial import trial_folder


def write_log(runs: Path, trial: str, *points: tuple[int, float], steps: int = 100) -> None:
    """Write a line for each step and its seconds."""
    folder = trial_folder(runs, trial)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"step": step, "steps": steps, "seconds": seconds}) for step, seconds in points]
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n")
