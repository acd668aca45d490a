"""All rules of a plan in their order."""

from collections.abc import Sequence
from dataclasses import dataclass

from simcvd.config import TrialConfig, from_mapping
from simcvd.data.plan.choice import Choice
from simcvd.data.plan.fingerprint import Fingerprint
from simcvd.data.plan.geometry import crop_choice, plan_crop, strides_choice
from simcvd.data.plan.schedule import dropout_choice, steps_choice, validation_choice
from simcvd.data.plan.sides import flip_choice
from simcvd.data.plan.sizes import batch_choices, pool_choice, stride_choice, width_choice, window_batch_choice


@dataclass(frozen=True)
class Plan:
    """Settings that fit a data set.

    Attributes:
        choices: each with its reason, in the order of the settings.
    """

    choices: tuple[Choice, ...]

    @property
    def settings(self) -> TrialConfig:
        """All settings of a trial that follows the plan."""
        return from_mapping({choice.key: choice.value for choice in self.choices}, origin="plan")


def make_plan(found: Fingerprint) -> Plan:
    """Apply every rule."""
    crop = plan_crop(found)
    stride = stride_choice(found, crop)
    stride_vox = stride.value
    assert isinstance(stride_vox, list)
    steps = steps_choice(crop)
    labeled, unlabeled = batch_choices(found, crop)
    trained, crops = _whole(steps), _whole(labeled) + _whole(unlabeled)
    sides: Sequence[int] = [side for side in stride_vox if isinstance(side, int)]
    return Plan(
        (
            crop_choice(found, crop),
            steps,
            labeled,
            unlabeled,
            validation_choice(found, crop, sides, trained, crops),
            pool_choice(crop),
            width_choice(),
            dropout_choice(trained),
            strides_choice(found, crop),
            stride,
            window_batch_choice(found, crop, sides),
            *([flip_choice(found.mirrored[0])] if found.mirrored else []),
        )
    )


def _whole(choice: Choice) -> int:
    assert isinstance(choice.value, int)
    return choice.value
