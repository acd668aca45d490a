"""Commands that people guess, after other programs, and the ones that they mean; loaded when a guess was wrong."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from simcvd.nearest import did_you_mean
from sweeps.commands.guidance.sweep_name import DATASET_FILE, EXAMPLE

_LISTS: Final = "simcvd sweeps, simcvd methods and simcvd settings list what there is, simcvd status RUNS what was run"
_RESULTS: Final = "simcvd tables SWEEP prints a sweep's results, simcvd report SWEEP makes a page of them"
_RUN: Final = "simcvd sweep NAME DATASET runs a sweep, simcvd train DATASET one trial"
_SEARCH: Final = "simcvd sweep search DATASET searches settings, simcvd tune DATASET does all from plan to model"
_ABLATION: Final = "simcvd sweep components DATASET is an ablation; simcvd sweeps lists more"
_SCORES: Final = "simcvd evaluate TRIAL shows a trial's scores on its test cases"
_PREDICT: Final = "simcvd predict TRIAL|MODEL IMAGE --out DIR segments images"
_FIGURES: Final = "simcvd figures SWEEP draws a sweep's figures"
_PAGE: Final = "simcvd report SWEEP writes a sweep's page, simcvd status RUNS says what runs"
_SETTINGS: Final = "simcvd settings lists the settings, simcvd train DATASET --print-config those of a trial"
_DATA: Final = "simcvd prepare nifti|dicom|la|pancreas SOURCE DATASET makes a data set of scans"
_AGAIN: Final = "the same command again continues what was cut off, and --retry-failed runs failed trials again"
_COMPARE: Final = "simcvd tables SWEEP compares a sweep's variants, simcvd sweep methods DATASET the methods"
_STATUS: Final = "simcvd status RUNS says what runs, what has finished, and what failed and why"
_STOP: Final = "Ctrl-C stops a command, and simcvd cluster stop FILE SWEEP a sweep on a cluster"
_MODEL: Final = "simcvd export TRIAL... --out MODEL makes a model of trials"

MEANT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("list", "ls", "catalog", "catalogue"), _LISTS),
    **dict.fromkeys(("results", "result", "show", "summary", "summarize", "analyze", "analyse", "stats"), _RESULTS),
    **dict.fromkeys(("run", "start", "launch", "exec", "experiment", "experiments"), _RUN),
    **dict.fromkeys(("fit", "trial", "training"), "simcvd train DATASET trains one trial"),
    **dict.fromkeys(("search", "optimize", "optimise", "hpo", "hyperopt", "optuna", "autotune", "tuning"), _SEARCH),
    **dict.fromkeys(("ablation", "ablate", "ablations"), _ABLATION),
    **dict.fromkeys(("grid", "gridsearch", "grid-search"), "simcvd sweep FILE.yaml DATASET runs a grid; see its axes"),
    **dict.fromkeys(("test", "eval", "score", "scores", "validate", "val", "metrics", "dice"), _SCORES),
    **dict.fromkeys(("infer", "inference", "segment", "apply", "segmentation"), _PREDICT),
    **dict.fromkeys(("plot", "plots", "draw", "graph", "graphs", "visualize", "visualise", "viz"), _FIGURES),
    **dict.fromkeys(("dashboard", "ui", "web", "html", "page", "serve", "view", "open"), _PAGE),
    "tensorboard": "tensorboard --logdir RUNS/tensorboard shows the trials of sweeps by name",
    **dict.fromkeys(("wandb", "mlflow"), "simcvd sweep NAME DATASET --log wandb|mlflow shows the trials there"),
    "nnunet": "simcvd export nnunet DATASET --out FOLDER writes a data set for it, and simcvd prepare nifti reads one",
    **dict.fromkeys(("config", "configs", "configure", "params", "parameters", "hyperparameters"), _SETTINGS),
    **dict.fromkeys(("options", "keys", "defaults", "set", "preset", "presets"), _SETTINGS),
    **dict.fromkeys(("init", "new", "create", "setup"), f"{_DATA}, and simcvd sweep {EXAMPLE} needs none"),
    **dict.fromkeys(("preprocess", "convert", "import", "dataset", "data", "plan", "prep"), _DATA),
    **dict.fromkeys(("check", "info", "describe", "fingerprint"), "simcvd inspect DATASET looks at a data set"),
    **dict.fromkeys(("resume", "continue", "restart", "retry", "rerun"), _AGAIN),
    **dict.fromkeys(("compare", "diff", "significance", "pvalues", "ttest"), _COMPARE),
    **dict.fromkeys(("log", "logs", "watch", "monitor", "progress", "ps", "top", "queue"), _STATUS),
    **dict.fromkeys(("stop", "kill", "cancel", "abort"), _STOP),
    **dict.fromkeys(("model", "save", "package", "ensemble", "deploy"), _MODEL),
    **dict.fromkeys(("demo", "quickstart", "tutorial", "example"), f"simcvd sweep {EXAMPLE} needs no data"),
    **dict.fromkeys(("paper", "reproduce"), "simcvd sweep paper DATASET runs the paper's tables"),
}
"""Words, in small letters and with hyphens, and what is said."""
IN_GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "prepare": {
        **dict.fromkeys(("nii", "nrrd", "mha", "msd", "decathlon", "nnunet", "amos", "btcv"), "nifti"),
        **dict.fromkeys(("dcm", "tcia"), "dicom"),
        **dict.fromkeys(("la2018", "left-atrium", "leftatrium", "atrium", "h5", "hdf5", "asc"), "la"),
        **dict.fromkeys(("nih", "pancreas-ct"), "pancreas"),
    },
    "cluster": {
        **dict.fromkeys(("start", "launch", "create"), "up"),
        **dict.fromkeys(("list", "show", "nodes", "info"), "status"),
        **dict.fromkeys(("cancel", "kill"), "stop"),
        **dict.fromkeys(("teardown", "shutdown", "terminate", "end", "delete"), "down"),
    },
}


def command_meant(word: str, groups: Mapping[str, Collection[str]]) -> str:
    """Say which command was meant by one that there is not.

    Args:
        word: what was given.
        groups: all commands, each with those in it, if any.

    Returns:
        A sentence without capital and full stop, or a question.
    """
    from simcvd.methods.registry import method_names
    from sweeps.definition.catalogue import sweep_names

    plain = word.lower().replace("_", "-")
    method = plain.replace("-", "_")
    if plain in MEANT:
        return MEANT[plain]
    if plain in sweep_names():
        return f"simcvd sweep {plain} DATASET runs the sweep of that name"
    for group, commands in groups.items():
        if plain in commands:
            return f"did you mean simcvd {group} {plain}?"
    if method in method_names():
        return f"simcvd train DATASET --method {method} trains with that method"
    if (place := Path(word)).exists():
        return _of_a_place(place)
    known = [*groups, *(f"{group} {command}" for group, commands in groups.items() for command in commands)]
    return did_you_mean(plain, known).replace("mean ", "mean simcvd ").replace(" or ", " or simcvd ") or (
        "simcvd --help lists the commands"
    )


def command_of_group_meant(group: str, word: str, commands: Collection[str]) -> str:
    """Say which command of a group was meant, such as `nifti` of `prepare`; arguments and result as `command_meant`."""
    plain = word.lower().replace("_", "-")
    if found := IN_GROUPS.get(group, {}).get(plain):
        return f"did you mean simcvd {group} {found}?"
    if told := did_you_mean(plain, commands, most=2):
        return told.replace("mean ", f"mean simcvd {group} ").replace(" or ", f" or simcvd {group} ")
    if Path(word).exists():
        rest = "SOURCE DATASET" if group == "prepare" else word
        return f"what to do comes first: simcvd {group} {'|'.join(commands)} {rest}"
    return f"simcvd {group} has {', '.join(commands)}"


def _of_a_place(place: Path) -> str:
    if place.suffix in {".yaml", ".yml"}:
        return f"simcvd sweep {place} DATASET runs a sweep file, simcvd train DATASET --config {place} takes settings"
    if (place / DATASET_FILE).is_file():
        return f"a command comes first: simcvd inspect {place}, or simcvd sweep {EXAMPLE} {place}"
    return "a command comes first; simcvd --help lists them"
