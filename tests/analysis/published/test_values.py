import re
from collections import Counter

from analysis.published import published_of, read_published
from analysis.published.match import METHODS


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


def test_the_source_is_named() -> None:
    notes = published_of("table-iv-dropout", "x").notes(3)
    assert re.search(r"You et al\..* 41\(9\), 2022, doi 10\.1109/TMI\.2022\.3161829", notes[0])
    assert "Left Atrium, 8 labelled cases" in notes[0]
