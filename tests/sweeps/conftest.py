import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcvd.data.store import Grid, Origin, Splits, build_info, write_case, write_info
from simcvd.metrics.names import DISTANCES, SURFACE_DICES
from sweeps.channel.folder_channel import FolderChannel
from sweeps.on_ray.job import Job
from sweeps.resources.ray_session import ray_is_running, ray_session
from sweeps.resources.share import Placement
from sweeps.storage.data_cache import InPlace
from sweeps.storage.shared_folder import SharedFolder
from sweeps.trial.engine import Engine

MakeEngine = Callable[..., Engine]


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six cases of 8x8x8 voxels: enough for everything but training."""
    folder = tmp_path_factory.mktemp("dataset")
    generator = np.random.default_rng(0)
    label = np.zeros((8, 8, 8), np.uint8)
    label[2:6, 2:6, 2:6] = 1
    digests = {}
    for index in range(6):
        image = generator.normal(size=label.shape).astype(np.float32)
        name = f"case{index}"
        digests[name] = write_case(folder, name, image, label, Grid((1, 1, 1), np.eye(4), label.shape), classes=1)
    ids = tuple(digests)
    splits = Splits(train_labeled=ids[:1], train_unlabeled=ids[1:2], val=ids[2:3], test=ids[3:])
    info = build_info(
        folder,
        name="boxes",
        channels=("mr",),
        classes=("box",),
        splits=splits,
        train_order=ids[:2],
        digests=digests,
        origin=Origin("made by a test", preset="phantom"),
    )
    write_info(folder, info)
    return folder


@pytest.fixture(scope="session")
def make_engine() -> MakeEngine:
    """Return a factory of engines that train nothing: closures, so that Ray's workers need not import this file.

    Trials behave by their settings: `loss.sdm` 9 is NaN at step 3, 8 runs out of memory in scoring, 7 has a bug.
    Steps are appended to `steps.txt` in the trial's folder, one line each, over all sessions.
    """

    def make(step_s: float = 0.0) -> Engine:
        def score(case_id, dice):
            from types import SimpleNamespace

            missing = dict.fromkeys((*DISTANCES, *SURFACE_DICES))
            voxels = {
                "predicted_voxels": 60,
                "reference_voxels": 64,
                "empty_prediction": False,
                "empty_reference": False,
            }
            return SimpleNamespace(
                case_id=case_id, class_id=1, class_name="box", dice=dice, jaccard=dice / (2 - dice), **missing, **voxels
            )

        def train(config, dataset, trial_dir, *, report, should_stop, **others):
            import json
            import time
            from types import SimpleNamespace

            from torch import distributed

            from simcvd.training.interruption import Interrupted
            from simcvd.training.run import TrainingFailed

            checkpoint = trial_dir / "checkpoint" / "last.pt"
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            (trial_dir / "environment.json").write_text(
                json.dumps({"device": "cpu", **{k: str(v) for k, v in others.items()}})
            )
            (trial_dir / "sdm.txt").write_text(str(config.loss.sdm))
            first = int(checkpoint.read_text()) if checkpoint.exists() else 0
            steps = config.training.steps
            group = distributed.is_initialized()
            writes = not group or distributed.get_rank() == 0
            if group:
                distributed.barrier()
            for step in range(first + 1, steps + 1):
                time.sleep(step_s)
                if config.loss.sdm == 9 and step == 3:
                    raise TrainingFailed("nan", "The loss term sdm is nan at step 3.")
                if config.loss.sdm == 7:
                    raise ZeroDivisionError("a bug")
                line = {"step": step, "steps": steps, "seconds": 0.1 * step}
                with (trial_dir / "log.jsonl").open("a") as file:
                    file.write(json.dumps(line) + "\n")
                with (trial_dir / "steps.txt").open("a") as file:
                    file.write(f"{step}\n")
                if writes:
                    checkpoint.with_suffix(".tmp").write_text(str(step))
                    checkpoint.with_suffix(".tmp").replace(checkpoint)
                if report is not None:
                    report(line)
                if should_stop is not None and should_stop() and step < steps:
                    raise Interrupted(f"Stopped after step {step}.")
            if writes:
                (trial_dir / "student.safetensors").write_text(f"after {steps} steps")
            return SimpleNamespace(steps=steps, seconds=0.1 * steps, val_scores=[score("case2", 0.5)])

        def evaluate(trial_dir, dataset, split, *, device, on_case=None, **others):
            import hashlib

            from simcvd.training.run import TrainingFailed

            if (trial_dir / "sdm.txt").read_text() == "8.0":
                raise TrainingFailed("out_of_memory", "Memory did not suffice.")
            part = int(hashlib.sha256(trial_dir.name.encode()).hexdigest()[:4], 16) / 2**17
            for index in (3, 4, 5) if on_case is not None else ():
                on_case(f"case{index}", np.full((2, 3, 4), index, dtype=np.uint8))
            return [score(f"case{index}", 0.4 + part + 0.01 * index) for index in (3, 4, 5)]

        return Engine(train, evaluate)

    return make


@pytest.fixture
def make_job(dataset: Path) -> Callable[..., Job]:
    """Return a factory of what trials share: in a shared folder, with one worker a trial, unless `changes` say else."""

    def make(runs: Path, **changes: Any) -> Job:
        given = {
            "configs": {},
            "data": InPlace(dataset),
            "storage": SharedFolder(runs),
            "channel": FolderChannel(runs),
            "scratch": runs,
            "placement": Placement(),
        }
        return Job(**given | changes)

    return make


@pytest.fixture(scope="session")
def patience_s() -> float:
    """Seconds that nothing here takes, even on a busy machine."""
    return 240.0


@pytest.fixture(scope="session")
def wait(patience_s: float) -> Callable[[Callable[[], bool]], None]:
    """Wait until something is so."""

    def until(condition: Callable[[], bool]) -> None:
        give_up = time.monotonic() + patience_s
        while not condition():
            assert time.monotonic() < give_up, "it took too long"
            time.sleep(0.05)

    return until


@pytest.fixture(scope="session")
def opened_rays() -> Iterator[ExitStack]:
    """What ends the Rays of `local_ray` after the last test."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture(scope="module")
def local_ray(opened_rays: ExitStack) -> None:
    """A Ray on this machine: the one that an earlier module has left open, else a new one, left open for later ones."""
    if not ray_is_running():
        opened_rays.enter_context(ray_session(None))


class Gate:
    """Holds trials before a step until it is opened, in any process.

    Attributes:
        fault: for an engine.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shut = folder / "shut"
        self._shut.touch()

    def fault(self, step: int, sdm: float | None = None, seed: int | None = None) -> Callable[..., None]:
        """Return what holds trials before `step`; with `sdm` or `seed`, only those that have this value."""
        folder, shut = self._folder, self._shut

        def hold(config, trial_dir, now):
            import time

            meant = now == step and sdm in (None, config.loss.sdm) and seed in (None, config.seed)
            if meant and shut.exists():
                (folder / f"held-{trial_dir.name}").touch()
                while shut.exists():
                    time.sleep(0.02)

        return hold

    @property
    def held(self) -> list[str]:
        """Ids of the trials that have come to the gate."""
        return sorted(path.name.removeprefix("held-") for path in self._folder.glob("held-*"))

    def open(self) -> None:
        """Let all trials go on."""
        self._shut.unlink()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate that is shut."""
    folder = tmp_path / "gate"
    folder.mkdir()
    return Gate(folder)
