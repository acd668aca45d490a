from pathlib import Path

import numpy as np

from simcvd.data.preparation.source import ScanFolder, SourceCase
from simcvd.data.preparation.survey import survey
from simcvd.errors import UserError
from simcvd.scans.volume import Volume

AFFINE = np.diag([-2.0, 1, 3, 1])
SCAN = np.random.default_rng(0).normal(100, 10, (2, 6, 5, 4)).astype(np.float32)
LABEL = np.zeros((6, 5, 4), np.int16)
LABEL[:3] = 1
LABEL[3] = 9


def read_image(case: SourceCase) -> Volume:
    if case.id == "bad":
        raise UserError("it is damaged")
    return Volume(SCAN, AFFINE, (2, 1, 3))


def read_label(case: SourceCase) -> Volume:
    assert case.id == "labelled", "labels of unlabelled cases stay unread"
    return Volume(LABEL, AFFINE, (2, 1, 3))


def test_a_survey_reads_labels_of_labelled_cases_alone_and_names_bad_ones() -> None:
    cases = [SourceCase(name, (Path(name),), Path(name)) for name in ("labelled", "bad", "other")]
    folder = ScanFolder("nifti", Path(), tuple(cases), read_image, read_label, ignore=9)
    bad: dict[str, str] = {}
    first, second = survey(folder, cases, {"labelled"}, classes=1, workers=2, problem=bad.__setitem__)
    assert bad == {"bad": "it is damaged"}
    assert (first.spacing_mm, first.shape, first.located) == ((2, 1, 3), (6, 5, 4), True)
    assert second.foreground is None
    assert first.foreground is not None
    np.testing.assert_array_equal(np.sort(first.foreground[1]), np.sort(SCAN[1, :3].reshape(-1)))
    np.testing.assert_array_equal(np.sort(first.intensities[0]), np.sort(SCAN[0].reshape(-1)))
