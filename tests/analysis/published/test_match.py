import pytest

from analysis.errors import AnalysisError
from analysis.published import published_of
from analysis.published.match import BLOCKS, METHODS, PARTS
from sweeps.definition.catalogue import list_sweeps


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
