"""A page in one file: nothing but its own script and style runs in it, and no request leaves it but to its server."""

import base64
import hashlib
from collections.abc import Iterable
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

ASSETS: Final = resources.files("analysis.report") / "assets"
"""Styles and scripts of the report, which other pages share."""


def read_asset(name: str, assets: Traversable = ASSETS) -> str:
    """Return a style, script or template."""
    return (assets / name).read_text(encoding="utf-8")


def render_page(
    template: str, style: str, scripts: Iterable[str], content: dict[str, Any], *, asks: bool = False
) -> str:
    """Fill a template, which finds `style`, `script` and `policy` beside the content.

    Text is escaped by the template; besides, the content security policy allows only the two blocks of code that are
    hashed here.

    Args:
        template: in Jinja.
        style: all of the page's CSS.
        scripts: parts of its one script, each of which may use those before it.
        content: by name.
        asks: whether its script may ask the server that it came from.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(read_asset),
    )
    script = "\n(() => {\n'use strict';\n" + "\n".join(scripts) + "})();\n"
    policy = f"default-src 'none'; img-src data: blob:; style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    return environment.from_string(template).render(
        style=Markup(style),
        script=Markup(script),
        policy=policy + ("; connect-src 'self'" if asks else ""),
        **content,
    )


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
