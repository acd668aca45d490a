"""What a command changes about a sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self


@dataclass(frozen=True)
class Changes:
    """What a command changes about a sweep; none leaves it as the sweep has it.

    Attributes:
        overrides: dotted settings for all variants that don't set them themselves.
        seeds: taken in place of the sweep's own; a search takes the first one.
        label_splits: taken in place of the sweep's own.
        preset: taken in place of the data set's own, which is taken in place of the sweep's.
    """

    overrides: Mapping[str, Any] = field(default_factory=dict)
    seeds: Sequence[int] | None = None
    label_splits: Sequence[int] | None = None
    preset: str | None = None

    def on_dataset(self, preset: str | None) -> Self:
        """Return the changes for a data set that has a preset of its own."""
        return replace(self, preset=self.preset or preset)


NO_CHANGES = Changes()
