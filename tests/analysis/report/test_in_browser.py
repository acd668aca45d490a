"""The report as its reader meets it, in Chromium without a network."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from analysis.report.write import write_report

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
WAIT_MS = 60_000


@pytest.fixture(scope="module")
def path(made):
    return write_report(made.runs, "toy").path


@pytest.fixture
def open_report(browser, path):
    """Open the report; at the end nothing may have been asked of anyone, and nothing may have gone wrong."""
    contexts, requests, errors = [], [], []

    def opened(width=1200, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []
    assert [url for url in requests if not url.startswith(("blob:", "data:"))] == [path.as_uri()] * len(contexts)


def column(page, place):
    rows = page.locator("#tables .table:not([hidden]) tr[data-variant]:visible")
    return [row.locator("th, td").nth(place).inner_text() for row in rows.all()]


def test_tables_sort_and_filter(open_report, made):
    page = open_report()
    assert page.locator("#tables .table:visible").count() == 1
    names = [*made.dice, "broken"]
    assert column(page, 0) == names
    page.select_option("#which-table", label="Dice [%]")
    head = page.locator("#tables .table:visible thead th", has_text="mean")
    assert head.get_attribute("aria-sort") is None
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    by_mean = sorted(made.dice, key=lambda name: -np.mean(list(made.dice[name].values())))
    # What is missing comes last in either direction.
    assert column(page, 0) == [*by_mean, "broken"]
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(page, 0) == [*reversed(by_mean), "broken"]
    page.fill("#which-variant", "QUOTED")
    assert column(page, 0) == [name for name in made.dice if "quoted" in name]
    assert page.locator("#table-count").inner_text() == "1 of 12 rows"
    page.fill("#which-variant", "")
    page.select_option("#which-class", "")
    assert len(column(page, 0)) == 12
    page.select_option("#which-class", "left")
    rows = page.locator("#tables .table:visible tr[data-variant]:visible")
    assert {row.get_attribute("data-class") for row in rows.all()} == {"left"}


def voxels(page, variant, shape):
    """Read the colour at the middle of every voxel of a panel, as the label that it stands for."""
    panel = page.locator(".panel", has=page.locator(".name", has_text=variant)).locator("canvas")
    colours = panel.evaluate(
        """(canvas, [columns, rows]) => {
          const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
          const found = [];
          for (let row = 0; row < rows; row += 1) for (let column = 0; column < columns; column += 1) {
            const x = Math.floor((column + 0.5) * canvas.width / columns);
            const y = Math.floor((row + 0.5) * canvas.height / rows);
            found.push([...pixels.slice(4 * (y * canvas.width + x), 4 * (y * canvas.width + x) + 3)]);
          }
          return found;
        }""",
        list(shape),
    )
    rgb = np.array(colours, dtype=int).reshape(shape[1], shape[0], 3)
    redder = rgb[:, :, 0] - rgb[:, :, 2]
    # Orange, violet or grey; rows come from the top, the second axis of the plane runs upwards.
    return np.where(redder > 40, 1, np.where(redder < -12, 2, 0))[::-1].T


def settle(page):
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_a_case_is_opened_and_its_pixels_are_its_masks_in_every_plane(open_report, made):
    page = open_report()
    assert page.locator(".panel").count() == 0
    case = "case <c>"
    page.locator("#scores tbody button", has_text=case).click()
    page.wait_for_selector(".panel canvas")
    assert page.locator(".panel .name").all_inner_texts()[0] == "SimCVD (reference)"
    page.select_option("#mode", "filled")
    page.locator("#referenceOn").click()
    window = (slice(6, 34), slice(2, 28), slice(0, 12))
    variant = '"quoted" & <b>bold</b>'
    mask = next(own for name, own in made.masks.items() if variant in name)[case][window]
    label = made.labels[case][window]
    for plane, across in (("x-y", 2), ("x-z", 1), ("y-z", 0)):
        page.select_option("#plane", plane)
        settle(page)
        at = int(page.input_value("#slice"))
        others = tuple(axis for axis in range(3) if axis != across)
        assert (label > 0).sum(axis=others)[at] == (label > 0).sum(axis=others).max()
        expected = mask.take(at, axis=across)
        np.testing.assert_array_equal(voxels(page, variant, expected.shape), expected)
    page.locator("#slice").press("ArrowRight")
    settle(page)
    assert int(page.input_value("#slice")) == at + 1
    np.testing.assert_array_equal(voxels(page, variant, expected.shape), mask[at + 1])
    page.locator("#predictionOn").click()
    settle(page)
    assert not voxels(page, variant, expected.shape).any()


def test_slices_scroll_by_wheel_keys_and_swipe_and_a_click_enlarges(open_report):
    page = open_report(has_touch=True)
    page.locator("#cases").scroll_into_view_if_needed()
    page.wait_for_selector(".panel canvas")
    settle(page)
    page.locator(".panel").first.scroll_into_view_if_needed()
    at = int(page.input_value("#slice"))
    page.locator(".panel canvas").first.hover()
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 80)
    sync_api.expect(page.locator("#slice")).to_have_value(str(at + 2))
    assert page.evaluate("scrollY") == before
    page.locator(".panel").first.press("ArrowDown")
    sync_api.expect(page.locator("#slice")).to_have_value(str(at + 1))
    page.locator("#panels").evaluate(
        """holder => {
          const send = (kind, x) => holder.dispatchEvent(
            new PointerEvent(kind, { pointerType: 'touch', clientX: x, clientY: 5, bubbles: true }));
          send('pointerdown', 100); send('pointermove', 83); send('pointerup', 83);
        }"""
    )
    sync_api.expect(page.locator("#slice")).to_have_value(str(at - 1))
    page.locator(".panel").nth(1).click()
    assert page.locator(".panel:visible").count() == 1
    page.keyboard.press("Escape")
    assert page.locator(".panel:visible").count() == 3


def test_figures_follow_the_metric_and_tell_values(open_report, made):
    page = open_report()
    assert page.locator("#dots circle").count() == 3 * 4
    assert page.locator("#forest circle").count() == 2
    page.select_option("#figure-metric", label="HD95 [voxel]")
    assert "HD95 [voxel]" in page.locator("#dots").inner_text()
    page.locator("#forest .hit").first.hover()
    assert "</script><script>alert(1)</script>" in page.locator("#tooltip").inner_text()
    page.locator("#training .chips button").nth(1).click()
    assert page.locator("#course-scores polyline").count() == 4
    assert page.locator("#course-losses polyline").count() == 4
    assert page.locator("#training figure:visible").first.get_attribute("id") == "course-scores"
    page.locator("#course-losses .hit").hover()
    assert "SimCVD, seed 0: " in page.locator("#tooltip").inner_text()


def test_dark_mode_follows_the_system_and_the_button(open_report):
    def brightness(page):
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))

    dark = open_report(color_scheme="dark")
    assert brightness(dark) < 150
    dark.locator("#theme").click()
    assert brightness(dark) > 600
    light = open_report(color_scheme="light")
    assert brightness(light) > 600
    light.locator("#theme").click()
    assert brightness(light) < 150


def test_a_phone_scrolls_no_page_sideways_and_cuts_no_figure(open_report):
    page = open_report(width=390, height=844, is_mobile=True, has_touch=True, device_scale_factor=2)
    page.locator("#cases").scroll_into_view_if_needed()
    page.wait_for_selector(".panel canvas")
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    tops = [panel.bounding_box()["y"] for panel in page.locator(".panel canvas").all()[:2]]
    assert tops[0] == tops[1]  # though one name is longer
    outside = page.evaluate(
        """() => [...document.querySelectorAll('svg text, h1, h2, p, button, select, canvas')]
          .filter(one => !one.closest('.wide, nav') && one.getClientRects().length)
          .filter(one => { const box = one.getBoundingClientRect(); return box.left < -1 || box.right > 391; })
          .map(one => one.textContent)"""
    )
    assert outside == []


def test_print_shows_the_tables_without_controls(open_report):
    page = open_report()
    page.emulate_media(media="print")
    assert page.locator("#tables table").first.is_visible()
    assert not page.locator("nav").is_visible()
    assert not page.locator("#which-variant").is_visible()


def test_wide_tables_say_that_they_scroll_and_which_side_is_hidden(open_report):
    page = open_report(width=390)
    box = page.locator("#tables .table:visible .wide")
    frame = page.locator("#tables .table:visible .frame")
    assert frame.locator(".sideways").inner_text().startswith("Wider than the page")
    assert "more-right" in frame.get_attribute("class")
    assert "more-left" not in frame.get_attribute("class")
    right = "one => one.getBoundingClientRect().right"
    below = "one => one.getBoundingClientRect().bottom"
    assert frame.locator(".shade").evaluate(below) <= box.locator("table").evaluate(below) + 1  # not over the notes
    box.evaluate("box => { box.scrollLeft = box.scrollWidth; }")
    sync_api.expect(frame).to_have_class(re.compile("more-left"))
    assert "more-right" not in frame.get_attribute("class")
    # Names of variants and headings of groups stay in sight.
    for name in box.locator("tbody th:visible, tbody th[scope=rowgroup] span:visible").all():
        assert name.evaluate(right) > box.evaluate("one => one.getBoundingClientRect().left")
    assert box.locator("th[scope=rowgroup] span:visible").first.inner_text() == "mean"
    assert box.locator("th[scope=rowgroup] span:visible").first.bounding_box()["x"] >= box.bounding_box()["x"]
    assert not open_report(width=1900).locator("#scores .sideways").is_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_no_words_of_a_chart_lie_on_each_other_or_are_cut(open_report, made, width):
    page = open_report(width=width)
    settle(page)
    overlaps = page.evaluate(
        """() => [...document.querySelectorAll('svg.chart')].flatMap(svg => {
          const boxes = [...svg.querySelectorAll('text')].map(one => [one.textContent, one.getBoundingClientRect()]);
          return boxes.flatMap(([a, x], place) => boxes.slice(place + 1)
            .filter(([, y]) => x.left < y.right - 1 && y.left < x.right - 1)
            .filter(([, y]) => x.top < y.bottom - 2 && y.top < x.bottom - 2)
            .map(([b]) => `${a} on ${b}`));
        })"""
    )
    assert overlaps == []
    names = [text.replace("\n", "") for text in page.locator("#dots .name").all_text_contents()]
    assert [name.replace(" ", "") for name in names] == [name.replace(" ", "") for name in (*made.dice, "broken")]
    places = page.evaluate("[...document.querySelectorAll('nav a')].map(one => one.getBoundingClientRect().right)")
    assert max(places) <= width


def test_validation_dice_opens_the_training_on_an_axis_of_its_own_values(open_report):
    page = open_report()
    assert page.locator("#course-scores strong").inner_text() == "Validation Dice of the student [%]"
    values = [float(text) for text in page.locator("#course-scores text[text-anchor='end']").all_text_contents()]
    assert min(values) > 0
    assert max(values) <= 85  # the scores go from 20 to 80 %


def test_a_chart_is_saved_with_the_look_of_the_page(open_report, tmp_path):
    """Also from a file: its names stay text, its colours are written out, and it needs no style of the page."""
    page = open_report(color_scheme="dark")
    with page.expect_download() as download:
        page.locator("#forest .save button", has_text="SVG").click()
    assert download.value.suggested_filename == "toy-Difference-from-SimCVD.svg"
    download.value.save_as(tmp_path / "forest.svg")
    text = (tmp_path / "forest.svg").read_text()
    drawn = ET.fromstring(text)
    words = ["".join(one.itertext()) for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "Difference from SimCVD" in words
    assert any("<script>" in word.replace("\n", "") for word in words)
    assert not re.search(r"var\(|class=|style=|currentColor|tabindex", text)
    assert 'fill="#14171b"' in text
    with page.expect_download() as download:
        page.locator("#course-scores .save button", has_text="PNG").click()
    download.value.save_as(tmp_path / "training.png")
    from PIL import Image

    with Image.open(tmp_path / "training.png") as image:
        assert image.convert("RGB").getpixel((2, 2)) == (0x14, 0x17, 0x1B)
        assert len(image.convert("RGB").getcolors(1 << 24)) > 10
