"""The case browser's pictures: which cases and trials, cut to what is outlined, encoded within a budget of bytes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.report.cases.run_lengths import encode
from analysis.report.cases.sprite import Sprite, make_sprite
from analysis.report.values import Values
from analysis.runs.case_images import CaseImage, read_case_image
from analysis.runs.masks import masked_cases, read_mask
from analysis.runs.replicate import Replicate, in_order
from analysis.runs.sweep import Sweep

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Mask = npt.NDArray[np.uint8]

MOST_CASES: Final = 20
MOST_BYTES: Final = 10_000_000
"""Of all pictures; base64 makes a third more of it, which leaves the report below 15 MB."""
MOST_VOXELS: Final = 4_000_000
"""Of a case as shown: beyond, pixels of its x-y planes are averaged, so that a phone can hold it."""
_MARGIN_MM: Final = 8.0


@dataclass(frozen=True)
class Shown:
    """A trial whose masks are shown.

    Attributes:
        variant: the variant's name.
        replicate: of the trial.
        trial_id: the trial.
    """

    variant: str
    replicate: Replicate
    trial_id: str


@dataclass(frozen=True)
class Picture:
    """One case, encoded.

    Attributes:
        case_id: the case.
        shape: of the part shown, `(X, Y, Z)` in pixels.
        start: its first voxel in the case.
        step: voxels averaged to a pixel along x and y.
        spacing_mm: size of a pixel.
        labels: values of the masks, background included.
        image: its slices.
        reference: the label, see `run_lengths.encode`; None where the data set has none.
        predictions: the masks by variant.
    """

    case_id: str
    shape: tuple[int, int, int]
    start: tuple[int, int, int]
    step: int
    spacing_mm: tuple[float, float, float]
    labels: int
    image: Sprite
    reference: bytes | None
    predictions: Mapping[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all that is encoded."""
        masks = (*self.predictions.values(), self.reference or b"")
        return len(self.image.content) + sum(len(mask) for mask in masks)


@dataclass(frozen=True)
class Browser:
    """The cases to look at.

    Attributes:
        trials: whose masks are shown, one a variant.
        pictures: the cases; empty where there is nothing to show.
        notes: how they were chosen and what is left out, or why there is nothing, in sentences.
    """

    trials: tuple[Shown, ...] = ()
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()


def read_browser(
    runs: Path,
    sweep: Sweep,
    values: Values,
    dataset: Path | None,
    on_case: Callable[[int, int, str], None] | None = None,
) -> Browser:
    """Encode cases of a sweep.

    Args:
        runs: the runs folder.
        sweep: the sweep.
        values: its scores, which tell what a good and what a bad case is.
        dataset: the data set folder; None or a folder that is not there leaves the pictures out.
        on_case: is told how many cases of how many are done, and which was the last.

    Raises:
        AnalysisError: a file of masks or of the data set is damaged.
    """
    if dataset is None or not (dataset / "cases").is_dir():
        return Browser(notes=("The data set's folder is not where the sweep had it; `--dataset` says where it is.",))
    trials, kept = _trials(runs, sweep, values)
    if not trials:
        return Browser(notes=("No trial of this sweep has kept its masks.",))
    order = [case for case in spread(_mean_scores(values), MOST_CASES) if any(case in own for own in kept.values())]
    masked = set().union(*kept.values())
    pictures: list[Picture] = []
    unfit: list[str] = []
    size = 0
    for done, case_id in enumerate(order, start=1):
        picture = _picture(runs, dataset, case_id, trials)
        if picture is None:
            unfit.append(case_id)
        elif size + picture.size <= MOST_BYTES:
            pictures.append(picture)
            size += picture.size
        if on_case is not None:
            on_case(done, len(order), case_id)
    notes = list(_notes(trials, pictures, unfit, len(masked)))
    pictures.sort(key=lambda picture: picture.case_id)
    return Browser(tuple(trials) if pictures else (), tuple(pictures), tuple(notes))


def spread(scores: Mapping[str, float], most: int) -> list[str]:
    """Choose cases evenly from the worst to the best, in the order that they matter: the two ends, then between.

    >>> spread({"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4, "e": 0.5}, most=3)
    ['a', 'e', 'c']
    """
    order = sorted(scores, key=lambda case: (scores[case] != scores[case], scores[case], case))
    if len(order) <= most:
        places = list(range(len(order)))
    else:
        places = sorted({round(place * (len(order) - 1) / max(1, most - 1)) for place in range(most)})
    chosen: list[int] = []
    while places:
        ends = [places[0], places[-1]] if not chosen else []
        chosen += dict.fromkeys(ends or [_farthest(places, chosen)])
        places = [place for place in places if place not in chosen]
    return [order[place] for place in chosen]


def _farthest(places: Sequence[int], chosen: Sequence[int]) -> int:
    return max(places, key=lambda place: min(abs(place - other) for other in chosen))


