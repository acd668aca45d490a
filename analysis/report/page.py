"""A sweep's report as one HTML file."""

from typing import Final

from analysis.report.content import Report
from analysis.report.data import chart_data, json_text, picture_data
from analysis.report.frame import read_asset, render_page
from analysis.tables.html import render_html

_SCRIPTS: Final = (
    *("dom", "theme", "sideways", "tables", "axes", "save", "chart", "tooltip", "choice"),
    *("forest", "dots", "sensitivity", "courses", "scores"),
    *("volume", "panel", "browser", "live", "main"),
)
"""In the order in which they stand in the page; each may use what stands before it."""


def render(report: Report, live: str | None = None) -> str:
    """Return the page; the template escapes a sweep's text, `json_text` its JSON, and tables their own.

    Args:
        report: what it shows.
        live: stamp of the records, for a page that is served and follows them.
    """
    from markupsafe import Markup

    tables = [(each.main.metric.heading, Markup(render_html(each))) for each in report.scored.each()]
    if len(tables) > 1:
        tables.insert(0, ("All metrics", Markup(render_html(report.scored))))
    content = {
        "report": report,
        "live": live,
        "tables": tables,
        "classes": report.values.classes,
        "data": Markup(json_text(chart_data(report))),
        "pictures": [Markup(json_text(picture_data(picture))) for picture in report.browser.pictures],
    }
    scripts = (read_asset(f"{name}.js") for name in _SCRIPTS)
    template, style = read_asset("report.html.j2"), read_asset("report.css")
    return render_page(template, style, scripts, content, asks=live is not None)
