"""Tables I to V of the paper as data: `tables.csv` beside this file, which names its source."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from analysis.comparison.metric import METRIC_BY_NAME

SOURCE: Final = "You et al., IEEE Trans. Med. Imaging 41(9), 2022, doi 10.1109/TMI.2022.3161829"

DOUBTFUL: Final = "\N{DAGGER}"
"""Mark of a value with uncertain digits."""

METRICS: Final = ("dice", "jaccard", "hd95_vox", "asd_vox")
DATASETS: Final = {"la": "Left Atrium", "pancreas": "Pancreas-CT"}


@dataclass(frozen=True)
class PublishedValue:
    """A mean as the paper prints it.

    Attributes:
        value: in the metric's stored unit (Dice from 0 to 1).
        doubtful: whether its digits are uncertain.
    """

    value: float
    doubtful: bool


@dataclass(frozen=True)
class PublishedRow:
    """A row of one of the paper's tables.

    Attributes:
        table: I, II, III, IV or V.
        dataset: `la` or `pancreas`.
        labeled: labelled training cases.
        unlabeled: unlabelled training cases.
        group: the part of the table it stands in.
        variant: its name there.
        also: what the built-in sweeps call it.
        values: by metric.
        p: of the paper's t-test of Dice against SimCVD, from 0 to 1; None where there is none.
    """

    table: str
    dataset: str
    labeled: int
    unlabeled: int
    group: str
    variant: str
    also: str
    values: dict[str, PublishedValue]
    p: float | None

    @property
    def names(self) -> set[str]:
        """All that a variant may be called to be this row, as `plain` writes it."""
        return {plain(name) for name in (self.variant, self.also) if name}


@dataclass(frozen=True)
class PublishedTable:
    """Rows that belong to a sweep.

    Attributes:
        name: what the paper calls it.
        rows: its rows.
    """

    name: str
    rows: tuple[PublishedRow, ...]

    def row(self, variant: str, labeled: int | None = None) -> PublishedRow | None:
        """Return the row of a variant: of the same name, or of the same value behind `=`; None where there is none.

        Args:
            variant: its name.
            labeled: labelled cases that it was trained on, where the table has the name twice (V-Net).
        """
        name, value = plain(variant), plain(variant.rpartition("=")[2])
        found = [row for row in self.rows if name in row.names] or [r for r in self.rows if value in _values_of(r)]
        return next((row for row in found if row.labeled == labeled), found[-1] if found else None)

    def notes(self, found: int) -> list[str]:
        """Say what the published values are, for a table that shows so many of the rows.

        Args:
            found: rows that have one.
        """
        if not found:
            names = ", ".join(row.variant for row in self.rows)
            return [f"No row of {self.name} has the name of a variant here; its rows are {names}."]
        first = self.rows[-1]
        told = [
            f"Published: {self.name} of {SOURCE}; {DATASETS[first.dataset]}, {first.labeled} labelled cases. It gives "
            "means alone, no SD and no scores per case, so ours can't be tested against them; other data, splits or "
            "training make them no measure of ours one to one."
        ]
        if any(value.doubtful for row in self.rows for value in row.values.values()):
            told.append(f"{DOUBTFUL}: digits of the published value are doubtful.")
        return told


@cache
def read_published() -> tuple[PublishedRow, ...]:
    """Read all rows of the paper's tables."""
    text = files("analysis.published").joinpath("tables.csv").read_text(encoding="utf-8")
    return tuple(_rows([line for line in text.splitlines() if not line.startswith("#")]))


def plain(name: str) -> str:
    """Return a name without case, spaces and marks that people write or leave out.

    >>> plain("w/o SDM loss"), plain("W/o_SDM-loss")
    ('w/osdmloss', 'w/osdmloss')
    """
    return re.sub(r"[\s_.+\-]+", "", name).lower() if not _is_number(name) else repr(float(name))


def _values_of(row: PublishedRow) -> set[str]:
    """Return the value that a row stands for: 0.1 of p=0.1, 16 of 16x16."""
    value = row.variant.rpartition("=")[2]
    sides = value.split("x")
    return {plain(value), *({plain(sides[0])} if len(set(sides)) == 1 else set())}


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]*)?", text.strip()) is not None


def _rows(lines: list[str]) -> Iterator[PublishedRow]:
    for line in csv.DictReader(lines):
        doubtful = line["doubtful"].split(";")
        yield PublishedRow(
            table=line["table"],
            dataset=line["dataset"],
            labeled=int(line["labeled"]),
            unlabeled=int(line["unlabeled"]),
            group=line["group"],
            variant=line["variant"],
            also=line["also"],
            values={
                name: PublishedValue(round(float(line[name]) / METRIC_BY_NAME[name].scale, 6), name in doubtful)
                for name in METRICS
            },
            p=round(float(line["p_percent"]) / 100, 12) if line["p_percent"] else None,
        )
