"""A study in a real PostgreSQL server, started by the test as another user, since PostgreSQL refuses root."""

import gc
import os
import pwd
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.runs.tried_setting import TriedSetting
from simcvd.errors import UserError
from sweeps.search.plan import SearchPlan
from sweeps.search.study import SearchStudy, Suggestion

pytestmark = pytest.mark.slow
MakePlan = Callable[..., SearchPlan]
OpenStudy = Callable[[SearchPlan, Path], SearchStudy]


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Yield the URL of an empty database of a server of its own, reached through a socket in its own folder."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    runuser = shutil.which("runuser", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if os.geteuid() == 0 and runuser is None:
        pytest.skip("PostgreSQL refuses root, and there is no runuser to be another user")
    as_user = [str(runuser), "-u", user, "--"] if os.geteuid() == 0 else []

    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir()
        if as_user:
            shutil.chown(data, user)

        def run(program: str, *words: str) -> None:
            line = [*as_user, str(programs / program), *words]
            subprocess.run(line, check=True, cwd=data, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)

        run("initdb", "-D", str(data / "db"), "-U", "lab", "--auth=trust", "--no-sync")
        run(
            "pg_ctl",
            "-D",
            str(data / "db"),
            "-l",
            str(data / "log"),
            "-w",
            "start",
            "-o",
            f"-c listen_addresses='' -k {data}",
        )
        try:
            run("createdb", "-h", str(data), "-U", "lab", "searches")
            yield f"postgresql://lab:secret@/searches?host={data}"
        finally:
            run("pg_ctl", "-D", str(data / "db"), "-m", "immediate", "stop")
            with warnings.catch_warnings():  # SQLAlchemy leaves some connections to the garbage collector
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()


@pytest.fixture
def open_study(server: str) -> Iterator[OpenStudy]:
    """Return what opens a study in the server; all are closed at the end."""
    with ExitStack() as opened:

        def call(plan: SearchPlan, folder: Path) -> SearchStudy:
            study = SearchStudy(plan, folder, server)
            opened.callback(study.close)
            return study

        yield call


def _ask(study: SearchStudy) -> Suggestion:
    suggestion = study.ask()
    assert suggestion is not None
    return suggestion


def test_a_study_lives_in_postgresql_goes_on_there_and_leaves_a_copy(
    open_study: OpenStudy, make_plan: MakePlan, tmp_path: Path
) -> None:
    study = open_study(make_plan(trials=4), tmp_path)
    first, second = _ask(study), _ask(study)
    done = TriedSetting(first.number, first.settings, value=0.6, rungs={40: 0.5})
    study.tell(replace(done, state="complete"))

    again = open_study(make_plan(trials=4), tmp_path)
    assert _ask(again) == second
    again.tell(TriedSetting(second.number, second.settings, state="pruned", value=0.3, rungs={40: 0.3}))
    third = _ask(again)
    again.tell(TriedSetting(third.number, third.settings, state="failed"))
    assert _ask(again).number == 3
    assert again.ask() is None
    again.mirror()

    # The copy is read as any journal is.
    import optuna

    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "study.journal"))
    )
    copied = optuna.load_study(study_name=again.name, storage=storage)
    assert [trial.state.name for trial in copied.trials] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    assert copied.best_value == 0.6
    assert copied.trials[1].intermediate_values == {40: 0.3}


def test_another_runs_folder_in_the_same_database_is_refused(
    open_study: OpenStudy, make_plan: MakePlan, tmp_path: Path
) -> None:
    open_study(make_plan(sampler_seed=1), tmp_path / "here")
    with pytest.raises(UserError, match="belongs to"):
        open_study(make_plan(sampler_seed=1), tmp_path / "there")


def test_a_database_that_is_not_there_gets_a_sentence_without_the_password(
    server: str, make_plan: MakePlan, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match='database "nowhere" does not exist') as caught:
        SearchStudy(make_plan(), tmp_path, server.replace("/searches", "/nowhere"))
    assert "secret" not in str(caught.value)
