"""The end of a sweep: at most 20 lines of 80 columns, whatever the sweep."""

import random
from pathlib import Path
from typing import Any

import pytest

from analysis.ending.ending import Ending, Part
from analysis.ending.show import MOST_LINES, ending_lines, ending_markdown
from tests.analysis.ending.made_endings import REFERENCE, WriteSweep, ending, made, rows, variants


def six(write_sweep: WriteSweep, kind: str) -> Ending:
    if kind == "failed":
        own = variants([0, 1, 2], classes=3)
        own["p=0.9"] = {0: "out_of_memory", 1: None, 2: "diverged"}
        return ending(made(write_sweep, own))
    given: dict[str, Any] = {
        "one seed": {"seeds": [0]},
        "three seeds": {"seeds": [0, 1, 2]},
        "lucky": {"seeds": [0, 1, 2], "luck": 0.05},
        "classes": {"seeds": [0, 1, 2], "classes": 7, "luck": 0.05},
        "nothing": {"seeds": [0, 1], "base": 0.01, "classes": 3},
    }[kind]
    return ending(made(write_sweep, variants(**given)), slots=2)


@pytest.mark.parametrize("kind", ["one seed", "three seeds", "lucky", "classes", "failed", "nothing"])
@pytest.mark.parametrize("width", [80, 100])
def test_twenty_lines_suffice(write_sweep: WriteSweep, kind: str, width: int) -> None:
    found = six(write_sweep, kind)
    lines = ending_lines(found, width)
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert " ".join(found.sentence.split()) in text
    assert "simcvd report runs/sweeps/toy" in lines
    assert "Trials: " in text
    assert ("Caution: " in text) == (kind != "nothing")


@pytest.mark.parametrize("draw", range(12))
def test_odd_sweeps_end_in_twenty_lines_too(write_sweep: WriteSweep, draw: int) -> None:
    """Names of up to 80 letters, any number of classes, trials that failed."""
    luck = random.Random(draw)
    own: dict[str, dict[int, Any]] = {}
    for place in range(luck.randint(1, 9)):
        name = "-".join("setting=value"[: luck.randint(1, 13)] for _ in range(luck.randint(1, 7))) + str(place)
        made_rows = [rows(name, seed, luck.gauss(0, 0.03), classes=1 + draw % 4, luck=0.02) for seed in range(3)]
        own[name] = dict(enumerate(made_rows[: luck.randint(1, 3)]))
        if luck.random() < 0.3:
            own[name][0] = "out_of_memory"
    lines = ending_lines(ending(made(write_sweep, own, reference=next(iter(own)))), 80)
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= 80


def test_what_matters_least_is_left_out_first() -> None:
    parts = (Part("verdict"), Part("least", 5), Part("more", 3), Part("also least", 5), Part("caution"))
    found = Ending("better", parts, ("simcvd a",), {})
    assert ending_lines(found, 80, 7) == ["verdict", "least", "more", "also least", "caution", "", "simcvd a"]
    assert ending_lines(found, 80, 6) == ["verdict", "more", "caution", "", "simcvd a"]
    assert ending_lines(found, 80, 2) == ["verdict", "caution", "", "simcvd a"]


def test_a_p_is_not_torn_from_its_number() -> None:
    words = "x" * 74
    (first, second, *_) = ending_lines(Ending("better", (Part(f"{words} p = 0.012"),), (), {}), 80)
    assert (first, second) == (words, "p = 0.012")


def test_markdown_has_all_of_it(write_sweep: WriteSweep) -> None:
    found = six(write_sweep, "classes")
    text = ending_markdown(found)
    assert text.startswith("**Undecided: ")
    assert "- Weakest of 7 classes of " in text
    assert "```\nsimcvd tables runs/sweeps/toy\n" in text
    assert Path("x")  # commands are paths of the user's own
    assert REFERENCE in text
