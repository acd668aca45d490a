import runpy
from pathlib import Path

from simcvd.config import dotted_keys

DOCS = Path(__file__).parents[2] / "docs"


def test_settings_page_is_what_the_settings_say():
    written = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert written == runpy.run_path(str(DOCS / "make_settings.py"))["settings_page"](), "run docs/make_settings.py"


def test_settings_page_names_every_setting_once():
    written = (DOCS / "settings.md").read_text(encoding="utf-8")
    for key in dotted_keys():
        assert written.count(f"| `{key}` |") == 1
