"""`plan.yaml` in a data set folder: settings to start from, the reasons as comments; a person may edit it."""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simcvd.config.edit import PLAN, from_mapping, setting_problem
from simcvd.data.dataset_info import DatasetInfo
from simcvd.data.plan.fingerprint import fingerprint_of
from simcvd.data.plan.plan import Plan, make_plan
from simcvd.files import write_file
from simcvd.nested import dotted, leaves
from simcvd.yaml_text import Problem, read_yaml

FILE_NAME = "plan.yaml"
_WIDTH = 110
_HEADER = """\
Settings that fit the data set {name}, each with its reason, made by `simcvd prepare`. Edit them as you like:
train, sweep and search on this data set start from here, and --preset NAME from elsewhere."""


def plan_for(folder: Path, info: DatasetInfo) -> tuple[str, ...]:
    """Plan a data set that has no preset, write the plan and return it as lines.

    Args:
        folder: the data set folder, its case files written.
        info: what it will be described by.
    """
    if info.preset is not None:
        return ()
    plan = make_plan(fingerprint_of(folder, info))
    write_plan(folder, info.name, plan)
    head = f"The plan, in {folder / FILE_NAME}, from which train, sweep and search start here; edit it as you like:"
    return head, *(f"  {choice}" for choice in plan.choices)


def write_plan(folder: Path, name: str, plan: Plan) -> None:
    """Write `plan.yaml` by rename.

    Args:
        folder: the data set folder.
        name: of the data set.
        plan: what to write.
    """
    lines = [f"# {line}" for line in _HEADER.format(name=" ".join(name.split())).splitlines()]
    sections: dict[str, list[str]] = {}
    for choice in plan.choices:
        section, key = choice.key.split(".")
        told = [f"  # {line}" for line in textwrap.wrap(choice.reason, _WIDTH)]
        sections.setdefault(section, []).extend([*told, f"  {key}: {json.dumps(choice.value)}"])
    for section, content in sections.items():
        lines += [f"{section}:", *content]
    write_file(folder / FILE_NAME, "\n".join(lines) + "\n")


def read_plan(folder: Path) -> dict[str, Any] | None:
    """Return the dotted settings of a data set's plan; none where it has no plan.

    Raises:
        UserError: unknown key or value out of range, with its line; settings that don't fit each other.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    text = read_yaml(path, "plan", "training.steps")
    found = {key: (".".join(map(str, key)), value) for key, value in leaves(text.content)}
    problems = {key: setting_problem(name, value) for key, (name, value) in found.items()}
    if wrong := [Problem(key, reason) for key, reason in problems.items() if reason is not None]:
        text.refuse(wrong)
    settings = dotted(text.content)
    from_mapping(settings, origin=str(path))
    return settings


def own_preset(folder: Path, preset: str | None) -> tuple[str | None, Mapping[str, Any] | None]:
    """Return the name of what trials on a data set start from, and its plan where that is one.

    Args:
        folder: the data set folder.
        preset: `DatasetInfo.preset`.

    Raises:
        UserError: the plan is wrong.
    """
    plan = read_plan(folder)
    return (preset, None) if plan is None else (PLAN, plan)