def _mean_scores(values: Values) -> dict[str, float]:
    """Return each case's mean over the variants, in the foreground mean of the sweep's own metric."""
    import numpy as np

    own = values.values[0, 0]
    there = ~np.isnan(own)
    means = np.where(there.any(axis=0), np.nansum(own, axis=0) / np.maximum(there.sum(axis=0), 1), np.nan)
    return dict(zip(values.cases, means.tolist(), strict=True))


def _trials(runs: Path, sweep: Sweep, values: Values) -> tuple[list[Shown], dict[str, set[str]]]:
    """Return each variant's first finished replicate with masks, and the cases that it has masks of."""
    trials, kept = [], {}
    for variant in sweep.variants:
        for replicate in in_order(values.by_replicate[variant.name]):
            trial = variant.trials[replicate]
            if cases := set(masked_cases(runs, trial)):
                trials.append(Shown(variant.name, replicate, trial))
                kept[variant.name] = cases
                break
    return trials, kept


def _picture(runs: Path, dataset: Path, case_id: str, trials: Sequence[Shown]) -> Picture | None:
    """Encode a case; None where its image is missing or none of the masks fits it."""
    case = read_case_image(dataset, case_id)
    if case is None:
        return None
    masks = {each.variant: read_mask(runs, each.trial_id, case_id) for each in trials}
    fitting = {name: mask for name, mask in masks.items() if mask is not None and mask.shape == case.image.shape}
    if not fitting:
        return None
    every = [*fitting.values(), *([] if case.label is None else [case.label])]
    labels = 1 + max(int(mask.max()) for mask in every)
    window = _window(case, every)
    step = 1
    while _pixels(window, step) > MOST_VOXELS:
        step += 1
    image = _averaged(case.image[window], step)
    sx, sy, sz = case.spacing_mm
    return Picture(
        case_id=case_id,
        shape=(image.shape[0], image.shape[1], image.shape[2]),
        start=(window[0].start, window[1].start, window[2].start),
        step=step,
        spacing_mm=(sx * step, sy * step, sz),
        labels=max(2, labels),
        image=make_sprite(image),
        reference=None if case.label is None else encode(sampled(case.label[window], step), max(2, labels)),
        predictions={name: encode(sampled(mask[window], step), max(2, labels)) for name, mask in fitting.items()},
    )


def _window(case: CaseImage, masks: Sequence["Mask"]) -> tuple[slice, slice, slice]:
    """Return the part of a case that holds everything outlined and a margin; all of it where nothing is."""
    import numpy as np

    outlined = np.logical_or.reduce([mask > 0 for mask in masks])
    window = []
    for axis, (length, size) in enumerate(zip(outlined.shape, case.spacing_mm, strict=True)):
        filled = np.flatnonzero(outlined.any(axis=tuple(other for other in range(3) if other != axis)))
        margin = round(_MARGIN_MM / size)
        low, high = (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (0, length)
        window.append(slice(max(0, low - margin), min(length, high + margin)))
    return window[0], window[1], window[2]


def _pixels(window: Sequence[slice], step: int) -> int:
    x, y, z = (int(part.stop - part.start) for part in window)
    return -(-x // step) * -(-y // step) * z


def _averaged(image: "npt.NDArray[np.float32]", step: int) -> "npt.NDArray[np.float32]":
    """Average `step` x `step` voxels in x and y; edges are repeated to whole blocks."""
    import numpy as np

    if step == 1:
        return image
    padded = np.pad(image, [(0, -length % step) for length in image.shape[:2]] + [(0, 0)], mode="edge")
    x, y, z = padded.shape
    blocks = padded.reshape(x // step, step, y // step, step, z)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def sampled(mask: "Mask", step: int) -> "Mask":
    """Take the middle voxel of each block that `_averaged` makes one pixel."""
    import numpy as np

    if step == 1:
        return mask
    padded = np.pad(mask, [(0, -length % step) for length in mask.shape[:2]] + [(0, 0)], mode="edge")
    return padded[step // 2 :: step, step // 2 :: step]


def _notes(trials: Sequence[Shown], pictures: Sequence[Picture], unfit: Sequence[str], masked: int) -> Iterator[str]:
    if unfit:
        names = ", ".join(unfit[:5]) + (f" and {len(unfit) - 5} more" if len(unfit) > 5 else "")
        yield f"Left out, since the data set lacks them or holds them on another grid than the masks: {names}."
    if not pictures:
        return
    shown = {each.replicate for each in trials}
    which = str(trials[0].replicate) if len(shown) == 1 else "its first finished seed that kept its masks"
    yield f"Each variant is shown with {which}, and so are the scores below its picture."
    if len(pictures) < masked:
        yield (
            f"{len(pictures)} of {masked} cases are here, spread evenly from the worst to the best mean score, to keep "
            "the file small."
        )
    yield (
        f"Cut to what is outlined and {_MARGIN_MM:g} mm around it; 8-bit grey values, slightly compressed. Masks are "
        "exact, voxel by voxel."
    )
    if coarse := [picture for picture in pictures if picture.step > 1]:
        step = max(picture.step for picture in coarse)
        yield (
            f"{len(coarse)} large cases are shown more coarsely: a pixel stands for up to {step} x {step} voxels in x "
            "and y; masks show the middle one of them."
        )
