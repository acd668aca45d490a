"""Which settings a tuning searches, between which values, and which are tried first."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from simcvd.config import TrialConfig, from_file
from simcvd.config.edit import flatten
from simcvd.errors import UserError
from sweeps.definition.search_space import Space
from sweeps.search.best import BEST_FILE

_WEIGHTS: Final[Mapping[str, tuple[str, ...]]] = {
    "simcvd": ("loss.sdm", "loss.contrast", "loss.distillation", "loss.consistency"),
    "supervised": (),
    "mean_teacher": ("mean_teacher.consistency",),
    "ua_mt": ("ua_mt.consistency",),
    "entropy_min": ("entropy_min.entropy",),
    "cps": ("cps.cross",),
    "ict": ("ict.consistency",),
    "dan": ("dan.adversarial",),
    "sassnet": ("sassnet.sdm", "sassnet.adversarial"),
    "dtc": ("dtc.sdm", "dtc.consistency"),
    "chaitanya": ("chaitanya.temperature",),
    "unimatch": ("unimatch.strong", "unimatch.feature"),
    "bcp": ("bcp.unlabeled",),
    "ad_mt": ("ad_mt.unlabeled",),
    "crossmatch": ("crossmatch.image", "crossmatch.teacher_distillation", "crossmatch.decoder_distillation"),
}
"""What each method weighs its terms with; Chaitanya's stages have one term each, so there it is the temperature."""

_ALSO: Final = {
    "training.learning_rate": lambda own: Space(loguniform=[own / 10, own * 3]),
    "training.weight_decay": lambda own: Space(loguniform=[(own or 1e-4) / 10, (own or 1e-4) * 10]),
    "loss.temperature": lambda own: Space(loguniform=[0.05, 1.0]),
    "loss.ramp_up_fraction": lambda own: Space(choice=[0.25, 0.5, 1.0]),
    "network.dropout_bottleneck": lambda own: Space(uniform=[0.0, 0.7]),
    "network.dropout_last": lambda own: Space(uniform=[0.0, 0.7]),
    "ema.decay": lambda own: Space(choice=[0.9, 0.99, 0.999]),
    "augment.flip": lambda own: Space(choice=[True, False]),
    "augment.rotate": lambda own: Space(choice=[True, False]),
}
"""Ranges of what `--also` may name without one."""

MOST_EARLIER: Final = 3
"""Earlier searches whose best settings are tried, the latest ones."""

_FACTOR: Final = 10.0
"""A weight is searched from a tenth to ten times of its default."""


def search_space(config: TrialConfig, also: Mapping[str, Space]) -> dict[str, Space]:
    """Return the range of each searched setting of a method.

    SimCVD's dropout p, pooling size and loss weights; of other methods the weights of their terms; of all whether
    crops are turned and mirrored, unless a setting is asked for with a range of its own.

    Args:
        config: the method at the data set's defaults.
        also: further settings.
    """
    values, space = flatten(config), dict[str, Space]()
    if config.method == "simcvd":
        space["projection.dropout"] = Space(uniform=[0.0, 0.5])
        sizes = _around(int(values["projection.pool_size"]))
        if len(sizes) > 1:
            space["projection.pool_size"] = Space(choice=sizes)
    for key in _WEIGHTS.get(config.method, ()):
        own = float(values[key])
        if own > 0:
            space[key] = Space(loguniform=[own / _FACTOR, own * _FACTOR])
    space["augment.flip"] = Space(choice=[True, False])
    space["augment.rotate"] = Space(choice=[True, False])
    return {key: _with(own, values[key]) for key, own in {**space, **also}.items()}


def read_also(names: Sequence[str], config: TrialConfig, methods: Sequence[str]) -> dict[str, Space]:
    """Return the ranges of settings by their names; of further ones a sweep file with a search is the place.

    Args:
        names: of settings; `method` is a choice of `methods`.
        config: the method at the data set's defaults.
        methods: those that were compared.

    Raises:
        UserError: a setting has no range here, or there is one method alone.
    """
    values, found = flatten(config), dict[str, Space]()
    for name in names:
        if name == "method":
            if len(methods) < 2:
                raise UserError("--also method chooses among the methods of --methods, which names one; name more.")
            found[name] = Space(choice=list(methods))
            continue
        if name not in _ALSO:
            raise UserError(
                f"--also {name} has no range here; expected method, {', '.join(_ALSO)}. Others can be searched with a "
                "sweep file: simcvd sweep FILE.yaml."
            )
        found[name] = space = _ALSO[name](values[name])
        if space.loguniform is not None and values[name] <= 0:
            raise UserError(
                f"--also {name} is searched by its logarithm, which never reaches its default, {values[name]:g}; leave "
                "it out, or set another default (--set)."
            )
    return found


def only_searched(settings: Mapping[str, Any], space: Mapping[str, Space]) -> dict[str, Any]:
    """Return what of earlier settings can be tried in a space."""
    return {key: value for key, value in settings.items() if key in space and _holds(space[key], value)}


def check_start(settings: Mapping[str, Any], spaces: Mapping[str, Mapping[str, Space]]) -> None:
    """Refuse settings to start with that can't be tried whole.

    Args:
        settings: all settings of a trial.
        spaces: what may be searched, by method.

    Raises:
        UserError: with the setting.
    """
    if settings["method"] not in spaces:
        raise UserError(f"--start has settings of {settings['method']}, which is none of --methods.")
    for key, space in spaces[settings["method"]].items():
        if not _holds(space, settings[key]):
            raise UserError(f"--start has {key} = {settings[key]}, which is outside of what is searched; change it.")


def earlier_best(runs: Path, own: str, methods: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield the best settings of the latest searches in a runs folder, of methods that are tuned now.

    Args:
        runs: the runs folder.
        own: name of the tuning's own search, which is left out.
        methods: those that may be searched.
    """
    files = sorted((runs / "sweeps").glob(f"*/{BEST_FILE}"), key=lambda file: file.stat().st_mtime, reverse=True)
    found = 0
    for file in files:
        if file.parent.name == own:
            continue
        try:
            settings = read_start(file)
        except UserError:  # of another version, or damaged: it helps nobody
            continue
        if settings["method"] in methods and found < MOST_EARLIER:
            found += 1
            yield settings


def read_start(file: Path) -> dict[str, Any]:
    """Return all settings of a `best.yaml`, or of a trial's `config.yaml`, as dotted keys.

    Raises:
        UserError: there is no such file, or it holds other things.
    """
    return flatten(from_file(file))


def _with(space: Space, own: Any) -> Space:
    """Return the range, made wide enough for the default, which is tried first."""
    for name in ("uniform", "loguniform"):
        pair = getattr(space, name)
        if pair is not None:
            return Space.model_validate({name: [min(pair[0], own), max(pair[1], own)]})
    return space


def _around(own: int) -> list[Any]:
    return [size for size in (own // 4, own // 2, own, own * 2) if size >= min(2, own)]


def _holds(space: Space, value: Any) -> bool:
    if space.choice is not None:
        return value in space.choice
    low, high = space.uniform or space.loguniform or space.integer or (0, 0)
    return isinstance(value, int | float) and low <= value <= high
