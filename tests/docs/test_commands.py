"""Every command that is shown exists, with its options and values."""

import pytest

from tests.docs.shown import PAGES, commands, inline, parse

SHOWN = [(page, line) for page in PAGES for line in dict.fromkeys(commands(page))]
INLINE = [(page, line) for page in PAGES for line in dict.fromkeys(inline(page))]

NOT_COMMANDS = {
    "simcvd results": "a wrong guess",
    "simcvd sweep DATASET": "a wrong guess",
    "simcvd prepare KIND SOURCE DATASET": "KIND stands for four commands",
}


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_a_command_in_a_block_exists(page: str, line: str) -> None:
    parse(line)


@pytest.mark.parametrize(("page", "line"), [shown for shown in INLINE if shown[1] not in NOT_COMMANDS])
def test_a_command_in_a_sentence_exists(page: str, line: str) -> None:
    try:
        parse(line)
    except Exception as error:
        if not lacks_something(error):  # a sentence may leave out what is not its subject
            raise


def test_commands_are_found() -> None:
    assert len(SHOWN) >= 60
    assert len(INLINE) >= 60


@pytest.mark.parametrize(
    "line", ["simcvd sweep dropout --sedes 3", "simcvd train --seed x", "simcvd tables", "simcvd sweeep"]
)
def test_a_command_that_does_not_exist_would_be_found(line: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - Typer's Click has classes of its own
        parse(line)


def test_what_is_no_command_is_shown() -> None:
    assert NOT_COMMANDS.keys() <= {line for _, line in INLINE}


def lacks_something(error: Exception) -> bool:
    """Tell whether a command only lacks an argument, or an option its value."""
    return type(error).__name__ == "MissingParameter" or "requires an argument" in str(getattr(error, "message", ""))
