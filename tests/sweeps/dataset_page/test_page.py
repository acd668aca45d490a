import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from simcvd.data.inspection.inspect import inspect
from simcvd.data.store import Grid, Origin, Splits, build_info, case_path, open_info, write_case, write_info
from simcvd.errors import UserError
from sweeps.dataset_page.page import write_page
from tests.sweeps.dataset_page.made import EVIL, make

VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Elements with their attributes and what is not closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.misplaced = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.misplaced.append(tag)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def text(folder):
    path = folder / "page" / "data.html"
    size = write_page(path, folder, inspect(folder))
    assert size == path.stat().st_size
    return path.read_text()


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_every_element_is_closed(page):
    assert page.misplaced == []
    assert page.open == []


def test_names_with_markup_stay_text(page, text):
    assert [tag for tag, _ in page.seen if tag in ("script", "b", "i", "u")] == ["script"]
    assert html.escape(EVIL[0], quote=False) in text.replace("&#34;", '"')
    assert sum(tag == "style" for tag, _ in page.seen) == 1


def test_nothing_is_asked_of_anyone_and_nothing_foreign_may_run(page):
    (policy,) = [a["content"] for tag, a in page.seen if tag == "meta" and "http-equiv" in a]
    assert policy.startswith("default-src 'none'; img-src data: blob:; style-src 'sha256-")
    links = [value for _, attributes in page.seen for name, value in attributes.items() if name in ("href", "src")]
    assert links
    assert all(link.startswith(("#", "data:image/webp;base64,")) for link in links)
    assert not [attributes for _, attributes in page.seen if "style" in attributes]


def test_every_case_has_a_picture_in_physical_proportions(page):
    pictures = [a for tag, a in page.seen if tag == "svg" and a.get("role") == "img"]
    assert [each["aria-label"] for each in pictures] == [f"case_{number}" for number in range(4)]
    assert {each["viewbox"] for each in pictures} == {"0 0 20 60"}  # 20 x 1 mm, 30 x 2 mm


def test_only_labelled_training_cases_have_outlines_each_in_the_colour_of_its_class(text):
    cards = re.findall(r'<figure class="case".*?</figure>', text, re.DOTALL)
    assert [re.findall(r'<path class="(k\d)"', card) for card in cards] == [["k0", "k2"]] * 3 + [[]]
    legend = re.search(r'<ul class="legend">.*?</ul>', text, re.DOTALL)
    assert re.findall(r'class="(k\d)"', legend[0]) == ["k0", "k1", "k2"]


def test_problems_and_odd_cases_are_marked(text):
    cards = re.findall(r'<figure class="case".*?</figure>', text, re.DOTALL)
    # The last case holds the scan of the first, in another split.
    assert ['class="problem"' in card and "there twice" in card for card in cards] == [True, False, False, True]
    assert "Not sound: 2 problems." in text  # and a class that no label holds
    assert "20 x 30 x 8, RAS" in cards[0]
    assert "1 x 2 x 3 mm" in cards[0]


def test_a_page_of_a_damaged_set_says_which_case_has_no_picture(tmp_path):
    folder = make(tmp_path / "set")
    case_path(folder, "case_1").unlink()
    write_page(tmp_path / "data.html", folder, inspect(folder))
    text = (tmp_path / "data.html").read_text()
    assert text.count("no picture") == 1
    assert text.count("data:image/webp") == 3


def test_a_page_replaces_the_one_before_and_a_folder_in_its_place_is_told(tmp_path, folder):
    (tmp_path / "data.html").write_text("older")
    write_page(tmp_path / "data.html", folder, inspect(folder))
    assert (tmp_path / "data.html").read_text().startswith("<!doctype html>")
    (tmp_path / "taken" / "full").mkdir(parents=True)
    with pytest.raises(UserError, match=r"taken can't be written \(.*\); give --html another file"):
        write_page(tmp_path / "taken", folder, inspect(folder))
    assert [path.name for path in tmp_path.iterdir() if "tmp" in path.name] == []


def test_more_classes_than_colours_are_dashed(tmp_path):
    image = np.random.default_rng(0).normal(size=(20, 20, 4))
    label = np.zeros(image.shape, np.uint8)
    label[:10, 0, :] = np.arange(1, 11)[:, np.newaxis]
    digest = write_case(tmp_path, "a", image, label, Grid((1, 1, 1), np.eye(4), image.shape), classes=10)
    info = build_info(
        tmp_path,
        name="ten",
        channels=("MR",),
        classes=[f"class_{k}" for k in range(10)],
        splits=Splits(train_labeled=("a",)),
        train_order=("a",),
        digests={"a": digest},
        origin=Origin("test"),
    )
    write_info(tmp_path, info)
    write_page(tmp_path / "data.html", tmp_path, inspect(tmp_path))
    classes = re.findall(r'<path class="([^"]+)"', (tmp_path / "data.html").read_text())
    assert classes == [*(f"k{k}" for k in range(8)), "k0 dashed", "k1 dashed"]


def test_groups_are_told_and_each_case_names_its_own(tmp_path):
    folder = make(tmp_path / "set")
    write_page(tmp_path / "without.html", folder, inspect(folder))
    assert "group" not in re.sub(r"<(style|script)>.*?</\1>", "", (tmp_path / "without.html").read_text(), flags=re.S)
    info = open_info(folder)
    write_info(folder, info.model_copy(update={"groups": {"case_0": "<b>p1</b>", "case_1": "<b>p1</b>"}}))
    write_page(tmp_path / "with.html", folder, inspect(folder))
    text = (tmp_path / "with.html").read_text()
    assert "1 group of 2 cases, each in one split; 2 cases are in no group." in text
    assert text.count("<span>group &lt;b&gt;p1&lt;/b&gt;</span>") == 2
