import csv
import io
from collections.abc import Callable
from pathlib import Path

from analysis.published import published_of
from analysis.tables import Style, ablation_table, make_sheet, render_csv, render_markdown
from tests.analysis.made_sweeps import around, below, printed

WriteSweep = Callable[..., Path]


def test_a_difference_that_rounds_to_nothing_has_no_minus(write_sweep: WriteSweep) -> None:
    text = render_markdown(ablation_table(write_sweep({"a": {0: below(1e-6, 0)}, "ref": {0: below(0, 0)}}), "toy"))
    assert "| +0.00 |" in text


def test_missing_values_are_dashes_and_empty_fields(write_sweep: WriteSweep) -> None:
    table = ablation_table(write_sweep({"a": {0: None}, "ref": {0: below(0, 0)}}), "toy")
    assert "| a | - | - | - | - | - | 0 | 0/1 | 0 | 1 | 0 |" in render_markdown(table)
    assert next(csv.DictReader(io.StringIO(render_csv(table))))["mean"] == ""
    assert any(line.split()[:2] == ["a", "-"] for line in printed(table, 60).splitlines())


def test_equal_numbers_of_training_cases_are_not_shown(write_sweep: WriteSweep) -> None:
    assert "labelled" not in render_markdown(ablation_table(write_sweep({"ref": {0: around(0.5)}}), "toy"))


def test_an_interval_can_stand_beside_the_mean(write_sweep: WriteSweep) -> None:
    """Values 0.56, 0.58, 0.60, 0.61, 0.65: sd 0.033912, and 2.776445 * sd / sqrt(5) = 0.042107."""
    text = render_markdown(
        make_sheet([ablation_table(write_sweep({"ref": {0: around(0.6)}}), "toy")], Style(spread="ci"))
    )
    assert "| ref | 60.00 ± 4.21 |" in text
    assert "- Mean and half of its 95 % t interval over n test cases" in text
    assert "mean ± CI" in text


def test_published_values_stand_beside_ours_with_doubtful_ones_marked(write_sweep: WriteSweep) -> None:
    given = {name: {0: around(0.6)} for name in ("SASSNet", "Chaitanya et al.", "mine", "SimCVD")}
    table = ablation_table(write_sweep(given, reference="SimCVD"), "toy")
    sheet = make_sheet([table], published=[published_of("table-i-ii-methods", "la", block="la-16")])
    text = render_markdown(sheet)
    assert "| SASSNet | 60.00 ± 3.39 | 89.27\N{DAGGER} |" in text
    assert "| Chaitanya et al. | 60.00 ± 3.39 | 89.94 |" in text
    assert "| mine | 60.00 ± 3.39 | - |" in text
    assert "Table I (la-16) of You et al." in text
    assert "can't be tested against them" in text
    assert "\N{DAGGER}: digits" in text
    lines = render_csv(sheet).splitlines()
    assert lines[0].endswith("published,published_doubtful,published_p,published_variant,published_table")
    assert lines[1].endswith(",0.8927,true,,SASSNet,I")


def test_published_p_of_the_ablation_of_losses_is_shown(write_sweep: WriteSweep) -> None:
    given = {name: {0: around(0.6)} for name in ("w/o contrast loss", "SimCVD")}
    runs, papers = write_sweep(given, reference="SimCVD"), [published_of("table-iii-losses", "toy")]
    text = render_markdown(make_sheet([ablation_table(runs, "toy")], published=papers))
    assert "| w/o contrast loss | 60.00 ± 3.39 | 85.13 | 2.9e-08 |" in text
    assert "The published p are one-sided; with --one-sided ours are, too." in text
    as_published = make_sheet([ablation_table(runs, "toy", sides="one-sided")], published=papers)
    assert "The published p are one-sided" not in render_markdown(as_published)
