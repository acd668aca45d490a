"""Settings that don't fit the data, and variants that are one trial."""

from collections.abc import Sequence
from pathlib import Path

from simcvd.errors import UserError
from sweeps.definition.expand import TrialSpec


def check_trials(dataset: Path, trials: Sequence[TrialSpec], workers: int) -> None:
    """Refuse trials that would end at once (unknown method, too few labels, batch that can't be shared) or are equal.

    Raises:
        UserError: the first problem found.
    """
    from simcvd.config import apply_settings, config_hash
    from simcvd.config.batch import check_batch
    from simcvd.data.store import open_training
    from simcvd.methods.registry import check_known

    for config in {trial.config.model_copy(update={"seed": 0}) for trial in trials}:
        check_known(config.method)
        check_batch(config, workers)
    choices = {(trial.config.data.labeled, trial.config.data.label_split) for trial in trials}
    views = {choice: open_training(dataset, *choice) for choice in choices}
    first: dict[tuple[str, tuple[str, ...]], TrialSpec] = {}
    for trial in trials if len(views) > 1 else ():
        data = trial.config.data
        ids = tuple(case.id for case in views[data.labeled, data.label_split].labeled)
        bare = apply_settings(trial.config, {"data.labeled": None, "data.label_split": None})
        other = first.setdefault((config_hash(bare, ""), ids), trial)
        if other.variant != trial.variant:
            raise UserError(
                f"The variants '{other.variant}' and '{trial.variant}' are one trial on this data set: both have the "
                f"same {len(ids)} labelled cases; change data.labeled, or drop one."
            )
