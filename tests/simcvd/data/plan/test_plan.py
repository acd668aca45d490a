import random

import pytest

from simcvd.config import load_preset
from simcvd.config.batch import check_batch
from simcvd.config.edit import flatten
from simcvd.data.plan.fingerprint import Fingerprint
from simcvd.data.plan.geometry import BUDGET_BYTES, step_bytes
from simcvd.data.plan.plan import make_plan
from tests.simcvd.data.plan.fingerprints import ALL, HIPPOCAMPUS, LEFT_ATRIUM, THICK_SLICES

NUMBER_OF_RULES = 11


def _random(seed: int) -> Fingerprint:
    drawn = random.Random(seed)
    cases = drawn.randint(1, 30)
    typical = [round(2 ** drawn.uniform(0, 9.3)) for _ in range(3)]
    shapes = [tuple(max(1, round(side * drawn.uniform(0.7, 1.3))) for side in typical) for _ in range(cases)]
    labeled = drawn.randint(1, cases)
    extents = [tuple(drawn.randint(1, side) for side in typical) for _ in range(drawn.randint(0, 3))]
    return Fingerprint(
        shapes=tuple(shapes),  # type: ignore[arg-type]
        spacing_mm=(drawn.uniform(0.3, 3), drawn.uniform(0.3, 3), drawn.uniform(0.3, 12)),
        channels=drawn.randint(1, 4),
        classes=drawn.randint(1, 10),
        labeled=labeled,
        unlabeled=cases - labeled,
        val=drawn.choice([0, 3, 40]),
        extents_vox=tuple(extents),  # type: ignore[arg-type]
    )


def test_hippocampus_gets_what_worked_there() -> None:
    values = {choice.key: choice.value for choice in make_plan(HIPPOCAMPUS).choices}
    assert values == {
        "data.crop_vox": [32, 48, 32],
        "training.steps": 600,
        "training.batch_labeled": 2,
        "training.batch_unlabeled": 2,
        "training.validate_every_steps": 150,
        "projection.pool_size": 32,
        "network.width": 16,
        "network.dropout_last": 0.0,
        "network.strides": [[2, 2, 2], [2, 2, 2], [2, 2, 2], [1, 1, 1]],
        "inference.stride_vox": [16, 24, 16],
        "inference.batch_windows": 8,
    }


def test_the_rules_would_give_the_left_atrium_nearly_what_the_paper_has() -> None:
    planned, paper = flatten(make_plan(LEFT_ATRIUM).settings), flatten(load_preset("la"))
    differing = {key for key, value in planned.items() if value != paper[key]}
    assert differing == {
        "data.crop_vox",  # 128 x 128 x 80 in place of 112 x 112 x 80
        "inference.batch_windows",
        "inference.stride_vox",
        "training.validate_every_steps",
    }


def test_twelve_thick_slices_need_no_padding() -> None:
    settings = make_plan(THICK_SLICES).settings
    assert settings.data.crop_vox == (256, 256, 12)
    assert settings.network.reduction() == (16, 16, 2)


@pytest.mark.parametrize("found", [*ALL, *map(_random, range(150))])
def test_every_plan_is_valid_inside_the_median_case_and_fits_memory(found: Fingerprint) -> None:
    plan = make_plan(found)
    settings = plan.settings  # validated: the strides divide the crop, windows leave no gap
    check_batch(settings, workers=1)
    crop, strides = settings.data.crop_vox, settings.network.strides
    crops = settings.training.batch_labeled + settings.training.batch_unlabeled
    assert all(side <= median for side, median in zip(crop, found.median_shape, strict=True))
    assert step_bytes(crop, strides, found, settings.network.width, crops) <= BUDGET_BYTES
    assert len({choice.key for choice in plan.choices}) == len(plan.choices) == NUMBER_OF_RULES
    for choice in plan.choices:
        assert choice.reason[0].isupper()
        assert choice.reason.endswith(".")
        assert "\n" not in str(choice)
