import json
import re
from functools import partial
from html import unescape

import numpy as np
import pytest

from analysis.comparison.scored_sweep import score_sweep
from analysis.ending.answer import answer_of
from analysis.errors import AnalysisError
from analysis.report.beside import read_beside, write_beside
from tests.analysis.made_runs import write_toy_sweep

CASES = [f"case{n:02d}" for n in range(12)]
SCRIPT = "</script><script>alert(1)</script>"


def rows(mean, seed, **given):
    noise = np.random.default_rng(seed).normal(0, 0.01, len(CASES))
    return [{"case_id": case, "dice": float(mean + d), **given} for case, d in zip(CASES, noise, strict=True)]


def sweep(base, *names, seeds=(0, 1, 2), **given):
    return {
        name: {seed: rows(base + place / 20, 100 * seed + place, **given) for seed in seeds}
        for place, name in enumerate(("ref", *names))
    }


@pytest.fixture
def places(tmp_path):
    """Two sweeps that share the reference and a variant whose name is markup."""
    first = write_toy_sweep(tmp_path / "one", sweep(0.7, SCRIPT, "only here"), also=["jaccard"])
    second = write_toy_sweep(tmp_path / "two", sweep(0.6, SCRIPT, "only there"), also=["hd95_mm"])
    return [(first, "toy"), (second, "toy")]


def test_each_sweep_has_its_own_answer_and_what_both_have_stands_together(places):
    beside = read_beside(places)
    assert [own.summary[0].text for own in beside.both] == [answer_of(score_sweep(*place)).sentence for place in places]
    assert beside.shared == ("ref", SCRIPT)
    assert [metric.name for metric in beside.metrics] == ["dice"]
    assert [own.name for own in beside.both] == [str(runs / name) for runs, name in places], "both are called toy"
    assert beside.cautions == ()


def test_the_page_lies_in_the_first_ones_folder_and_its_names_stay_text(places):
    path = write_beside(places)
    assert path == places[0][0] / "sweeps" / "toy" / "report-vs-toy.html"
    text = path.read_text()
    assert SCRIPT not in text
    assert text.count("</script>") == 2
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))
    for own, place in zip(data["sweeps"], places, strict=True):
        means = score_sweep(*place).main.means
        assert [row["name"] for row in own["rows"][0][0]] == [row.variant for row in means]
        assert [row["mean"] for row in own["rows"][0][0]] == pytest.approx([100 * row.mean for row in means], rel=1e-4)
    plain = unescape(re.sub(r"<[^>]+>", " ", text))
    assert "nothing is tested from one sweep to the other" in plain
    assert "only there" in plain


def test_where_one_has_learned_nothing_its_column_has_no_p(tmp_path, places):
    nothing = write_toy_sweep(
        tmp_path / "nothing", {name: {0: rows(0.02, place)} for place, name in enumerate("ab")}, "a"
    )
    text = write_beside([places[0], (nothing, "toy")]).read_text()
    assert '<p class="stop" role="alert">STOP: nothing was learned' in text
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))
    assert [own["stop"] for own in data["sweeps"]] == [False, True]
    differences = [row["difference"] for row in data["sweeps"][1]["rows"][0][0] if "difference" in row]
    assert {(each["p"], each["p_seeds"], each["seeds_low"], each["clear"]) for each in differences} == {
        ("-", None, None, False)
    }


@pytest.mark.parametrize(
    ("given", "more", "sentence"),
    [
        ({"metric": "hd95_mm"}, {}, r"are about different metrics \(Dice \[%\] and HD95 \[mm\]\)"),
        ({}, {"reference": "gone"}, "has no variant 'gone'"),
    ],
)
def test_what_can_not_stand_side_by_side_is_told_in_a_sentence(tmp_path, places, given, more, sentence):
    other = write_toy_sweep(tmp_path / "other", sweep(0.6, hd95_mm=3.0), **given)
    with pytest.raises(AnalysisError, match=sentence):
        read_beside([places[0], (other, "toy")], **more)


def test_a_sweep_is_not_laid_beside_itself(places):
    runs, name = places[0]
    with pytest.raises(AnalysisError, match="named twice"):
        read_beside([places[0], (runs / "sweeps" / "..", name)])


def test_other_data_classes_and_sides_are_told(tmp_path, places):
    write = partial(write_toy_sweep, tmp_path / "other")
    other = write(
        {"ref": {0: rows(0.6, 1) + rows(0.5, 2, class_id=2)}, "a": {0: rows(0.6, 3) + rows(0.5, 4, class_id=2)}}
    )
    path = other / "sweeps" / "toy" / "sweep.yaml"
    path.write_text(path.read_text().replace("digest: d", "digest: e") + "test: one-sided\n")
    beside = read_beside([places[0], (other, "toy")])
    told = " ".join(beside.cautions)
    assert "two states of toy" in told
    assert "different classes" in told
    assert "one-sided" in told
    assert beside.classes == ("mean",)


def test_a_sweep_of_which_nothing_has_finished_stands_beside_another(tmp_path, places):
    empty = write_toy_sweep(tmp_path / "empty", {"ref": {0: None}, "a": {0: None}})
    assert "No trial has finished with scores yet." in write_beside([places[0], (empty, "toy")]).read_text()
    assert "No trial has finished with scores yet." in write_beside([(empty, "toy"), places[0]]).read_text()


def test_both_forests_have_one_axis(browser, places):
    path = write_beside(places)
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector("#forest-1 svg")
    zeros = [page.locator(f"#forest-{place} line.zero").get_attribute("x1") for place in (0, 1)]
    ticks = [page.locator(f"#forest-{place} text[text-anchor='middle']").all_text_contents()[:-1] for place in (0, 1)]
    assert zeros[0] == zeros[1]
    assert ticks[0] == ticks[1]
    page.locator("#common th button").nth(2).click()
    assert page.locator("#common tbody tr").first.get_attribute("data-name") == SCRIPT
    assert errors == []
    context.close()
