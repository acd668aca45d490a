"""The served page in Chromium: it follows the records, and stays where its reader is."""

import pytest

import analysis.report.live.page as live_page
from analysis.runs.records import write_cases, write_trial

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
CASES = [f"case {n:02d}" for n in range(30)]


def rows(shift):
    return [{"case_id": case, "dice": 0.5 + shift + (n % 7) / 50} for n, case in enumerate(CASES)]


@pytest.fixture
def runs(write_sweep):
    return write_sweep({"ref": {0: rows(0.0)}, "a": {0: rows(0.1)}, "b": {0: None}}, also=["jaccard"])


def test_new_results_come_in_and_the_reader_stays_where_they_were(
    browser, serve, runs, make_case, make_trial, monkeypatch
):
    monkeypatch.setattr(live_page, "LEAST_S", 0.2)
    monkeypatch.setattr(live_page, "LOOK_S", 0.1)
    monkeypatch.setattr(live_page, "SHARE", 1.0)
    server = serve(runs)
    errors, asked = [], set()
    contexts = [browser.new_context(viewport={"width": 1000, "height": 700}) for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.add(request.url))
        page.goto(server.url)
    page = pages[0]
    assert page.locator("#dots circle").count() == 60
    page.select_option("#which-table", label="Jaccard [%]")
    page.fill("#which-variant", "a")
    page.locator("#theme").click()
    theme = page.evaluate("document.documentElement.dataset.theme")
    page.evaluate("document.querySelector('#scores tbody tr:nth-child(12)').scrollIntoView({ behavior: 'instant' })")
    top = "document.getElementById('cases').getBoundingClientRect().top"
    before = page.evaluate(top)
    write_cases(runs, "b-s0", [make_case("b-s0", **row) for row in rows(-0.1)])
    write_trial(runs, make_trial("b-s0"))
    for each in pages:
        sync_api.expect(each.locator("#dots circle")).to_have_count(90, timeout=60_000)
    page.wait_for_timeout(500)
    assert page.evaluate(top) == pytest.approx(before, abs=3)
    assert page.locator("#which-variant").input_value() == "a"
    assert page.evaluate("document.getElementById('which-table').selectedOptions[0].text") == "Jaccard [%]"
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert errors == []
    assert {url for url in asked if not url.startswith("data:")} == {server.url, f"{server.url}stamp"}
    for context in contexts:
        context.close()
