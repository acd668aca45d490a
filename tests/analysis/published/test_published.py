import re
from collections import Counter

import pytest

from analysis.errors import AnalysisError
from analysis.published import published_of, read_published
from analysis.published.match import BLOCKS, METHODS, PARTS
from sweeps.definition.catalogue import list_sweeps


def test_every_row_of_the_papers_tables_is_there() -> None:
    assert Counter(row.table for row in read_published()) == {"I": 23, "II": 12, "III": 8, "IV": 12, "V": 5}


def test_what_appears_twice_in_the_paper_is_the_same_number() -> None:
    """Tables III, IV and V repeat SimCVD's row of Table I with 8 labels."""
    first = next(r for r in read_published() if r.table == "I" and r.labeled == 8 and r.variant == "SimCVD")
    again = [
        row
        for row in read_published()
        if row.table in {"III", "IV", "V"} and row.variant in {"SimCVD", "p=0.1", "128x128"}
    ]
    assert len(again) == 4
    assert all(row.values == first.values for row in again)
    assert {name: value.value for name, value in first.values.items()} == {
        "dice": 0.8903,
        "jaccard": 0.8034,
        "hd95_vox": 8.34,
        "asd_vox": 2.59,
    }


def test_jaccard_follows_from_dice_as_far_as_means_let_it() -> None:
    """J = D / (2 - D) is convex, so the mean of J is at least that of the mean D, and not far above."""
    for row in read_published():
        dice, jaccard = row.values["dice"], row.values["jaccard"]
        if not (dice.doubtful or jaccard.doubtful):
            lowest = dice.value / (2 - dice.value)
            assert -0.006 < jaccard.value - lowest < 0.04, row


def test_doubtful_digits_are_known() -> None:
    marked = [
        (row.table, row.variant, name) for row in read_published() for name, v in row.values.items() if v.doubtful
    ]
    assert len(marked) == 12
    assert ("I", "SASSNet", "dice") in marked


def test_p_values_are_shares_of_one() -> None:
    p = {row.variant: row.p for row in read_published() if row.p is not None}
    assert (p["w/o SDM loss"], p["w/o contrast loss"], len(p)) == (0.0514, 2.9e-8, 7)


@pytest.mark.parametrize("key", PARTS)
def test_each_part_has_its_rows_and_the_method_itself(key: str) -> None:
    table = published_of(key, "any")
    own = {"p=0.1", "128x128", "SimCVD"} & {row.variant for row in table.rows}
    assert len(own) == 1
    assert table.name == f"Table {key.split('-')[1].upper()}"


def test_every_built_in_sweep_finds_all_its_rows() -> None:
    """Each variant of the catalogue has a row of the table that the sweep names."""
    seen = set()
    for sweep in list_sweeps():
        if sweep.published is None:
            continue
        table = published_of(sweep.published, "la", [8])
        names = [variant.name for variant in sweep.variants or ()] or [
            f"{key.rpartition('.')[2]}={value}" for key, values in (sweep.axes or {}).items() for value in values
        ]
        rows = [table.row(name) for name in names]
        assert None not in rows, (sweep.name, names)
        # In Table I the upper and the lower bound are both "V-Net".
        assert len({(row.variant, row.labeled) for row in rows if row}) == len(names) == len(table.rows)
        seen.add(sweep.published)
    assert METHODS in seen
    assert "table-iv-dropout" in seen


@pytest.mark.parametrize(
    ("dataset", "labeled", "name"),
    [
        ("la", [80, 16, 16], "la-16"),
        ("LA2018", [8, 8, 80], "la-8"),
        ("Left-Atrium", [8, None], "la-8"),
        ("nih_pancreas", [62, 12, 12], "pancreas-12"),
    ],
)
def test_the_block_of_tables_one_and_two_is_told_by_the_data(dataset: str, labeled: list[int], name: str) -> None:
    table = published_of(METHODS, dataset, labeled)
    assert f"({name})" in table.name
    assert table.rows == published_of(METHODS, "elsewhere", block=name).rows


@pytest.mark.parametrize(
    ("dataset", "labeled"), [("hippocampus", [8]), ("la", [12]), ("la", []), ("island", [8]), ("", [None])]
)
def test_what_does_not_tell_its_block_is_asked_for_it(dataset: str, labeled: list[int]) -> None:
    with pytest.raises(AnalysisError, match=r"la-16, la-8, pancreas-12 .*--published-block"):
        published_of(METHODS, dataset, labeled)


@pytest.mark.parametrize(
    ("key", "block", "message"),
    [
        (None, None, "names none"),
        ("table-iv-dropot", None, "did you mean table-iv-dropout"),
        (METHODS, "la-9", r"no published block 'la-9'; did you mean .*la-8"),
    ],
)
def test_unknown_keys_and_blocks_are_answered_with_known_ones(key: str | None, block: str | None, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        published_of(key, "la", [8], block)


def test_names_are_matched_without_case_and_spaces_and_values_behind_the_key() -> None:
    dropout, pooling = published_of("table-iv-dropout", "x"), published_of("table-iv-pooling", "x")
    found = [
        dropout.row("projection.dropout=0.10"),
        dropout.row("P = 0.5"),
        pooling.row("pool_size=64"),
        published_of("table-iii-losses", "x").row("W/o SDM-loss"),
        dropout.row("dropout=0.3"),
        dropout.row("other"),
    ]
    assert [row and row.variant for row in found] == ["p=0.1", "p=0.5", "64x64", "w/o SDM loss", None, None]


def test_the_bounds_are_told_apart_by_their_labels() -> None:
    table = published_of(METHODS, "la", block="la-8")
    upper, lower = table.row("Supervised (upper bound)"), table.row("Supervised (lower bound)")
    assert upper is not None
    assert lower is not None
    assert (upper.labeled, lower.labeled) == (80, 8)
    assert (table.row("V-Net", 80), table.row("V-Net", 8)) == (upper, lower)


def test_a_sweep_of_all_tables_has_the_rows_of_all() -> None:
    table = published_of(None, "la", [8, 8], groups=["methods", "dropout", "dropout", None])
    assert table.name == "Table I (la-8) and Table IV"
    assert [row.table for name in ("UA-MT", "dropout=0.2") if (row := table.row(name))] == ["I", "IV"]


def test_each_block_starts_with_the_upper_bound() -> None:
    for name, (_, dataset, labeled) in BLOCKS.items():
        rows = published_of(METHODS, "x", block=name).rows
        assert len(rows) == 12
        assert all(row.dataset == dataset for row in rows)
        assert [row.labeled for row in rows[1:]] == [labeled] * 11
        assert rows[0].unlabeled == 0


def test_the_source_is_named() -> None:
    notes = published_of("table-iv-dropout", "x").notes(3)
    assert re.search(r"You et al\..* 41\(9\), 2022, doi 10\.1109/TMI\.2022\.3161829", notes[0])
    assert "Left Atrium, 8 labelled cases" in notes[0]
