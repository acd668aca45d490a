import colorsys
import itertools

import matplotlib
import pytest
from matplotlib.colors import to_rgb

from analysis.comparison.metric import METRIC_BY_NAME
from analysis.figures.canvas.style import (
    CLASS_COLOURS,
    COLOUR_NAMES,
    FONT_PT,
    axis_label,
    class_colours,
    difference_label,
    line_style,
    new_figure,
    number,
    panel_grid,
    shortened,
    style,
    text_width_mm,
    thinned,
    wrapped,
)


def test_twelve_lines_differ_without_their_colours() -> None:
    looks = [line_style(place) for place in range(12)]
    assert len({look.marker for look in looks}) == 12
    assert len({(look.colour, str(look.dashes)) for look in looks}) == 12


@pytest.mark.parametrize("width", [12.0, 20.0, 60.0])
@pytest.mark.parametrize(
    "text",
    ["without the pairwise distillation", "no_place_to_break_" * 4, "x" * 90, "a", "a/b-c=d, e", "  two  words "],
)
def test_wrapped_text_is_whole_and_fits(text: str, width: float) -> None:
    lines = wrapped(text, width).split("\n")
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(text_width_mm(line, FONT_PT) <= width for line in lines)


def test_words_stay_whole_where_they_fit() -> None:
    assert wrapped("the contrastive loss", 22).split("\n") == ["the contrastive", "loss"]


def test_keys_break_behind_their_dots_and_numbers_do_not() -> None:
    assert wrapped("projection.dropout", 16).split("\n") == ["projection.", "dropout"]
    assert wrapped("p = 0.12345678", 16).split("\n") == ["p =", "0.12345678"]


def test_shortened_text_keeps_both_ends() -> None:
    text = shortened("patient_of_a_very_long_name_0123", 20)
    assert text.startswith("pat")
    assert text.endswith("123")
    assert "…" in text
    assert text_width_mm(text, 6) <= 20
    assert shortened("short", 20) == "short"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.01, "0.01"), (128.0, "128"), (1e-5, "1e-5"), (2.5e7, "2.5e7"), (-0.5, "-0.5")]
)
def test_numbers_read_as_people_write_them(value: float, text: str) -> None:
    assert number(value) == text


def test_thinned_labels_keep_what_must_stay_and_the_ends() -> None:
    places = [float(n) for n in range(10)]
    labels = [f"0.00{n}" for n in range(10)]
    kept = thinned(places, labels, 1.0, first=[4])
    assert [label for label in kept if label] == ["0.000", "0.004", "0.009"] or kept[4] == "0.004"
    assert kept[4] == "0.004"
    there = [place for place, label in zip(places, kept, strict=True) if label]
    assert all(b - a > text_width_mm("0.000", 6) for a, b in itertools.pairwise(there))
    assert thinned([0.0, 50.0], ["a", "b"], 1.0) == ["a", "b"]


def test_panels_fill_their_rows() -> None:
    for count in range(1, 30):
        rows, columns = panel_grid(count, 4)
        assert (rows - 1) * columns < count <= rows * columns
        assert columns <= 4


def test_labels_name_units() -> None:
    assert axis_label(METRIC_BY_NAME["dice"]) == "Dice [%]"
    assert axis_label(METRIC_BY_NAME["hd95_mm"]) == "HD95 [mm]"
    assert axis_label(METRIC_BY_NAME["asd_vox"]) == "ASD [voxel]"


def test_differences_of_percentages_are_points() -> None:
    assert difference_label(METRIC_BY_NAME["dice"], "a") == "Dice, difference to a [points]"
    assert difference_label(METRIC_BY_NAME["asd_vox"], "a") == "ASD, difference to a [voxels]"


def hue(colour: str) -> float:
    return float(colorsys.rgb_to_hsv(*to_rgb(colour))[0])


def test_colours_are_called_what_they_are() -> None:
    """Hues in degrees: red 0, yellow 60, green 120, blue 240; the names are those of the nearest."""
    limits = {"orange-red": (15, 35), "amber": (35, 50), "yellow": (50, 70), "green": (150, 170)}
    limits |= {"light blue": (195, 210), "blue": (195, 210), "pink": (315, 335)}
    for colour, name in COLOUR_NAMES.items():
        if name in limits:
            low, high = limits[name]
            assert low <= 360 * hue(colour) <= high, name
    assert set(CLASS_COLOURS) <= set(COLOUR_NAMES)
    assert len(set(COLOUR_NAMES.values())) == len(COLOUR_NAMES)


def test_a_class_keeps_its_colour_and_many_begin_anew() -> None:
    assert class_colours([5, 2, 5]) == {2: CLASS_COLOURS[0], 5: CLASS_COLOURS[1]}
    assert class_colours(range(1, 9))[8] == CLASS_COLOURS[0]


def test_settings_of_the_user_neither_matter_nor_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(matplotlib.rcParams, "axes.grid", True)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30)
    with style():
        assert matplotlib.rcParams["font.size"] == FONT_PT
        assert not matplotlib.rcParams["axes.grid"]
        width, height = new_figure(88, 50).get_size_inches()
    assert (width * 25.4, height * 25.4) == pytest.approx((88, 50))
    assert matplotlib.rcParams["font.size"] == 30
    assert matplotlib.rcParams["axes.grid"]
