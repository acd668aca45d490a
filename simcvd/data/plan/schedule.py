"""Steps, validation and the last dropout: how long is trained, and what short trainings want otherwise."""

import math
from collections.abc import Sequence

from simcvd.config.types import Vox3
from simcvd.data.plan.choice import Choice, counted
from simcvd.data.plan.fingerprint import Fingerprint
from simcvd.data.plan.sizes import PAPER_CROP_VOX, windows_of

_TRIED_VOX, _TRIED_STEPS = 32 * 48 * 32, 600
"""Hippocampus: docs/results/2026-11-methods.md."""
_PAPER_STEPS, _LEAST_STEPS = 6000, 300
_SHORT_STEPS = 3000
_VALIDATIONS = 6
"""Of a training, as in the paper's 6,000 steps with one each 1,000."""
_VALIDATING = 0.1
"""Most of a training's time that validating may take."""
_PASSES_A_STEP = 3
"""Forward passes that a training step on a crop costs about as much as."""


def steps_choice(crop_vox: Vox3) -> Choice:
    """Plan the steps, between the two sizes of crop for which a number is known, as a power of their voxels."""
    voxels = math.prod(crop_vox)
    power = math.log(_PAPER_STEPS / _TRIED_STEPS) / math.log(PAPER_CROP_VOX / _TRIED_VOX)
    steps = round(_TRIED_STEPS * (voxels / _TRIED_VOX) ** power, -2)
    steps = int(min(max(steps, _LEAST_STEPS), _PAPER_STEPS))
    return Choice(
        "training.steps",
        steps,
        f"A crop has {voxels:,} voxels: {_TRIED_STEPS} steps were enough with the {_TRIED_VOX:,} of hippocampus, the "
        f"paper has {_PAPER_STEPS:,} with {PAPER_CROP_VOX:,}; in between a power of the voxels. More steps seldom "
        "harm.",
    )


def dropout_choice(steps: int) -> Choice:
    """Plan the dropout after the last level."""
    if steps < _SHORT_STEPS:
        why = f"Fewer than {_SHORT_STEPS:,} steps: dropout after the last level ruined trainings of 400 and of 800."
        return Choice("network.dropout_last", 0.0, why)
    return Choice("network.dropout_last", 0.5, f"The field's, for trainings of {_SHORT_STEPS:,} steps or more.")


def validation_choice(found: Fingerprint, crop_vox: Vox3, stride_vox: Sequence[int], steps: int, crops: int) -> Choice:
    """Plan the steps between validations.

    Args:
        found: the data set's facts.
        crop_vox: voxels of a crop.
        stride_vox: of the sliding window.
        steps: of the training.
        crops: of a step.
    """
    key = "training.validate_every_steps"
    if not found.val:
        return Choice(key, None, "There are no validation cases.")
    windows = found.val * windows_of(found.median_shape, crop_vox, stride_vox)
    least = windows / (_VALIDATING * crops * _PASSES_A_STEP)
    every = -(-max(steps / _VALIDATIONS, least) // 50) * 50
    told = f"The validation cases, {found.val}, take {counted(windows)}"
    if every >= steps:
        return Choice(key, None, f"{told}, so only after the last step: more would take over a tenth of the time.")
    return Choice(key, int(every), f"{told}; at most {_VALIDATIONS} times, and at most a tenth of the time.")
