"""The data set's page as its reader meets it, in Chromium without a network."""

import os
import shutil

import pytest

from simcvd.data.inspection.inspect import inspect
from sweeps.dataset_page.page import write_page
from tests.sweeps.dataset_page.made import make

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
CHROMIUM = os.environ.get("SIMCVD_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium, or SIMCVD_CHROMIUM")


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "data.html"
    write_page(path, make(tmp_path / "set"), inspect(tmp_path / "set"))
    errors, requests = [], []
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        page = found.new_page(viewport={"width": 390, "height": 900})
        page.set_default_timeout(60_000)
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        yield page
        found.close()
    assert errors == []
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]


def shown(page):
    return page.locator(".case:visible strong").all_text_contents()


def test_cases_are_chosen_by_split_name_and_oddity_on_a_phone(page):
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert shown(page) == ["case_0", "case_1", "case_2", "case_3"]
    page.locator("#case-odd").check()
    assert shown(page) == ["case_0", "case_3"]
    page.locator("#case-split").select_option("test")
    assert shown(page) == ["case_3"]
    assert page.locator("#case-count").inner_text() == "1 of 4 cases"
    page.locator("#case-split").select_option("")
    page.locator("#case-odd").uncheck()
    page.locator("#case-name").fill("_1")
    assert shown(page) == ["case_1"]


def test_pictures_are_decoded_and_outlines_can_be_put_away(page):
    box = page.locator(".case svg").first.bounding_box()
    assert box["width"] == pytest.approx(box["height"], abs=1)
    path = page.locator(".case path").first
    assert path.evaluate("element => getComputedStyle(element).stroke") == "rgb(255, 176, 0)"
    assert path.is_visible()
    page.locator("#case-labels").uncheck()
    assert not path.is_visible()
