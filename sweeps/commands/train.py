"""`simcvd train`: one trial, without Ray, and how far it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simcvd.errors import UserError
from sweeps.commands.console import FAILED, INTERRUPTED, ProgressLine, end
from sweeps.commands.guidance.completion import complete_methods
from sweeps.commands.options import (
    PHANTOM_PRESET,
    RUNS,
    ChangesOption,
    DatasetArgument,
    DeviceOption,
    PluginOption,
    PresetOption,
    RetryOption,
    RunsOption,
    assignments,
    phantom,
)

if TYPE_CHECKING:
    from simcvd.config import TrialConfig
    from simcvd.config.settings import TrainingConfig
    from sweeps.status.trial import TrialState
    from sweeps.trial.records import TrialStatus
    from sweeps.trial.terms import Device, Terms


def train(
    dataset: DatasetArgument = None,
    runs: RunsOption = RUNS,
    method: Annotated[
        str | None, typer.Option(metavar="NAME", help="See simcvd methods.", autocompletion=complete_methods)
    ] = None,
    preset: PresetOption = None,
    plugin: PluginOption = None,  # its callback loads it
    config_file: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="All settings; a trial's config.yaml reproduces it.")
    ] = None,
    changes: ChangesOption = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Seed of weights, order and draws.")] = None,
    device: DeviceOption = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="CPU threads. Default: torch's choice.")
    ] = None,
    retry_failed: RetryOption = False,
    print_config: Annotated[
        bool,
        typer.Option("--print-config", help="Print all settings as YAML for --config, and train nothing."),
    ] = False,
) -> None:
    """Train and score one trial, without Ray.

    The same command again continues what was cut off.
    """
    import yaml

    from simcvd.methods.registry import check_method
    from sweeps.status.score import told_dice
    from sweeps.status.trial import read_trial
    from sweeps.storage.location import refuse_store
    from sweeps.trial.terms import Device, Terms

    refuse_store(runs, "train")
    # Settings before data: a wrong one is told before the phantom set is made.
    config = _settings(config_file, preset, dataset, changes, {"method": method, "seed": seed})
    check_method(config)
    if print_config:
        typer.echo(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), nl=False)
        return
    with ProgressLine("training", "steps", config.training.steps) as progress:
        folder, status = _run(
            config, dataset, runs, Device(device, threads=threads), Terms(retry_failed=retry_failed), progress
        )
    if status.state == "interrupted":
        end(status.message or "Interrupted; run the same command again to continue.", INTERRUPTED)
    if status.state == "failed":
        advice = "--retry-failed runs it again" if status.skipped else f"more in {folder / 'failure.txt'}"
        end(f"The trial failed ({status.kind}): {str(status.message).rstrip('.')}; {advice}.", FAILED)
    trial = read_trial(runs, folder.name)
    score = "" if trial.dice is None else f", {told_dice(trial.dice, trial.dice_split)}"
    typer.echo(f"{'Finished before' if status.skipped else 'Finished'}: {folder}, {status.steps} steps{score}")


class TrainingProgress:
    """How far a training is, and what it does when it makes no steps.

    A report comes after many steps, but a training that can be stopped asks after each step whether it should: that
    counts steps in between. Scoring asks too, so counting rests where a report is due.

    Args:
        line: where it is shown.
        training: steps and intervals.
        before: the trial as its files showed it.
        continues: whether there is a checkpoint to go on from.
    """

    def __init__(
        self, line: ProgressLine, training: "TrainingConfig", before: "TrialState", *, continues: bool
    ) -> None:
        from simcvd.training.due import Calendar

        self._line, self._training, self._calendar = line, training, Calendar(training, ())
        self._trained = before.state == "validated"
        self._first = before.step if continues else 0
        # Where it goes on is known from its first report.
        self._done: int | None = None if continues or self._trained else 0
        self._reported = 0
        self._goes_on = False

    def begun(self) -> None:
        """Say what comes before the first step."""
        if self._trained:
            self._line.doing("scoring the test cases", self._training.steps)
        else:
            self._line.doing("reading the checkpoint" if self._first else "building the network", self._first)

    def report(self, numbers: Mapping[str, Any]) -> None:
        """Take in a line of the log."""
        from sweeps.status.score import told_dice

        step, steps = int(numbers["step"]), self._training.steps
        self._done = self._reported = step
        self._line(step, steps)
        if scores := list((numbers.get("val") or {}).values()):
            self._line.say_once(f"Step {step} of {steps}: {told_dice(scores[0], 'val')}")  # of the one that predicts
        if step == steps:
            self._line.doing(f"scoring the {'test' if 'val' in numbers else 'val'} cases", step)

    def asked(self) -> None:
        """Note that the training has asked whether it should stop."""
        done = self._done
        if done is None and not self._trained and not self._goes_on:
            self._goes_on = True
            self._line.doing("going on", self._first)
        if done is None or done >= self._training.steps or (done != self._reported and self._report_is_due(done)):
            return
        self._done = done + 1
        self._line(self._done, self._training.steps)

    def _report_is_due(self, done: int) -> bool:
        every = self._training.gradient_norms_every_steps
        due = self._calendar.after(done, with_norms=every is not None and (done - 1) % every == 0)
        return due.logging or due.validating


def _run(
    config: "TrialConfig", dataset: Path | None, runs: Path, device: "Device", terms: "Terms", progress: ProgressLine
) -> "tuple[Path, TrialStatus]":
    """Run the trial; return its folder and what became of it."""
    progress.doing("loading PyTorch")
    from simcvd.config import trial_id
    from simcvd.data.store import open_info
    from simcvd.training.environment import choose_device
    from simcvd.training.interruption import stop_on_signals
    from simcvd.training.precision import choose_precision
    from sweeps.definition.expand import TrialSpec
    from sweeps.preflight.trials import check_trials
    from sweeps.status.trial import read_trial, trial_folder
    from sweeps.trial.execute import execute_trial
    from sweeps.trial.terms import Contact

    choose_precision(config.training.precision, choose_device(device.name))
    progress.doing("reading the data set")
    dataset = dataset or phantom(runs, progress.say_once)
    info = open_info(dataset)
    identity = trial_id(config, info.digest)
    check_trials(dataset, [TrialSpec(identity, config, config.method, config.seed)], workers=1)
    folder = trial_folder(runs, identity)
    progress.say_once(f"{config.method}, seed {config.seed}, {config.training.steps} steps on {info.name}: {folder}")
    before, continues = read_trial(runs, identity), (folder / "checkpoint").is_dir()
    shown = TrainingProgress(progress, config.training, before, continues=continues)
    with stop_on_signals() as asked_to_stop:

        def should_stop() -> bool:
            shown.asked()
            if asked_to_stop():
                progress.say_once("Stopping: a checkpoint is written first; press Ctrl-C again to leave at once.")
            return asked_to_stop()

        status = execute_trial(
            config,
            dataset,
            runs,
            trial_id=identity,
            device=device,
            contact=Contact(shown.report, should_stop, progress.say_once, shown.begun),
            terms=terms,
        )
    return folder, status


def _settings(
    file: Path | None,
    preset: str | None,
    dataset: Path | None,
    changes: Sequence[str] | None,
    named: Mapping[str, Any],
) -> "TrialConfig":
    """Return a trial's settings; an option of its own wins over `--set`, which wins over file or preset.

    The data set's plan or preset stands in where neither is given; without a data set the phantom's does.
    """
    from simcvd.config import DEFAULT_PRESET, apply_settings, from_file, load_preset
    from simcvd.data.store import open_info
    from sweeps.definition.changes import Changes

    if file is not None and preset is not None:
        raise UserError(f"--config {file} holds all settings, so --preset {preset} can't be given as well; drop one.")
    if file is not None:
        base = from_file(file)
    else:
        start = Changes(preset=preset or (PHANTOM_PRESET if dataset is None else None))
        if dataset is not None:
            start = start.on_dataset(dataset, open_info(dataset).preset)
        base = load_preset(start.preset or DEFAULT_PRESET, start.plan)
    given = {key: value for key, value in named.items() if value is not None}
    return apply_settings(base, assignments(changes) | given)
