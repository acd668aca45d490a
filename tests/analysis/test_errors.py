import pytest

from analysis.errors import reason


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("truncated\n   file."), "truncated file"),
        (ValueError("a.b is no key"), "a.b is no key"),
        (KeyError("name"), "'name'"),
        (OSError(28, "No space left on device", "a.csv"), "[Errno 28] No space left on device: 'a.csv'"),
        (ValueError(), ""),
    ],
)
def test_what_a_library_says_is_a_part_of_a_sentence_on_one_line(error: Exception, told: str) -> None:
    assert reason(error) == told
