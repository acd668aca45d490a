"""The Optuna study of a search: durable, and told only what is certain."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.comparison.importance import Importances, importances, quiet
from analysis.runs.tried_setting import TriedSetting, read_settings
from simcvd.errors import UserError
from simcvd.files import replacing
from sweeps.search.claim import read_identity
from sweeps.search.plan import SearchPlan
from sweeps.search.sampler import make_sampler
from sweeps.search.space import distributions, params_of, settings_of
from sweeps.search.storage_url import shown_storage

RETRY_OF = "retry_of"
RUNS_KEY = "runs"


@dataclass(frozen=True)
class Suggestion:
    """Settings to try, dotted keys, and their number in the study."""

    number: int
    settings: dict[str, Any]


class SearchStudy:
    """Ask for settings and tell what became of them.

    A setting that a killed command was trying is handed out again before any new one, so its trial continues.

    Args:
        plan: what is searched.
        folder: `RUNS/sweeps/NAME`; the journal is `study.journal` in it.
        storage: URL of a database that Optuna knows, such as `postgresql://...`; none takes the journal.

    Raises:
        UserError: the storage can't be had, or another runs folder searches there under the same name.
    """

    def __init__(self, plan: SearchPlan, folder: Path, storage: str | None = None) -> None:
        import optuna

        self._plan = plan
        self._distributions = distributions(plan.space, plan.base)
        self.name = study_name(plan)
        self._folder = folder
        self._given: set[int] = set()
        with quiet():
            self._storage = _open(folder, storage)
            self._study = optuna.create_study(
                study_name=self.name, storage=self._storage, direction="maximize", load_if_exists=True
            )
            if storage is not None:  # a journal lies in the folder, and moves with it
                self._belong_to(folder)  # before anything else is written there
            for settings in plan.start:
                self._study.enqueue_trial(params_of(settings), skip_if_exists=True)

    def ask(self) -> Suggestion | None:
        """Return what to try next; none when as many settings as the strategy has were tried."""
        from optuna.trial import TrialState

        trials = self._study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state is TrialState.RUNNING and trial.number not in self._given:
                return self._give(self._drawn(trial, trials))
        if self.tried >= self._plan.strategy.trials:
            return None
        self._study.sampler = self._sampler(len(trials))
        with quiet():
            asked = self._study.ask(self._distributions)
        return self._give(asked)

    def tell(self, record: TriedSetting) -> None:
        """Say what became of a setting; `running` says nothing, so that it is handed out again."""
        import optuna
        from optuna.trial import TrialState

        if record.state == "running":
            return
        known = {trial.number: trial for trial in self._study.get_trials(deepcopy=False)}
        if record.number not in known or known[record.number].state is not TrialState.RUNNING:
            return
        trial = optuna.trial.Trial(self._study, known[record.number]._trial_id)
        for steps, value in record.rungs.items():
            if steps not in known[record.number].intermediate_values:
                trial.report(value, steps)
        if record.scored:
            self._study.tell(record.number, record.value)
        elif record.state == "pruned":
            self._study.tell(record.number, state=TrialState.PRUNED)
        else:  # Optuna would leave a trial that is told NaN running for ever
            self._study.tell(record.number, state=TrialState.FAIL)

    def retry_failed(self) -> None:
        """Enqueue each setting that failed once more."""
        from optuna.trial import TrialState

        retried = self._retried
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.FAIL,)):
            if trial.params.keys() >= self._plan.space.keys() and trial.number not in retried:
                self._study.enqueue_trial(trial.params, user_attrs={RETRY_OF: trial.number})

    @property
    def tried(self) -> int:
        """Settings that were handed out; failures that were enqueued again don't count."""
        from optuna.trial import TrialState

        retried = self._retried
        return sum(
            trial.state is not TrialState.WAITING
            and trial.params.keys() >= self._plan.space.keys()
            and trial.number not in retried
            for trial in self._study.get_trials(deepcopy=False)
        )

    @property
    def _retried(self) -> set[int]:
        return {trial.user_attrs.get(RETRY_OF, -1) for trial in self._study.get_trials(deepcopy=False)}

    @property
    def left(self) -> bool:
        """Whether there is a setting to try or to try on."""
        from optuna.trial import TrialState

        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return bool(running) or self.tried < self._plan.strategy.trials

    def importances(self) -> Importances:
        """Return each setting's share of the objective's variance, as far as it can be told."""
        return importances(self._study.get_trials(deepcopy=False), higher_is_better=True)

    def mirror(self) -> None:
        """Leave a copy of a study in a database as `study.journal`, for figures and reports."""
        import optuna

        path = self._folder / "study.journal"
        if isinstance(self._storage, optuna.storages.JournalStorage):
            return
        with replacing(path) as partial, quiet():
            optuna.copy_study(
                from_study_name=self.name,
                from_storage=self._storage,
                to_storage=_journal(partial),
                to_study_name=self.name,
            )

    def close(self) -> None:
        """Let go of a database."""
        import optuna

        if isinstance(self._storage, optuna.storages.JournalStorage):
            return
        database = getattr(self._storage, "_backend", self._storage)  # Optuna puts a cache before it
        database.remove_session()
        database.engine.dispose()

    def _drawn(self, trial: Any, trials: Sequence[Any]) -> Any:
        """Return a trial with all its settings; what a killed command did not come to draw is drawn as it would have.

        Optuna writes settings down one by one.
        """
        import optuna
        from optuna.trial import TrialState

        missing = [name for name in self._distributions if name not in trial.params]
        if not missing:
            return trial
        with quiet():
            alike = optuna.create_study(direction="maximize", sampler=self._sampler(trial.number))
            alike.add_trials([t for t in trials[: trial.number] if t.state is not TrialState.WAITING])
            values = alike.ask(self._distributions).params | trial.system_attrs.get("fixed_params", {})
            for name in missing:
                kind = self._distributions[name]
                self._study._storage.set_trial_param(trial._trial_id, name, kind.to_internal_repr(values[name]), kind)
        return self._study.get_trials(deepcopy=False)[trial.number]

    def _sampler(self, number: int) -> Any:
        return make_sampler(self._plan.strategy, number)

    def _give(self, trial: Any) -> Suggestion:
        self._given.add(trial.number)
        return Suggestion(trial.number, settings_of(trial.params, self._plan.space))

    def _belong_to(self, folder: Path) -> None:
        """Refuse a database's study that another runs folder fills: two commands would hand out each other's settings.

        A folder that was moved brings its records along, and nothing of the search is left where it was.
        """
        own = str(folder.resolve())
        owner = self._study.user_attrs.get(RUNS_KEY)
        if owner == own:
            return
        gone = owner is not None and read_identity(Path(owner) / "search") != self._plan.identity
        if owner is None or (gone and read_settings(folder / "search")):
            self._study.set_user_attr(RUNS_KEY, own)
            return
        self.close()
        raise UserError(
            f"The study {self.name} in this storage belongs to {owner}; go on there with --out, or take another "
            "storage or another name for the sweep."
        )


