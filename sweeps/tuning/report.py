"""The tuning's report: `tune.md` in its folder, and in the model's."""

import shlex
from collections.abc import Iterable, Sequence
from typing import Final

from simcvd.data.plan.plan_file import FILE_NAME as PLAN_FILE
from simcvd.files import write_file
from sweeps.status.sweep import duration
from sweeps.tuning.opened import Opened, schedule_lines
from sweeps.tuning.record import TuneRecord

REPORT: Final = "tune.md"


def write_report(opened: Opened, record: TuneRecord, verdict: Sequence[str]) -> str:
    """Write `RUNS/sweeps/NAME/tune.md` and return it: verdict first, then plan, schedule and each stage.

    Args:
        opened: the tuning.
        record: what each stage came to.
        verdict: sentences, the most important one first.
    """
    request = opened.request
    parts = [f"# {request.name}: {opened.info.name} tuned", *_list(verdict), "## Data and plan", *_list(record.plan)]
    if (plan := request.base.dataset / PLAN_FILE).is_file():
        parts.append(f"```yaml\n{plan.read_text().rstrip()}\n```")
    schedule = schedule_lines(record.schedule, record.limit_s)
    parts += ["## Schedule", *_list(line.strip() for line in schedule)]
    if record.smaller:
        smaller = ", ".join(f"{key}={value}" for key, value in record.smaller.items())
        parts += [f"Made smaller to fit this device: {smaller}."]
    for stage in record.schedule.stages:
        used = record.used_s.get(stage.name)
        took = "not run" if used is None else f"{duration(used)}, expected {duration(stage.seconds)}"
        parts += [f"## {stage.name.capitalize()} ({took})", *_list(record.lines.get(stage.name, ()))]
        if used is not None and stage.name == "confirm":
            sweep = request.base.runs / "sweeps" / request.stage_name("confirm")
            parts += [f"`{shlex.join(['simcvd', 'report', str(sweep)])}`"]
    text = "\n\n".join(part for part in parts if part) + "\n"
    write_file(request.folder / REPORT, text)
    return text


def _list(lines: Iterable[str]) -> list[str]:
    told = "\n".join(f"- {line}" for line in lines)
    return [told] if told else []
