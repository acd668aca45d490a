from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcvd.data.preparation.choice import choose, parse_normalisation, parse_spacing
from simcvd.data.preparation.source import ScanFolder
from simcvd.data.preparation.survey import ScanSurvey
from simcvd.errors import UserError

GENERATOR = np.random.default_rng(0)


def source(modality: tuple[str, ...] | None = None) -> ScanFolder:
    def never(*_: Any) -> Any:
        raise AssertionError("no rule reads a file")

    return ScanFolder("nifti", Path(), (), never, never, modality=modality)


def scan(
    spacing: tuple[float, float, float] = (1, 1, 1),
    shape: tuple[int, int, int] = (60, 60, 60),
    *,
    mean: float = 300,
    zeros: float = 0.0,
    organ: bool = True,
    located: bool = True,
    low: float = 0,
) -> ScanSurvey:
    voxels = GENERATOR.normal(mean, 50, (1, 2000)).astype(np.float32)
    voxels[:, : int(2000 * zeros)] = 0
    voxels[0, -1] = low
    inside = GENERATOR.normal(mean + 100, 20, (1, 500)).astype(np.float32) if organ else None
    return ScanSurvey(spacing, shape, located, voxels, inside)


def test_one_voxel_size_is_kept_for_all_later_scans() -> None:
    made, reasons = choose(source(), [scan((0.7, 0.7, 1.25))] * 3, None, None)
    assert (made.orientation, made.spacing_mm) == ("RAS", (0.7, 0.7, 1.25))
    assert reasons[1] == (
        "Voxel size 0.7 x 0.7 x 1.25 mm, that of every training scan; scans of other sizes are resampled."
    )


def test_like_voxels_become_their_median() -> None:
    made, reasons = choose(source(), [scan((s, s, 1.5)) for s in (0.6, 0.7, 1.0)], None, None)
    assert made.spacing_mm == (0.7, 0.7, 1.5)
    assert "(the median; the training scans' go from 0.6 x 0.6 x 1.5 mm to 1 x 1 x 1.5 mm)" in reasons[1]


def test_a_thick_axis_takes_the_finest_tenth_but_never_finer_than_the_others() -> None:
    thick = [scan((0.7, 0.7, z), (320, 320, 20)) for z in (3.0, 5.0, 5.0, 5.0, 6.0, 7.0, 8.0, 8.0, 9.0, 10.0)]
    made, reasons = choose(source(), thick, None, None)
    assert made.spacing_mm is not None
    assert made.spacing_mm[2] == pytest.approx(np.percentile([s.spacing_mm[2] for s in thick], 10))
    assert "along Z, the thick axis, the finest tenth" in reasons[1]
    mixed = [scan((0.7, 0.7, z), (320, 320, 20)) for z in (0.1, 5.0, 5.0, 5.0)]
    fine, _ = choose(source(), mixed, None, None)
    assert fine.spacing_mm is not None
    assert fine.spacing_mm[2] >= 0.7


def test_files_that_do_not_say_their_voxel_size_are_kept() -> None:
    made, reasons = choose(source(), [scan(), scan(located=False)], None, None)
    assert made.spacing_mm is None
    assert "the files do not say it" in reasons[1]


def test_ct_is_known_by_its_name_or_by_air() -> None:
    by_name, _ = choose(source(("CT",)), [scan(mean=40)] * 3, None, None)
    assert by_name.normalisation.kind == "percentiles"
    air = [scan(mean=40, low=-1000)] * 9 + [scan(mean=40)]
    by_value, reasons = choose(source(), air, None, None)
    assert by_value.normalisation.kind == "percentiles"
    assert "values below -500" in reasons[2]
    assert choose(source(), air[-2:], None, None)[0].normalisation.kind == "z_score"
    assert choose(source(("MR",)), air, None, None)[0].normalisation.kind == "z_score"


def test_percentiles_are_those_of_the_labelled_foreground() -> None:
    scans = [scan(mean=40), scan(mean=60, organ=False), scan(mean=50)]
    made, _ = choose(source(("CT",)), scans, None, None)
    inside = np.concatenate([s.foreground for s in scans if s.foreground is not None], axis=1).astype(np.float64)
    (numbers,) = made.normalisation.channels
    assert (numbers.lower, numbers.upper) == pytest.approx(np.percentile(inside, [0.5, 99.5]), rel=1e-5)
    assert (numbers.mean, numbers.std) == pytest.approx((inside.mean(), inside.std()), rel=1e-5)
    with pytest.raises(UserError, match="No labelled training scan has foreground"):
        choose(source(("CT",)), [scan(organ=False)], None, None)


def test_a_background_of_zeros_does_not_count() -> None:
    assert choose(source(("MR",)), [scan(zeros=0.6)] * 3, None, None)[0].normalisation.kind == "z_score_nonzero"
    assert choose(source(("MR",)), [scan(zeros=0.1)] * 3, None, None)[0].normalisation.kind == "z_score"


def test_what_is_asked_for_wins() -> None:
    made, reasons = choose(source(("CT",)), [scan()], "keep", "window:-100,200")
    assert made.spacing_mm is None
    assert made.normalisation == parse_normalisation("window:-100,200")
    assert [reason.endswith(("as asked.", "like voxels.")) for reason in reasons[1:]] == [True, True]
    assert choose(source(("MR",)), [scan()], None, "percentiles")[0].normalisation.channels


@pytest.mark.parametrize("text", ["window", "window:1", "window:5,5", "z_score", "nonzero:1", "", "percentiles:1,2"])
def test_unknown_intensities_are_told(text: str) -> None:
    with pytest.raises(UserError, match="expected z-score, nonzero, window:LOWER,UPPER, percentiles or as-is"):
        parse_normalisation(text)


@pytest.mark.parametrize("text", ["1,1", "1,1,1,1", "a,b,c", "-1,1,1", "inf,1,1", ""])
def test_unknown_voxel_sizes_are_told(text: str) -> None:
    with pytest.raises(UserError, match="expected three voxel sizes"):
        parse_spacing(text)
