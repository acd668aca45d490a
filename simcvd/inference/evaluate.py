"""Score networks on labelled cases: the device predicts one case while a thread scores the one before."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from simcvd.config import TrialConfig
from simcvd.data.store import CaseFile
from simcvd.errors import UserError
from simcvd.inference.ensemble import Member, probability_sums
from simcvd.inference.fusion import for_inference
from simcvd.inference.sliding_window import Autocast, highest, mean_probabilities
from simcvd.metrics.case import ClassScore, score_case
from simcvd.scans.preprocessing import in_box
from simcvd.scans.resampling import highest_class

OnCase = Callable[[str, NDArray[np.uint8]], None]


@dataclass(frozen=True, kw_only=True)
class CaseScores(ClassScore):
    """Scores of one foreground class in one case, with their names: one row of the results.

    Attributes:
        case_id: the case's name.
        class_id: 1 to K.
        class_name: the class's name in the data set.
    """

    case_id: str
    class_id: int
    class_name: str


def evaluate_cases(
    network: nn.Module,
    cases: Iterable[CaseFile],
    config: TrialConfig,
    classes: Sequence[str],
    device: torch.device,
    precision: Autocast = nullcontext,
    *,
    threads: int = 1,
    on_case: OnCase | None = None,
) -> list[CaseScores]:
    """Segment and score labelled cases with one network; see `evaluate_ensemble`.

    Args:
        network: maps `[B, I, *crop]` to logits `[B, C, *crop]`; on `device`. A copy is put into eval mode.
        cases: cases with labels, opened one by one as they are needed.
        config: window, stride and windows a batch.
        classes: names of the K foreground classes.
        device: where the network runs.
        precision: makes the context in which the network runs.
        threads: threads that score a case.
        on_case: gets the id and the mask, uint8 `[X, Y, Z]`, of each predicted case; it must not change the mask.
    """
    member = Member(network, config, precision)
    return evaluate_ensemble([member], cases, classes, device, threads=threads, on_case=on_case)


def evaluate_ensemble(
    members: Sequence[Member],
    cases: Iterable[CaseFile],
    classes: Sequence[str],
    device: torch.device,
    *,
    threads: int = 1,
    on_case: OnCase | None = None,
) -> list[CaseScores]:
    """Segment and score labelled cases, each on its scan's own voxels.

    The networks' mean probabilities decide. Those of a resampled case are brought back to the scan's voxels, class by
    class, before the highest is taken.

    Args:
        members: networks on `device`, of equal channels and classes. Copies are put into eval mode.
        cases: cases with labels, opened one by one as they are needed.
        classes: names of the K foreground classes.
        device: where the networks run.
        threads: threads that score a case.
        on_case: gets the id and the mask, uint8 `[X, Y, Z]`, of each predicted case; it must not change the mask.

    Returns:
        One row for each case and class, in the order of `cases`.

    Raises:
        UserError: a case has no label.
    """
    frozen = [replace(member, network=for_inference(member.network)) for member in members]
    scored: list[Future[list[CaseScores]]] = []
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="scores") as pool:
        for case in cases:
            if case.label is None:
                raise UserError(
                    f"Case {case.id} has no label to score against; evaluate a split whose cases are labelled."
                )
            sums = probability_sums(frozen, case.image, device)
            prediction = highest(sums)
            on_scan = None if case.on_scan is None else mean_probabilities(sums).cpu().numpy()
            if scored:
                scored[-1].result()  # so that at most one prediction waits, and errors surface early
            scored.append(pool.submit(_score, prediction, case, classes, threads, on_scan))
            if on_case is not None:
                on_case(case.id, prediction)
    return [row for future in scored for row in future.result()]


def _score(
    prediction: NDArray[np.uint8],
    case: CaseFile,
    classes: Sequence[str],
    threads: int,
    probabilities: NDArray[np.float32] | None,
) -> list[CaseScores]:
    label, spacing = case.label, case.spacing_mm
    if case.on_scan is not None and probabilities is not None:
        label, spacing = case.on_scan.label, case.on_scan.spacing_mm
        sides = zip(case.crop_start, case.image.shape[1:], strict=True)
        x, y, z = (slice(start, start + side) for start, side in sides)
        maps = in_box(probabilities, (x, y, z), case.original_shape)
        prediction = highest_class(maps, case.spacing_mm, spacing, case.on_scan.shape)
    assert label is not None
    scores = score_case(prediction, np.asarray(label), len(classes), spacing, threads)
    return [
        CaseScores(case_id=case.id, class_id=class_id, class_name=name, **asdict(score))
        for class_id, (name, score) in enumerate(zip(classes, scores, strict=True), start=1)
    ]
