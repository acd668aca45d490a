from pathlib import Path

import pytest

from simcvd.errors import UserError
from simcvd.yaml_text import Problem, YamlText, parse_value, parse_yaml, read_yaml


def _parsed(text: str) -> YamlText:
    return parse_yaml(text, "a.yaml", "sweep file", "name and seeds")


def test_numbers_are_those_of_yaml_1_2_and_words_stay_words() -> None:
    content = _parsed("a: [1e-3, 1e3, .5, 1:30, 007a, 'yes', \"off\", '010', no way, 0, -0.5, true, ~]").content
    assert content["a"] == [
        *(0.001, 1000.0, 0.5, "1:30", "007a", "yes", "off", "010", "no way", 0, -0.5, True, None),
    ]


def test_lines_are_those_of_keys_and_items() -> None:
    text = "name: x\n\nbase:  # settings\n  loss: {sdm: 1}\nseeds:\n- 0\n\n- 1\n"
    assert _parsed(text).lines == {
        ("name",): 1,
        ("base",): 3,
        ("base", "loss"): 4,
        ("base", "loss", "sdm"): 4,
        ("seeds",): 5,
        ("seeds", 0): 6,
        ("seeds", 1): 8,
    }


@pytest.mark.parametrize("word", ["yes", "No", "on", "OFF", "010", "-07", "0089"])
def test_what_yaml_1_1_reads_otherwise_is_refused_with_line_and_key(word: str) -> None:
    with pytest.raises(UserError) as found:
        _parsed(f"name: x\nbase:\n  a: [1, {word}]\n")
    assert str(found.value) == (
        f"The sweep file a.yaml is wrong: line 3, base.a.1: {word} means different things in YAML 1.1 and 1.2; "
        "write true, false or a plain number, or put it in quotes."
    )


@pytest.mark.parametrize("word", ["on", "08"])
def test_a_key_that_yaml_1_1_reads_otherwise_is_refused(word: str) -> None:
    with pytest.raises(UserError, match=rf"line 2, a\.{word}: {word} means different things"):
        _parsed(f"a:\n  {word}: 1\n")
    assert _parsed(f"a:\n  '{word}': 1\n").content == {"a": {word: 1}}


def test_every_key_that_is_given_twice_is_told() -> None:
    with pytest.raises(UserError) as found:
        _parsed("a: 1\nb: {c: 1, c: 2}\na: 3\n")
    assert str(found.value) == (
        "The sweep file a.yaml is wrong: line 1, a: given again in line 3; keep one; "
        "line 2, b.c: given again in line 2; keep one."
    )


def test_an_anchor_inside_itself_is_refused_and_one_that_is_used_twice_is_not() -> None:
    with pytest.raises(UserError, match=r"line 1, a\.0: refers to itself; write it out"):
        _parsed("a: &a [*a]")
    assert _parsed("a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}").content == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 2},
        "c": {"x": 1, "y": 3},
    }


@pytest.mark.parametrize("text", ["a: [", "a: \x07", "a: 2024-13-45", "a: !!python/name:os.system", "a: 1\n---\na: 2"])
def test_what_is_no_yaml_is_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match=r"^The sweep file a\.yaml is not valid YAML: ") as found:
        _parsed(text)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("text", ["", "- 1", "word"])
def test_what_is_no_mapping_is_told_which_keys_are_expected(text: str) -> None:
    with pytest.raises(UserError, match=r"a\.yaml holds no mapping; expected keys such as name and seeds\."):
        _parsed(text)


def test_a_file_that_cant_be_read_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with pytest.raises(UserError, match=r"The sweep file .*a\.yaml can't be read: No such file or directory\."):
        read_yaml(path, "sweep file", "name")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="can't be read: it is no text"):
        read_yaml(path, "sweep file", "name")


def test_problems_are_told_in_the_order_of_the_file() -> None:
    text = _parsed("a: 1\nb: [1, 2]")
    with pytest.raises(
        UserError, match=r"line 1, a: is old; line 2, b\.1: is new; line 2, b\.x: is missing; all in all"
    ):
        text.refuse(
            [
                Problem((), "all in all"),
                Problem(("b", 1), "is new"),
                Problem(("b", "x"), "is missing"),
                Problem(("a",), "is old"),
            ]
        )


def test_a_value_is_yaml_or_text() -> None:
    assert [parse_value(text) for text in ("1e-3", "[1, 2]", "true", "null", "yes", "a: b: c", "")] == [
        *(0.001, [1, 2], True, None, "yes", "a: b: c", None),
    ]


@pytest.mark.parametrize("number", ["0x10", "0o10", "0b11", "1_000", "1_0.5", "1_0e3"])
def test_numbers_that_are_no_plain_decimal_ones_are_refused(number: str) -> None:
    with pytest.raises(UserError, match=f"line 2, b.0: {number} is no plain decimal number; write it as one, or put"):
        _parsed(f"a: 1\nb: [{number}]")
    with pytest.raises(UserError, match=f"The value {number} is wrong"):
        parse_value(number)


def test_plain_numbers_and_words_with_digits_are_read() -> None:
    texts = ("0", "-10", "+5", "1.5", ".5", "5.", "1e-3", "'010'", "1:40", "1_a", "a_1", "_1", "1:a", "0xg")
    assert [parse_value(text) for text in texts] == [
        *(0, -10, 5, 1.5, 0.5, 5.0, 0.001, "010", "1:40", "1_a", "a_1", "_1", "1:a", "0xg"),
    ]
    assert _parsed("a: 1:a").content == {"a": "1:a"}