def study_name(plan: SearchPlan) -> str:
    """Return the study's name; always given, since Optuna merges what has the same name."""
    return f"{plan.name}-{plan.identity}"


def _open(folder: Path, storage: str | None) -> Any:
    import optuna

    if storage is None:
        folder.mkdir(parents=True, exist_ok=True)
        _mend(folder / "study.journal")
        return _journal(folder / "study.journal")
    import sqlalchemy.exc

    try:
        return optuna.storages.RDBStorage(storage)
    except (ImportError, sqlalchemy.exc.NoSuchModuleError) as error:
        raise UserError(
            f"The storage {_safe(storage)} needs a package that is not there ({error}); for PostgreSQL: "
            "pip install 'simcvd[postgresql]'."
        ) from error
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError, ValueError) as error:
        reason = (str(error.__cause__ or error).strip().splitlines() or ["no reason given"])[0]
        raise UserError(
            f"The storage {_safe(storage)} can't be used: {reason.rstrip('.')}; expected a URL such as "
            "postgresql://USER@HOST/DATABASE."
        ) from error


def _journal(path: Path) -> Any:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    return optuna.storages.JournalStorage(JournalFileBackend(str(path)))


def _mend(path: Path) -> None:
    """Delete what a killed command has left: Optuna's lock, and a line that it had begun.

    Optuna would wait 30 s for the lock, and join the next line to the one that was begun, and read neither. The caller
    has locked the sweep, so no other command writes here.
    """
    for left in path.parent.glob(f"{path.name}.lock*"):
        left.unlink(missing_ok=True)
    if not path.exists():
        return
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)


def _safe(storage: str) -> str:
    try:
        return shown_storage(storage)
    except Exception:  # what is no URL may hold anything
        return "given"
