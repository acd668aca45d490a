"""Settings that don't fit the data, and variants that are one trial."""

from collections.abc import Sequence
from pathlib import Path

from simcvd.config import TrialConfig
from simcvd.config.settings import DataConfig
from simcvd.errors import UserError
from sweeps.definition.expand import TrialSpec

_USUAL_CHOICE = {"data.labeled": None, "data.label_split": None, "data.fold": None, "data.train_on_val": False}
"""The settings that choose a trial's cases, at their defaults."""


def check_trials(dataset: Path, trials: Sequence[TrialSpec], workers: int) -> None:
    """Refuse trials that would end at once (unknown method, too few labels, batch that can't be shared) or are equal.

    Raises:
        UserError: the first problem found.
    """
    from simcvd.config import apply_settings, config_hash
    from simcvd.config.batch import check_batch
    from simcvd.data.store import open_training
    from simcvd.data.training_cases import TrainingCases
    from simcvd.methods.registry import check_method

    for config in {trial.config.model_copy(update={"seed": 0}) for trial in trials}:
        check_method(config)
        check_batch(config, workers)
    found: dict[DataConfig, TrainingCases] = {}
    for data in dict.fromkeys(_choice(trial.config) for trial in trials):
        view = open_training(dataset, data)
        found[data] = TrainingCases(
            *(tuple(case.id for case in own) for own in (view.labeled, view.unlabeled, view.val))
        )
    first: dict[tuple[str, TrainingCases], TrialSpec] = {}
    for trial in trials if len(found) > 1 else ():
        cases = found[_choice(trial.config)]
        bare = apply_settings(trial.config, _USUAL_CHOICE)
        other = first.setdefault((config_hash(bare, ""), cases), trial)
        if other.variant != trial.variant:
            raise UserError(
                f"The variants '{other.variant}' and '{trial.variant}' are one trial on this data set: both have the "
                f"same {len(cases.labeled)} labelled cases; change data.labeled, or drop one."
            )


def _choice(config: TrialConfig) -> DataConfig:
    """Return what decides which cases a trial sees, and nothing else."""
    return config.data.model_copy(update={"crop_vox": DataConfig().crop_vox})
