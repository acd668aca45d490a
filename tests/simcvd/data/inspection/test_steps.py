from typing import get_args

import pytest

from simcvd.data.dataset_info import DatasetInfo, Intensity, Splits
from simcvd.data.inspection.steps import steps
from simcvd.scans.label_crop import LabelCrop
from simcvd.scans.normalisation import Channel, Kind, Normalisation
from simcvd.scans.preprocessing import Preprocessing


def info(**content):
    return DatasetInfo(
        name="made",
        channels=("CT", "PET"),
        classes=("thing",),
        spacing_mm=(1, 1, 1),
        intensity=(Intensity(mean=0, std=1, percentile_00_5=0, percentile_50=0, percentile_99_5=0),) * 2,
        splits=Splits(),
        train_order=(),
        with_label=(),
        source="test",
        digests={},
        shapes={},
        **content,
    )


def test_steps_of_version_0_1_are_told():
    assert steps(info()) == [
        "orientation: as in the files",
        "voxel size: as in the files",
        "crop: whole scan",
        "intensities: mean 0, sd 1 over each scan's stored voxels",
    ]
    assert steps(info(normalisation="as_is", label_guided_crop=True))[2:] == [
        "crop: around the label of every case, as the benchmark does",
        "intensities: as the source has them",
    ]


def test_steps_of_a_resampled_set_are_told():
    done = Preprocessing(
        orientation="RAS",
        spacing_mm=(1, 1, 2.5),
        crop=LabelCrop(margin_vox=(20, 20, None), least_vox=(112, 112, 80)),
        normalisation=Normalisation(
            kind="percentiles",
            channels=(Channel(lower=-125, upper=275, mean=50, std=80), Channel(lower=0, upper=12.5)),
        ),
    )
    assert steps(info(preprocessing=done)) == [
        "orientation: RAS (X to the right, Y to the front, Z to the head)",
        "voxel size: 1 x 1 x 2.5 mm for all",
        "crop: around the label of every case, as the benchmark does: margin 20 x 20 x whole voxels, at least "
        "112 x 112 x 80",
        "intensities: clipped and scaled by the labelled training foreground (CT -125 to 275, less 50, by 80; PET 0 to "
        "12.5)",
    ]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("z_score", "as the source has them"),  # as sets of the public form were described once
        ("z_score_scan", "as the source has them, mean 0, sd 1 over each whole scan, before the crop"),
    ],
)
def test_a_set_that_was_taken_as_it_is_does_not_claim_what_was_not_done(kind, told):
    done = Preprocessing(normalisation=Normalisation(kind=kind))
    assert steps(info(preprocessing=done, normalisation="as_is"))[-1] == f"intensities: {told}"


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_of_normalisation_has_its_own_words(kind):
    told = {
        each: steps(info(preprocessing=Preprocessing(normalisation=Normalisation(kind=each))))[-1]
        for each in get_args(Kind)
    }
    assert len(set(told.values())) == len(told)
    assert told[kind].startswith("intensities: ")
