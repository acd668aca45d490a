from typing import Any

import pytest
import yaml

from analysis.runs.search_section import Chosen, SearchSection, parse_section, section_content

SECTION = SearchSection(
    study="toy-abc",
    storage="study.journal",
    fidelity="schedule",
    pruner="halving",
    rungs=(5, 10),
    steps=20,
    seed=0,
    trials=6,
    space={"loss.sdm": {"uniform": [0.0, 1.0]}},
    states={"complete": 2, "failed": 1},
    over=False,
    importances={"shares": {"loss.sdm": 1.0}, "trials": 12, "steps": None},
    best=Chosen(4, 0.72, {"loss.sdm": 0.2}, "b", "simcvd train it"),
    base=Chosen(0, 0.7, {}, "a"),
)


def stored(section: SearchSection) -> Any:
    """Return the content as a YAML file gives it back."""
    return yaml.safe_load(yaml.safe_dump({"search": section_content(section) | {"rungs": list(section.rungs)}}))[
        "search"
    ]


def test_a_section_comes_back_as_it_was_written() -> None:
    assert parse_section(stored(SECTION)) == SECTION


def test_what_is_not_there_yet_is_left_out() -> None:
    early = SearchSection(**{**vars(SECTION), "best": None, "base": None})
    assert not {"best", "base"} & set(section_content(early))
    assert parse_section(stored(early)) == early
    assert set(section_content(SECTION)["base"]) == {"number", "value", "set", "trial"}


@pytest.mark.parametrize(
    "change", [{"states": None}, {"states": {"complete": "two"}}, {"space": 3}, {"best": {"number": 4}}, {"rungs": 5}]
)
def test_a_foreign_section_is_an_error_for_its_reader(change: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        parse_section(stored(SECTION) | change)


@pytest.mark.parametrize("key", ["study", "rungs", "space", "states", "over", "importances"])
def test_a_section_that_lacks_a_part_is_an_error_for_its_reader(key: str) -> None:
    content = stored(SECTION)
    del content[key]
    with pytest.raises(KeyError):
        parse_section(content)
