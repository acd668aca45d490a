"""Try one setting inside Tune: one training a rung (a fold, too), or one training that is judged at its rungs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis.runs.tried_setting import TriedSetting, read_setting, write_setting
from sweeps.on_ray.job import Job, StopRequest
from sweeps.on_ray.trial import fit_trial
from sweeps.search.plan import SearchPlan
from sweeps.search.rungs import Rung, RungJudge, by_case, case_means, mean
from sweeps.status.trial import case_path
from sweeps.trial.engine import Engine, default_engine

VAL = "val"


@dataclass(frozen=True)
class SearchTask:
    """What all settings of a search share.

    Attributes:
        plan: the search.
        folder: `RUNS/sweeps/NAME/search`.
    """

    plan: SearchPlan
    folder: Path


def run_setting(params: Mapping[str, Any], job: Job, task: SearchTask) -> None:
    """Try one setting inside Tune and report once, after its records are written.

    Args:
        params: `{"trial_id": number, "settings": {...}}`.
        job: what all trials of the command share; its test cases are left alone.
        task: the search.
    """
    from ray import tune

    number = int(params["trial_id"])
    record = read_setting(task.folder, number) or TriedSetting(number, dict(params["settings"]))
    # What selects has no way to a test case, whatever is asked of it.
    engine = without_test(job.terms.engine or default_engine())
    job = replace(job, terms=replace(job.terms, test=False, engine=engine))
    if record.state == "running" and not StopRequest(job)():
        record = _by_truncation(record, job, task) if _truncates(task.plan) else _by_schedules(record, job, task)
        write_setting(task.folder, record)
    tune.report({"trial_id": params["trial_id"], "state": record.state})


def val_scores(runs: Path, trial_id: str, metric: str) -> dict[str, float]:
    """Return the mean over classes of each val case of a trial; rows of other splits are never read."""
    import pyarrow.parquet as pq

    table = pq.read_table(
        case_path(runs, trial_id), columns=["case_id", metric], filters=[("split", "=", VAL)], memory_map=False
    )
    return by_case(zip(table["case_id"].to_pylist(), table[metric].to_pylist(), strict=True))


def without_test(engine: Engine) -> Engine:
    """Return `engine` without the part that reads test cases."""

    def refuse(*given: Any, **named: Any) -> Any:
        raise AssertionError("a search was about to read test cases")

    return Engine(engine.train, refuse)


def _truncates(plan: SearchPlan) -> bool:
    return plan.strategy.fidelity == "truncate"


def _by_schedules(record: TriedSetting, job: Job, task: SearchTask) -> TriedSetting:
    """Train a complete schedule at each rung: a shorter one, or one that holds out its fold; the last one is full."""
    plan = task.plan
    by_trial: list[Mapping[str, float]] = []
    for steps in (*plan.rungs, plan.steps):
        record, state = _train(record, steps, job, task)
        if state not in {"validated", "finished"}:
            return _ended(record, state)
        # Not the record's last trial: one that is resumed has come further before.
        trial_id, _ = plan.trial(record.params, steps)
        by_trial.append(val_scores(job.storage.folder, trial_id, plan.metric))
        # A shorter schedule says nothing any more once there is a longer one; folds add up.
        cases = by_trial[-1] if plan.strategy.folds is None else case_means(by_trial)
        if steps == plan.steps:
            return replace(record, state="complete", value=mean(cases))
        record = record.at_rung(steps, mean(cases))
        write_setting(task.folder, record)
        if not Rung(task.folder, steps, plan.strategy).goes_on(record.number, cases):
            return replace(record, state="pruned")
    raise AssertionError("the last training is the full one")


def _by_truncation(record: TriedSetting, job: Job, task: SearchTask) -> TriedSetting:
    """Train the full schedule, which ends at a rung where others do better."""
    plan = task.plan
    judge = RungJudge(task.folder, record.number, plan.rungs, plan.strategy, plan.metric)
    _, state = _train(record, plan.steps, replace(job, terms=replace(job.terms, judge=judge)), task)
    record = read_setting(task.folder, record.number) or record  # the judge has written what it saw
    if state == "stopped":
        return replace(record, state="pruned")
    if state not in {"validated", "finished"}:
        return _ended(record, state)
    return replace(
        record, state="complete", value=mean(val_scores(job.storage.folder, record.trials[-1].id, plan.metric))
    )


def _train(record: TriedSetting, steps: int, job: Job, task: SearchTask) -> tuple[TriedSetting, str]:
    trial_id, config = task.plan.trial(record.params, steps)
    record = record.training(steps, trial_id)
    write_setting(task.folder, record)
    return record, fit_trial(trial_id, replace(job, configs={trial_id: config}))


def _ended(record: TriedSetting, state: str) -> TriedSetting:
    """Return the record of a setting whose training did not come to its end; what was cut off goes on later."""
    return record.failed() if state == "failed" else record
