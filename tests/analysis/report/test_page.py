import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from analysis.report.content import read_report
from analysis.report.page import render
from analysis.report.write import write_report

VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Elements with their attributes, text by element, and whether every element is closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.texts, self.misplaced = [], [], {}, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.misplaced.append(tag)

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


@pytest.fixture(scope="module")
def text(made):
    return render(read_report(made.runs, "toy"))


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_every_element_is_closed(page):
    assert page.misplaced == []
    assert page.open == []


def test_names_with_markup_stay_text(page, made):
    scripts = [attributes.get("type") for tag, attributes in page.seen if tag == "script"]
    # Data, the script, one block a case; a variant called <script> makes no further one.
    assert scripts == ["application/json", None, *["application/json"] * 4]
    assert not [tag for tag, _ in page.seen if tag in ("b", "i")]
    for name in made.dice:
        assert any(name in data for data in page.texts["th"])
        assert any(name == attributes.get("data-variant") for _, attributes in page.seen)
    assert any("<i>NaN</i>" in data for data in page.texts["td"])


def test_nothing_is_loaded_from_elsewhere(text, page):
    loads = [
        a.get("src") or (a.get("href") if not (a.get("href") or "#").startswith("#") else None) for _, a in page.seen
    ]
    assert not any(loads)
    without_namespace = text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|url\(|@import", without_namespace)


def test_the_policy_allows_exactly_the_script_and_the_style_of_the_page(page, text):
    policy = next(a["content"] for _, a in page.seen if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    for element, directive in (("script", "script-src"), ("style", "style-src")):
        (code,) = re.findall(rf"<{element}>(.*?)</{element}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_json_in_the_page_holds_the_values_case_by_case(page, made):
    data = json.loads(next(part for part in page.texts["script"] if part.startswith('{"variants"')))
    assert data["variants"] == [*made.dice, "broken"]
    for place, own in enumerate(made.dice.values()):
        assert data["values"][0][0][place] == pytest.approx([100 * own[case] for case in data["cases"]], rel=1e-4)
    assert data["values"][0][0][3] == [None] * 4


def test_summary_failures_settings_environment_and_commands_stand_in_the_page(text):
    plain = html.unescape(re.sub(r"<[^>]+>", " ", text.partition("<script")[0]))
    for expected in ("1 of 7 trials failed (nan)", "method", "abc123", "simcvd sweep toy", "8x8x8"):
        assert expected in plain, expected


def test_headings_rise_one_level_at_a_time_and_controls_have_names(page):
    levels = [int(tag[1]) for tag, _ in page.seen if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(a.get("scope") for tag, a in page.seen if tag == "th")


@pytest.mark.parametrize(("seeds", "over"), [(1, "over cases"), (2, "over seeds and cases")])
@pytest.mark.parametrize("sides", ["two-sided", "one-sided"])
def test_below_the_summary_stands_what_p_and_intervals_are(write_sweep, seeds, over, sides):
    values = {"ref": (0.8, 0.7, 0.6, 0.9), "a": (0.7, 0.65, 0.5, 0.84)}
    runs = write_sweep(
        {
            name: {
                seed: [{"case_id": case, "dice": dice + seed / 100} for case, dice in zip("abcd", own, strict=True)]
                for seed in range(seeds)
            }
            for name, own in values.items()
        }
    )
    plain = html.unescape(re.sub(r"<[^>]+>", " ", render(read_report(runs, "toy", sides=sides))))
    assert f"All p-values here are {sides} and Holm-adjusted" in plain
    assert f"95 % interval of the mean difference {over}, not adjusted" in plain


def test_where_nothing_was_learned_stop_stands_in_a_box_and_no_p_is_anywhere(write_sweep):
    """Not in the summary, tables and notes of the page, and not in what the charts' tooltips are made from."""
    low = {
        name: [{"case_id": case, "dice": 0.02 + n / 200} for n, case in enumerate("abcdef")] for name in ("ref", "a")
    }
    low["a"] = [row | {"dice": row["dice"] * 1.2} for row in low["a"]]
    report = read_report(write_sweep({name: dict.fromkeys((0, 1, 2), own) for name, own in low.items()}), "toy")
    text = render(report)
    page = Page(text)
    assert any("STOP: nothing was learned" in part for part in page.texts["p"])
    assert ("p", {"class": "stop", "role": "alert"}) in page.seen
    told = html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style).*?</\1>", " ", text, flags=re.S)))
    assert not re.search(r"p [=<>] ?\d|All p-values here", told)
    data = json.loads(next(part for part in page.texts["script"] if part.startswith('{"variants"')))
    assert data["stop"]
    found = [row["difference"] for rows in data["rows"] for of in rows for row in of if "difference" in row]
    assert {(each["p"], each["p_seeds"], each["clear"], each["undone"]) for each in found} == {
        ("-", None, False, False)
    }


@pytest.mark.parametrize("reference", [None, "ref"])
def test_a_sweep_of_which_nothing_has_finished_has_a_page(write_sweep, reference):
    written = write_report(write_sweep({"ref": {0: None}, "a": {0: "nan"}}, reference=reference), "toy")
    found = Page(written.path.read_text())
    assert found.open == []
    assert written.size == written.path.stat().st_size


def test_one_variant_one_seed_one_case_has_a_page(write_sweep):
    runs = write_sweep({"only": {0: [{"case_id": "a", "dice": 0.5}]}}, reference="only")
    assert Page(write_report(runs, "toy").path.read_text()).misplaced == []


def test_another_reference_is_compared_with_and_named_in_the_commands(write_sweep):
    rows = [{"case_id": case, "dice": value} for case, value in zip("abcd", (0.8, 0.7, 0.6, 0.9), strict=True)]
    worse = [row | {"dice": row["dice"] - 0.1 - place / 50} for place, row in enumerate(rows)]
    report = read_report(write_sweep({"ref": {0: rows}, "b c": {0: worse}}), "toy", reference="b c")
    assert report.scored.reference == "b c"
    assert report.commands[-1].line.endswith("--reference 'b c'")
