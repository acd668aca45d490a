"""The model that a tuning leaves: one network, or those of several seeds where they do better together on val."""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sweeps.search.rungs import by_case, mean
from sweeps.search.trial import val_scores
from sweeps.status.trial import trial_folder
from sweeps.tuning.opened import Opened

MODEL: Final = "model"


@dataclass(frozen=True)
class Together:
    """Networks of several seeds asked together, on the val cases.

    Attributes:
        ensemble: mean Dice of their mean probabilities.
        single: mean Dice of one of them, on the average.
        networks: how many.
    """

    ensemble: float
    single: float
    networks: int

    @property
    def gain(self) -> float:
        """What asking them together brings; not above 0 where it does not help."""
        return self.ensemble - self.single

    def sentence(self) -> str:
        """Return what was found."""
        return (
            f"{self.networks} networks together reach Dice {100 * self.ensemble:.1f} % on the val cases, one alone "
            f"{100 * self.single:.1f} % on the average."
        )


@dataclass(frozen=True)
class Members:
    """The networks of the model.

    Attributes:
        trials: folders of their trials.
        told: sentences on how they were chosen.
    """

    trials: tuple[Path, ...]
    told: tuple[str, ...]

    def lines(self, model: Path, scores: Mapping[str, float]) -> list[str]:
        """Return what is left, and the commands to paste.

        Args:
            model: the model's folder.
            scores: Dice of each test case; empty without any.
        """
        count = len(self.trials)
        found = [*self.told, f"The model is {'one network' if count == 1 else f'an ensemble of {count} networks'}."]
        if scores:
            found.append(f"The model's Dice on {len(scores)} test cases: {100 * mean(scores):.1f} %.")
        found.append(f"The model is in {model}; its README.md has the commands, such as:")
        return [*found, f"  {shlex.join(['simcvd', 'predict', str(model)])} scans/ --out masks"]


def ensemble_helps(opened: Opened, trials: Sequence[str]) -> Together | None:
    """Ask networks together on the val cases, which none of them was trained on; None where there are none.

    Args:
        opened: the tuning.
        trials: ids of finished trials of one setting, a seed each.
    """
    from simcvd.inference.export import write_model
    from simcvd.training.evaluation import evaluate_trial

    if not opened.info.splits.val or len(trials) < 2:
        return None
    runs = opened.base.runs
    with TemporaryDirectory() as folder:
        model = Path(folder) / MODEL
        write_model(model, [trial_folder(runs, trial) for trial in trials], dataset=opened.base.dataset)
        scores = evaluate_trial(model, opened.base.dataset, "val", device=opened.base.resources.device)
    ensemble = by_case((score.case_id, score.dice) for score in scores)
    single = [mean(val_scores(runs, trial, "dice")) for trial in trials]
    return Together(mean(ensemble), math.fsum(single) / len(single), len(trials))


def leave_model(opened: Opened, members: Members, report: str) -> Path:
    """Write `RUNS/sweeps/NAME/model`; it stands alone, and another one there gives way.

    Args:
        opened: the tuning.
        members: its networks.
        report: what the tuning came to, Markdown.
    """
    from simcvd.inference.export import write_model

    folder = opened.request.folder / MODEL
    write_model(
        folder,
        members.trials,
        name=opened.request.name,
        dataset=opened.base.dataset,
        extra={"report.md": report.encode()},
        replace=True,
    )
    return folder
