"""Which of the paper's tables belongs to a sweep."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from analysis.comparison.metric import joined
from analysis.errors import AnalysisError
from analysis.published.values import PublishedRow, PublishedTable, read_published
from analysis.runs.sweep import hint

METHODS: Final = "table-i-ii-methods"

PARTS: Final = {
    "table-iii-components": ("III", "component"),
    "table-iii-losses": ("III", "loss"),
    "table-iv-dropout": ("IV", "dropout"),
    "table-iv-pooling": ("IV", "pooling"),
    "table-v-augmentations": ("V", "augmentation"),
}
"""Table and group of each key of a sweep file, beside `METHODS`."""

BLOCKS: Final = {"la-16": ("I", "la", 16), "la-8": ("I", "la", 8), "pancreas-12": ("II", "pancreas", 12)}
"""Table, data set and labelled cases of the blocks of Tables I and II."""


GROUPS: Final = {"methods": METHODS, **{key.rpartition("-")[2]: key for key in PARTS}}
"""Key of the built-in sweep that a group of variants comes from."""


def published_of(
    key: str | None,
    dataset: str,
    labeled: Iterable[int | None] = (),
    block: str | None = None,
    groups: Iterable[str | None] = (),
) -> PublishedTable:
    """Find the paper's table of a sweep.

    Args:
        key: the sweep's `published`.
        dataset: the name of its data set.
        labeled: labelled training cases of each of its variants.
        groups: the group of each of its variants; a sweep that includes the built-in ones has several tables.
        block: part of Tables I and II, one of `BLOCKS`, for a sweep of no other table; None tells it from the data set.

    Raises:
        AnalysisError: the sweep belongs to no table, or it can't be told to which block.
    """
    known = list(dict.fromkeys(GROUPS[group] for group in groups if group in GROUPS))
    if key is None and known:
        labeled = list(labeled)
        tables = [published_of(each, dataset, labeled, block) for each in known]
        names = list(dict.fromkeys(table.name for table in tables))
        return PublishedTable(joined(names), tuple(row for table in tables for row in table.rows))
    rows = read_published()
    if key in PARTS:
        table, group = PARTS[key]
        own = tuple(row for row in rows if row.table == table and row.group == group)
        # The reference row stands once in a table, whatever the part.
        extra = tuple(row for row in rows if row.table == table and row.variant == "SimCVD" and row not in own)
        return PublishedTable(f"Table {table}", (*own, *extra[:1]))
    if block is not None and block not in BLOCKS:
        raise AnalysisError(
            f"There is no published block '{block}'{hint(block, BLOCKS)}; blocks of Tables I and II are "
            f"{', '.join(BLOCKS)}."
        )
    if key != METHODS and block is None:
        what = f"names '{key}', which is none" if key else "names none"
        raise AnalysisError(
            f"The sweep's file says by `published` which of the paper's tables belongs to it, and this one {what}"
            f"{hint(key or '', [METHODS, *PARTS])}; known are {', '.join((METHODS, *PARTS))}. "
            f"Or choose a block of Tables I and II ({', '.join(BLOCKS)})."
        )
    chosen = block or _block(dataset, labeled)
    table, data, count = BLOCKS[chosen]
    return PublishedTable(f"Table {table} ({chosen})", _of_block(rows, table, data, count))


def _block(dataset: str, labeled: Iterable[int | None]) -> str:
    counts = Counter(count for count in labeled if count is not None)
    usual = counts.most_common(1)[0][0] if counts else None
    data = _dataset(dataset)
    for name, (_, own, count) in BLOCKS.items():
        if (own, count) == (data, usual):
            return name
    trained = "an unknown number of" if usual is None else usual
    raise AnalysisError(
        f"Tables I and II of the paper are of {', '.join(BLOCKS)} (data set and labelled cases), but this sweep "
        f"trained on {trained} labelled cases of {dataset or 'an unknown data set'}; choose one with --published-block."
    )


def _dataset(name: str) -> str | None:
    if "pancrea" in name.lower():
        return "pancreas"
    return "la" if re.search(r"(^|[^a-z])la([^a-z]|$)|atri", name.lower()) else None


def _of_block(rows: Iterable[PublishedRow], table: str, dataset: str, labeled: int) -> tuple[PublishedRow, ...]:
    """Return the upper bound, which is trained on all labels, then the rows of the block."""
    own = [row for row in rows if row.table == table and row.dataset == dataset]
    everything = max(row.labeled for row in own)
    return tuple(row for row in own if row.labeled in (everything, labeled))
