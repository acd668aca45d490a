from pathlib import Path

import pytest

from simcvd.errors import UserError
from simcvd.methods.registry import METHODS
from sweeps.definition.catalogue import list_sweeps, load_sweep, parse_label_splits, parse_seeds, sweep_text
from sweeps.definition.expand import expand

LATER = {"unimatch", "bcp", "ad_mt", "crossmatch"}
"""Methods that came after the paper."""


def _write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_the_built_in_dropout_sweep_is_table_iv() -> None:
    sweep = load_sweep("dropout")
    assert sweep.axes == {"projection.dropout": [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]}
    assert sweep.reference == {"projection.dropout": 0.1}
    assert (sweep.seeds, sweep.metric, sweep.published) == ([0, 1, 2], "dice", "table-iv-dropout")


def test_the_built_in_methods_sweep_has_every_method_in_the_order_of_table_i() -> None:
    sweep = load_sweep("methods")
    assert sweep.variants is not None
    upper, *rows = sweep.variants
    assert upper.set == {"method": "supervised", "data.labeled": "all"}
    assert "upper bound" in upper.name
    assert [row.set for row in rows] == [
        {"method": method}
        for method in (
            *("supervised", "dan", "cps", "mean_teacher", "entropy_min", "ua_mt", "ict", "sassnet", "dtc"),
            *("chaitanya", "simcvd"),
        )
    ]
    assert {row.set["method"] for row in rows} == METHODS.keys() - LATER
    assert "lower bound" in rows[0].name
    assert (sweep.reference, sweep.seeds) == ("SimCVD", [0, 1, 2])
    assert (sweep.metric, sweep.also) == ("dice", ["jaccard", "hd95_vox", "asd_vox"])


def test_the_built_in_sweep_of_later_methods_adds_them_to_those_of_table_i() -> None:
    paper, later = load_sweep("methods"), load_sweep("methods-2026")
    assert paper.variants is not None
    assert later.variants is not None
    assert later.variants[: len(paper.variants) - 1] == paper.variants[:-1]
    *added, last = later.variants[len(paper.variants) - 1 :]
    assert [row.set for row in added] == [{"method": method} for method in METHODS if method in LATER]
    assert last == paper.variants[-1]
    assert (later.reference, later.seeds, later.base) == ("SimCVD", [0, 1, 2], {"preset": "la"})


def test_every_built_in_sweep_has_its_file_name_and_a_description() -> None:
    sweeps = list_sweeps()
    assert [sweep.name for sweep in sweeps] == [
        *("augmentations", "components", "dropout", "gaps", "losses", "methods", "methods-2026", "methods-published"),
        *("paper", "pooling", "search"),
    ]
    assert all(sweep.description and load_sweep(sweep.name) == sweep for sweep in sweeps)


