"""What a person chooses about a preparation, and how a finished data set remembers it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcvd.data.preparation.cases import Progress
from simcvd.data.preparation.choice import parse_normalisation, parse_spacing
from simcvd.data.preparation.source import ScanFolder
from simcvd.data.preparation.splits import SplitLists
from simcvd.errors import UserError
from simcvd.scans.preprocessing import Preprocessing


@dataclass(frozen=True)
class PrepareOptions:
    """What a person chooses about a preparation.

    Attributes:
        labeled: labelled training cases; none labels all that are left.
        unlabeled: unlabelled training cases; none takes all that are left.
        val: validation cases; none takes the source's default.
        test: test cases; none takes the source's default.
        seed: draws the order that the counts cut; none keeps the list's.
        split_file: see `splits.read_split_file`.
        groups: file that names the cases that belong together, see `groups.read_groups`; none: each is alone.
        classes: names of the foreground classes 1 to K; none takes the source's.
        channels: names of the image channels; none takes the source's.
        name: of the data set; none takes the target folder's.
        spacing: voxel size as `X,Y,Z` in mm, or `keep`; none chooses it.
        normalize: see `choice.parse_normalisation`; none chooses.
        like: a data set folder whose preprocessing is taken over, or that preprocessing; none chooses it.
        skip_bad: leave bad cases out, and list them, instead of stopping at the first.
        workers: threads; none takes one for each CPU.
        progress: called with (cases done, all cases, id of the last) from the caller's thread.
    """

    labeled: int | None = None
    unlabeled: int | None = None
    val: int | None = None
    test: int | None = None
    seed: int | None = None
    split_file: Path | None = None
    groups: Path | None = None
    classes: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    name: str | None = None
    spacing: str | None = None
    normalize: str | None = None
    like: Path | Preprocessing | None = None
    skip_bad: bool = False
    workers: int | None = None
    progress: Progress | None = None


def check_options(source: ScanFolder, options: PrepareOptions) -> None:
    """Refuse options that make no sense or do not go together, before any scan is read.

    Raises:
        UserError: with the option to change.
    """
    chosen = [f"--{name}" for name in ("spacing", "normalize", "like") if getattr(options, name) is not None]
    refused = [name for name in chosen if name not in source.takes]
    if source.preprocessing is not None and refused:
        raise UserError(f"{refused[0]} can't be asked for here: this kind of data set has a preprocessing of its own.")
    if "--like" in chosen and len(chosen) > 1:
        raise UserError(f"--like takes all preprocessing from another data set, so {chosen[0]} can't be given as well.")
    if options.spacing is not None:
        parse_spacing(options.spacing)
    if options.normalize is not None:
        parse_normalisation(options.normalize)
    for kind, names in (("class", options.classes), ("channel", options.channels)):
        if names is not None and (not names or len(set(names)) < len(names) or not all(names)):
            raise UserError(f"The {kind} names are '{', '.join(names)}'; expected different names, at least one.")


def request_of(
    source: ScanFolder, options: PrepareOptions, lists: SplitLists | None, groups: Mapping[str, str]
) -> dict[str, Any]:
    """Return what decides a data set, in JSON types."""
    return {
        "kind": source.kind,
        "labeled": options.labeled,
        "unlabeled": options.unlabeled,
        "val": options.val,
        "test": options.test,
        "seed": options.seed,
        "classes": list(options.classes) if options.classes else None,
        "channels": list(options.channels) if options.channels else None,
        "name": options.name,
        "spacing": options.spacing,
        "normalize": options.normalize,
        "like": _followed(options.like),
        "skip_bad": options.skip_bad,
        "split_file": None if lists is None else [lists.splits.model_dump(mode="json"), list(lists.train or ())],
        "groups": dict(groups) or None,
    }


def _followed(like: Path | Preprocessing | None) -> Any:
    if isinstance(like, Preprocessing):
        return like.model_dump(mode="json")
    return None if like is None else str(like.resolve())


def refuse_other_request(target: Path, earlier: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, str]:
    """Return the cases that the finished data set left out, and what is wrong with each.

    Raises:
        UserError: it was made with other options.
    """
    changed = [key for key, value in request.items() if earlier.get(key) != value]
    if changed:
        told = ", ".join(changed)
        raise UserError(
            f"The data set {target} is finished and was made with another {told}; choose another folder "
            "(data.labeled can be changed at training without preparing anew)."
        )
    left_out: dict[str, str] = earlier["left_out"]
    return left_out
