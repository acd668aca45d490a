from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from analysis.tables import Table, render_html
from analysis.tables.columns import columns
from tests.analysis.made_sweeps import ODD_METRICS

TableOf = Callable[..., Table]


def texts(of: Table) -> list[list[str]]:
    return [[column.cell(line).text for column in columns(of)] for line in of.lines]


class Page(HTMLParser):
    """The cells of each row, as a browser shows them."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.sorts: list[str | None] = []
        self.tags: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.sorts += [value for name, value in attrs if name == "data-sort"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


@pytest.mark.parametrize("metrics", [ODD_METRICS, ("dice",)])
@pytest.mark.parametrize("classes", [1, 2])
def test_html_is_well_formed_and_shows_every_cell(odd: TableOf, metrics: tuple[str, ...], classes: int) -> None:
    of = odd(classes, metrics=metrics)
    page = Page()
    page.feed(render_html(of))
    assert page.open == []
    assert page.tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "strong", "u", "ul", "li", "sup"}
    shown_rows = texts(of)
    assert [row for row in page.rows if row in shown_rows] == shown_rows


def test_html_sorts_by_the_number_behind_the_text(odd: TableOf) -> None:
    of = odd(metrics=("dice",))
    page = Page()
    page.feed(render_html(of))
    width = len(columns(of))
    means = [float(str(text)) for text in page.sorts[1::width]]
    assert means == pytest.approx([100 * line.row.mean for line in of.lines if line.row.mean is not None])