def test_a_misspelt_built_in_sweep_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean dropout"):
        load_sweep("dropuot")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: mine", "wrong: expected one of axes, variants, include, ablation and search"),
        ("name: mine\naxes: {loss.sdm: [0]}\nvariants: [{name: a}]", "ablation and search, found axes and variants"),
        ("name: mine\ninclude: [dropout]\nvariants: [{name: a}]", "ablation and search, found variants and include"),
        ("name: mine\ninclude: [search]", "includes search, which is a search and has no variants"),
        ("name: mine\ninclude: []", "include"),
        ("name: mine\ninclude: [dropuot]", "did you mean dropout"),
        ("name: mine\ninclude: [dropout, paper]", "includes paper, which includes others; name these: methods, "),
        (
            "name: mine\nbase: {preset: pancreas}\ninclude: [dropout]",
            "preset pancreas and includes dropout, which has la",
        ),
        ("name: mine\nvariants: [{name: a, group: ''}]", "variants.0.group"),
        (
            "name: mine\nvariants: [{name: a, group: x}, {name: b, group: y}, {name: c, group: x}]",
            "the variants of the group x don't stand together",
        ),
        ("name: mine\nvariants: [{name: a, grup: x}]", "unknown key, known are name, group"),
        ("name: mine\naxes: {loss.sdm: []}", "axes.loss.sdm"),
        ("name: mine\naxes: {loss.sdm: [0]}\nseeds: [1, 1]", "a seed is given twice"),
        ("name: mine\naxes: {loss.sdm: [0]}\nmetric: f1", "metric"),
        ("name: mine\naxes: {loss.sdm: [0]}\nalso: [f1]", "also"),
        ("name: mine\naxes: {loss.sdm: [0]}\nalso: [dice]", "name a metric twice: dice, dice"),
        ("name: mine\naxes: {loss.sdm: [0]}\nalso: [jaccard, jaccard]", "name a metric twice"),
        ("name: mine\naxis: {loss.sdm: [0]}", "axis: unknown key, known are name"),
        ("name: my sweep\naxes: {loss.sdm: [0]}", "name"),
        ("name: mine\nvariants: [{name: a}, {name: a}]", "two variants have the same name"),
        ("- 1", "no mapping"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_wrong_sweep_file_is_refused_with_what_is_wrong(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load_sweep(_write(tmp_path, text))


def test_a_missing_sweep_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be read"):
        load_sweep(str(tmp_path / "no.yaml"))


def test_seeds_are_a_count_or_a_list() -> None:
    assert (parse_seeds("3"), parse_seeds("0,2,5"), parse_seeds("7,")) == ([0, 1, 2], [0, 2, 5], [7])


def test_seed_0_alone_is_that_seed_and_no_count() -> None:
    assert parse_seeds("0") == parse_seeds(" 0 ") == parse_seeds("0,") == parse_seeds("1") == [0]
    with pytest.raises(UserError, match="--label-splits is '0', expected a count such as 3 or label splits"):
        parse_label_splits("0")


@pytest.mark.parametrize(
    "text", ["0,0", "-1", "a", "1,1", "", "1,,2", "010", "0,01", "1_0", "٣", "²", "1:40", "9" * 5000]
)
def test_wrong_seeds_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="--seeds"):
        parse_seeds(text)


def test_a_large_count_is_asked_back_with_the_number_of_trainings() -> None:
    with pytest.raises(UserError) as found:
        parse_seeds("20230101", each=6)
    assert str(found.value) == (
        "--seeds 20230101 is a count, and so many seeds make 121,380,606 trainings; for the one seed 20230101 write "
        "--seeds 20230101, with a comma; more than 100 are named one by one."
    )
    with pytest.raises(UserError, match="--label-splits 101 is a count, and so many label splits make 101 trainings"):
        parse_label_splits("101")
    assert parse_seeds("100") == list(range(100))
    assert parse_seeds("20230101,") == [20230101]


def test_seeds_are_below_2_to_the_power_of_63(tmp_path: Path) -> None:
    assert parse_seeds(f"{2**63 - 1},") == [2**63 - 1]
    with pytest.raises(UserError, match="--seeds has 9223372036854775808, expected seeds below 9223372036854775808"):
        parse_seeds(f"0,{2**63}")
    with pytest.raises(UserError, match="--label-splits has 9223372036854775808"):
        parse_label_splits(f"{2**63},")
    with pytest.raises(UserError, match=r"line 3, seeds\.1: .*less than 9223372036854775808"):
        load_sweep(_write(tmp_path, f"name: x\nvariants: [{{name: a}}]\nseeds: [0, {2**63}]\n"))


def test_label_splits_are_a_count_or_a_list() -> None:
    assert (parse_label_splits("3"), parse_label_splits("0,2"), parse_label_splits("7,")) == ([0, 1, 2], [0, 2], [7])
    with pytest.raises(UserError, match="--label-splits is '1,1', which names a label split twice"):
        parse_label_splits("1,1")


def test_parts_do_not_bring_their_label_splits(tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_text("name: part\naxes: {loss.sdm: [0, 1]}\nlabel_splits: [0, 1]")
    (tmp_path / "whole.yaml").write_text(f"name: whole\ninclude: [{tmp_path / 'part.yaml'}]\nlabel_splits: [5]")
    sweep = load_sweep(str(tmp_path / "whole.yaml"))
    assert [t.label_split for t in expand(sweep, "d")[0].trials] == [5]


def test_the_file_of_a_built_in_sweep_is_the_sweep(tmp_path: Path) -> None:
    for sweep in list_sweeps():
        copy = tmp_path / "copy.yaml"
        copy.write_text(sweep_text(sweep.name))
        assert load_sweep(str(copy)) == sweep
    with pytest.raises(UserError, match="There is no built-in sweep 'drop-out'; did you mean dropout"):
        sweep_text("drop-out")
