"""Options that people guess, after other programs, and the options or settings that they mean."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Final

_TRAINING: Final = ("train", "sweep", "tune")
_MODELS: Final = ("evaluate", "predict")
_LIKE_DATA: Final = ("dataset", "data", "data-dir", "data-path", "data-root", "dataset-path", "root", "input")
_LIKE_GPUS: Final = ("gpus", "gpu", "ngpus", "n-gpus", "num-gpus", "n-gpu", "gpu-id", "gpu-ids", "devices")
_LIKE_NAME: Final = ("name", "exp", "experiment", "exp-name", "run-name", "tag")
_LIKE_MODEL: Final = ("model", "checkpoint", "ckpt", "weights", "trial", "model-path", "resume")
_LIKE_EPOCHS: Final = ("epochs", "epoch", "max-epochs", "num-epochs", "n-epochs")
_GPUS: Final = "every GPU is used, with a trial on each; --gpus-per-worker and --max-concurrent change that"

ANSWERS: Final[tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...]] = (
    (_TRAINING, _LIKE_EPOCHS, "training is counted in steps: --set training.steps=N"),
    (
        _TRAINING,
        ("batch-size", "bs", "batch", "batchsize"),
        "a step has crops of two kinds: --set training.batch_labeled=N --set training.batch_unlabeled=N",
    ),
    (("train", "tune"), _LIKE_DATA, "the data set needs no option: simcvd {command} DATASET"),
    (("sweep",), _LIKE_DATA, "the data set needs no option: simcvd sweep NAME DATASET"),
    (("train",), _LIKE_GPUS, "a trial trains on one GPU, --device cuda or cuda:N; simcvd sweep --workers N takes more"),
    (("sweep",), _LIKE_GPUS, f"{_GPUS}, --workers N puts a trial on several"),
    (("tune",), _LIKE_GPUS, _GPUS),
    (("sweep",), ("seed", "random-seed"), "one seed is --seeds N, with a comma; without it N is how many"),
    (
        _TRAINING,
        ("optimizer", "optimiser", "optim"),
        "all methods train with SGD; simcvd settings training lists its settings",
    ),
    (
        _TRAINING,
        ("network", "net", "backbone", "arch", "architecture"),
        "the network is a V-Net; simcvd settings network lists its settings",
    ),
    (
        ("sweep",),
        ("config", "cfg", "file", "yaml", "sweep", *_LIKE_NAME),
        "a sweep is given by name or file: simcvd sweep NAME|FILE.yaml DATASET",
    ),
    (("train",), _LIKE_NAME, "a trial is named after its settings; --out RUNS is the folder that it is in"),
    (
        ("sweep", "tune"),
        ("metric", "metrics"),
        "a sweep file's metric is what its table shows, and simcvd tables SWEEP --metric NAME shows another",
    ),
    (
        ("sweep", "tune"),
        ("print-config",),
        "--dry-run shows what would run, and simcvd train DATASET --print-config all settings of a trial",
    ),
    (_MODELS, _LIKE_MODEL, "the trial or model needs no option: simcvd {command} TRIAL|MODEL"),
    (
        ("predict",),
        ("input", "inputs", "image", "images", "scan", "scans", "i"),
        "images need no option: simcvd predict TRIAL|MODEL IMAGE... --out DIR",
    ),
    (
        _TRAINING,
        ("resume", "continue", "resume-from", "restore", "checkpoint", "ckpt"),
        "the same command again continues what was cut off",
    ),
    (
        _TRAINING,
        ("force", "overwrite", "clean", "rerun"),
        "what has finished is not run again; another folder, --out RUNS, begins anew",
    ),
    ((), ("version", "v"), "simcvd --version prints it"),
)
"""Commands (none: all), words and what is said."""

OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("output", "output-dir", "outdir", "out-dir", "save", "save-dir", "o", "dir"), ("--out",)),
    **dict.fromkeys(("results", "result-dir", "results-dir", "work-dir", "logdir", "log-dir"), ("--out",)),
    **dict.fromkeys(("runs", "runs-dir"), ("--out",)),
    **dict.fromkeys(("seed", "random-seed"), ("--seed", "--seeds")),
    **dict.fromkeys(("seeds", "s"), ("--seeds", "--seed")),
    **dict.fromkeys(("n-seeds", "num-seeds", "nseeds", "repeats", "replicates"), ("--seeds N", "--seed N")),
    **dict.fromkeys(("method", "methods", "algorithm", "model", "m"), ("--method", "--methods", "--set method=NAME")),
    **dict.fromkeys(("config", "cfg", "config-file", "config-path", "settings", "c"), ("--config",)),
    **dict.fromkeys(("param", "params", "override", "overrides", "hparams", "setting"), ("--set KEY=VALUE",)),
    **dict.fromkeys(("cuda", "use-cuda"), ("--device cuda",)),
    **dict.fromkeys(("cpu", "no-cuda", "no-gpu"), ("--device cpu",)),
    **dict.fromkeys(("cpus", "cores", "num-threads", "n-threads", "threads"), ("--threads", "--cpus-per-worker")),
    **dict.fromkeys(("jobs", "n-jobs", "j", "parallel", "concurrent"), ("--max-concurrent", "--threads")),
    **dict.fromkeys(("workers", "num-workers", "n-workers", "processes"), ("--max-concurrent", "--threads")),
    **dict.fromkeys(("time", "timeout", "time-limit", "max-time", "budget", "walltime", "hours"), ("--time-budget",)),
    **dict.fromkeys(("trials", "n-trials", "num-trials", "num-samples", "max-trials"), ("--max-trials", "--trials")),
    **dict.fromkeys(("dry", "dryrun", "plan", "preview", "estimate", "n"), ("--dry-run",)),
    **dict.fromkeys(("check", "check-only"), ("--preflight", "--dry-run")),
    **dict.fromkeys(("retry", "retry-errors", "rerun-failed"), ("--retry-failed",)),
    **dict.fromkeys(("folds", "fold", "cv", "kfold", "k-fold", "k-folds"), ("--folds", "--set data.fold=NUMBER,PARTS")),
    **dict.fromkeys(("labeled", "labelled", "labels", "n-labeled", "labelnum"), ("--labeled", "--set data.labeled=N")),
    **dict.fromkeys(("ray-address", "ray"), ("--address",)),
    **dict.fromkeys(("hosts", "nodes", "cluster-file"), ("--cluster",)),
    **dict.fromkeys(("latex", "csv", "markdown", "html", "md"), ("--format",)),
    **dict.fromkeys(("baseline", "ref", "control"), ("--reference",)),
}
"""Words to options; the first one that the command has is meant."""

_BY_COMMAND: Final = {
    (command, word): told for commands, words, told in ANSWERS for command in commands or ("",) for word in words
}


def option_meant(command: str, option: str, known: Collection[str]) -> str:
    """Say which option or setting was meant by an option that a command has not.

    Args:
        command: its name.
        option: what was given, such as `--lr`.
        known: the options that it has.

    Returns:
        A sentence without capital and full stop, or a question.
    """
    word = option.lstrip("-").lower().replace("_", "-")
    if told := _BY_COMMAND.get((command, word)) or _BY_COMMAND.get(("", word)):
        return told.format(command=command)
    found = [meant for meant in OPTIONS.get(word, ()) if meant.split()[0] in known][:1]
    found = found or get_close_matches(option, known, n=1, cutoff=0.8)
    found = found or (_settings(word) if "--set" in known else [])
    found = found or get_close_matches(option, known, n=2, cutoff=0.6)
    if found:
        return f"did you mean {' or '.join(found)}?"
    return f"simcvd {command} -h lists its options" if command else "options come after the command"


def _settings(word: str) -> list[str]:
    from simcvd.config.edit import dotted_keys, near_keys

    key, known = word.replace("-", "_"), dotted_keys()
    return [f"--set {found}=VALUE" for found in ([key] if key in known else near_keys(key, known))[:2]]
