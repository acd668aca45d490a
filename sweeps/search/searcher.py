"""What Ray Tune asks for settings: a searcher over the study, whose whole state is in the study."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from analysis.runs.tried_setting import TriedSetting, read_setting, write_setting
from sweeps.search.study import SearchStudy


class StudySearcher(Searcher):
    """Hand out the study's settings and tell it what was written down of them.

    Ray's last report may be lost, so what became of a setting is read from its file.

    Args:
        study: the study.
        folder: `RUNS/sweeps/NAME/search`.
        stopped: whether no more settings are to begin.
    """

    def __init__(self, study: SearchStudy, folder: Path, stopped: Callable[[], bool]) -> None:
        super().__init__()
        self._study, self._folder, self._stopped = study, folder, stopped
        self._numbers: dict[str, int] = {}

    def suggest(self, trial_id: str) -> Any:
        """Return the next settings as a Tune configuration."""
        suggestion = None if self._stopped() else self._study.ask()
        if suggestion is None:
            return str(Searcher.FINISHED)
        self._numbers[trial_id] = suggestion.number
        if read_setting(self._folder, suggestion.number) is None:
            write_setting(self._folder, TriedSetting(suggestion.number, suggestion.settings))
        return {"trial_id": f"{suggestion.number}", "settings": suggestion.settings}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell the study what the trial wrote down; of a lost process, whoever runs the search knows the reason."""
        record = read_setting(self._folder, self._numbers.pop(trial_id))
        if record is not None:
            self._study.tell(record)

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the study keeps everything."""

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing: the study keeps everything."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Write nothing: the study keeps everything."""

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can't travel; Tune pickles searchers only to restore them, which this one never needs."""
        return {}
