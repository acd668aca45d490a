"""What a command changes about a sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from simcvd.config import PLAN


@dataclass(frozen=True)
class Changes:
    """What a command changes about a sweep; none leaves it as the sweep has it.

    Attributes:
        overrides: dotted settings for all variants that don't set them themselves.
        seeds: taken in place of the sweep's own; a search takes the first one.
        label_splits: taken in place of the sweep's own.
        preset: taken in place of the data set's own, which is taken in place of the sweep's.
        plan: what the data set's plan sets, where that is the preset.
    """

    overrides: Mapping[str, Any] = field(default_factory=dict)
    seeds: Sequence[int] | None = None
    label_splits: Sequence[int] | None = None
    preset: str | None = None
    plan: Mapping[str, Any] | None = None

    def on_dataset(self, folder: Path, preset: str | None) -> Self:
        """Return the changes for a data set, whose plan or preset is taken where the command names none.

        Args:
            folder: the data set folder.
            preset: `DatasetInfo.preset`.

        Raises:
            UserError: the data set's plan is wrong.
        """
        from simcvd.data.plan.plan_file import own_preset

        if self.preset not in (None, PLAN):
            return self
        own, plan = own_preset(folder, preset)
        return replace(self, preset=self.preset or own, plan=plan)


NO_CHANGES = Changes()
