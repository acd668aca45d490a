"""A report as one HTML file: no request leaves it, and nothing but its own scripts and styles runs in it."""

import base64
import hashlib
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from analysis.report.content import Report
from analysis.report.data import chart_data, json_text, picture_data
from analysis.tables.html import render_html

_SCRIPTS: Final = (
    *("dom", "theme", "tables", "axes", "tooltip", "choice"),
    *("forest", "dots", "sensitivity", "courses", "scores"),
    *("volume", "panel", "browser", "main"),
)
"""In the order in which they stand in the page; each may use what stands before it."""


def render(report: Report) -> str:
    """Return the page.

    Text from the sweep is escaped by the template, JSON by `json_text`, tables by their renderer; besides, the page's
    content security policy allows only the two blocks of code that are hashed here.
    """
    import jinja2
    from markupsafe import Markup

    assets = resources.files("analysis.report") / "assets"
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (assets / name).read_text(encoding="utf-8")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    script, style = _script(assets), (assets / "report.css").read_text(encoding="utf-8")
    tables = [(each.main.metric.heading, Markup(render_html(each))) for each in report.scored.each()]
    if len(tables) > 1:
        tables.insert(0, ("All metrics", Markup(render_html(report.scored))))
    return environment.get_template("report.html.j2").render(
        report=report,
        tables=tables,
        style=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; img-src data: blob:; style-src '{_hash(style)}'; script-src '{_hash(script)}'",
        data=Markup(json_text(chart_data(report))),
        pictures=[Markup(json_text(picture_data(picture))) for picture in report.browser.pictures],
    )


def _script(assets: Traversable) -> str:
    parts = [(assets / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return "\n(() => {\n'use strict';\n" + "\n".join(parts) + "})();\n"


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
