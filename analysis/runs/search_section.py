"""The section `search` of a sweep's file: what its search has found so far."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

BEST_ROW: Final = "best found"
"""Variant of the sweep that has the best settings on fresh seeds; its reference has the base's own."""


@dataclass(frozen=True)
class Chosen:
    """Settings that a search compares, and what they reached.

    Attributes:
        number: place in the search.
        value: mean score on the val cases, stored unit.
        set: dotted keys.
        trial: id of the trial that reached it.
        command: the line that trains them; of the best ones alone.
    """

    number: int
    value: float
    set: Mapping[str, Any]
    trial: str
    command: str | None = None


@dataclass(frozen=True)
class SearchSection:
    """What a sweep that searches has found so far.

    Attributes:
        study: the study's name.
        storage: where the study is.
        fidelity: how shorter trainings stand for the full one.
        pruner: what ends settings early.
        rungs: training steps after which settings are compared.
        steps: of a full training.
        seed: the seed that it searches with.
        trials: settings to try.
        space: range of each searched setting.
        states: how many settings ended how.
        over: whether all settings have been tried.
        importances: `shares`, `trials` and `steps` of `analysis.comparison.importance.Importances`.
        best: the best settings; None before any is trained to the end.
        base: the base's own settings; None before they are trained.
    """

    study: str
    storage: str
    fidelity: str
    pruner: str
    rungs: tuple[int, ...]
    steps: int
    seed: int
    trials: int
    space: Mapping[str, Any]
    states: Mapping[str, int]
    over: bool
    importances: Mapping[str, Any]
    best: Chosen | None = None
    base: Chosen | None = None


def section_content(search: SearchSection) -> dict[str, Any]:
    """Return what the file has under `search`, in JSON types."""
    content = {key: value for key, value in asdict(search).items() if value is not None}
    for name in content.keys() & {"best", "base"}:
        content[name] = {key: value for key, value in content[name].items() if value is not None}
    return content


def parse_section(content: Mapping[str, Any]) -> SearchSection:
    """Return what the file has under `search`.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not as a search writes it.
    """
    return SearchSection(
        study=str(content["study"]),
        storage=str(content["storage"]),
        fidelity=str(content["fidelity"]),
        pruner=str(content["pruner"]),
        rungs=tuple(content["rungs"]),
        steps=int(content["steps"]),
        seed=int(content["seed"]),
        trials=int(content["trials"]),
        space=dict(content["space"]),
        states={str(state): int(count) for state, count in content["states"].items()},
        over=bool(content["over"]),
        importances=dict(content["importances"]),
        best=None if content.get("best") is None else Chosen(**content["best"]),
        base=None if content.get("base") is None else Chosen(**content["base"]),
    )
