"""A planned setting with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from simcvd.nested import written

Value = int | float | list[int] | list[list[int]] | None
"""What a plan sets, in JSON types."""


@dataclass(frozen=True)
class Choice:
    """A planned setting.

    Attributes:
        key: dotted key of the setting.
        value: in JSON types.
        reason: a sentence or a few, with their numbers.
    """

    key: str
    value: Value
    reason: str

    def __str__(self) -> str:
        return f"{self.key}={written(self.value)}: {self.reason}"


def times(sides: Sequence[int]) -> str:
    """Return sides for people.

    >>> times((32, 48, 32))
    '32 x 48 x 32'
    """
    return " x ".join(map(str, sides))


def counted(windows: int) -> str:
    """Return a number of windows for people.

    >>> counted(1), counted(1782)
    ('1 window', '1,782 windows')
    """
    return f"{windows:,} window{'s' * (windows != 1)}"


def gigabytes(count: float) -> str:
    """Return a number of bytes for people.

    >>> gigabytes(11_000_000_000), gigabytes(432_100_000)
    ('11 GB', '0.43 GB')
    """
    return f"{count / 1e9:.2g} GB"
