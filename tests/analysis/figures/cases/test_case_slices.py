from typing import Any

import numpy as np
import pytest

from analysis.figures.cases.case_slices import QualitativeCase, choose_slice


def a_case(reference: Any, prediction: Any = None, spacing: tuple[float, float, float] = (1, 1, 1)) -> QualitativeCase:
    image = np.arange(reference.size, dtype=float).reshape(reference.shape)
    predictions = {} if prediction is None else {"a": prediction}
    return QualitativeCase("c", "best", image, reference, predictions, spacing)


def test_the_slice_with_the_largest_reference_is_taken() -> None:
    reference = np.zeros((20, 24, 12), dtype=np.uint8)
    reference[5:9, 6:8, 3:9] = 1
    reference[5:12, 10:20, 7] = 2
    case = a_case(reference)
    assert choose_slice(case, "x-y").at == 7
    # Along y: 4 * 6 = 24 voxels in planes 6 and 7, 7 in the others; along x: 2 * 6 + 10 = 22 in planes 5 to 8.
    assert choose_slice(case, "x-z").at == 6
    assert choose_slice(case, "y-z").at == 5


def test_slices_are_cut_in_the_arrays_order() -> None:
    reference = np.zeros((3, 4, 5), dtype=np.uint8)
    reference[1, 2, 3] = 1
    case = a_case(reference)
    assert choose_slice(case, "x-y").of(case.image).tolist() == case.image[:, :, 3].tolist()
    assert choose_slice(case, "x-z").of(case.image).tolist() == case.image[:, 2, :].tolist()
    assert choose_slice(case, "y-z").of(case.image).tolist() == case.image[1].tolist()
    sizes = {plane: choose_slice(case, plane).sizes((0.5, 2.0, 3.0)) for plane in ("x-y", "x-z", "y-z")}
    assert sizes == {"x-y": (0.5, 2.0), "x-z": (0.5, 3.0), "y-z": (2.0, 3.0)}


def test_the_window_holds_reference_and_prediction_in_mm() -> None:
    reference = np.zeros((50, 40, 10), dtype=np.uint8)
    reference[20:30, 10:20, 5] = 1
    prediction = np.zeros_like(reference)
    prediction[44, 15, 5] = 1
    prediction[2, 2, 2] = 1  # in another slice
    cut = choose_slice(a_case(reference, prediction, (2.0, 0.5, 5.0)), "x-y", margin=0.2)
    # x: voxels 20 to 45 of 2 mm, room 0.2 * 50 mm; y: 10 to 20 of 0.5 mm, room 4 mm; both within 100 x 20 mm.
    assert cut.window_mm == pytest.approx((30, 100, 1, 14))
    assert cut.aspect == pytest.approx(13 / 70)


def test_an_empty_reference_falls_back_to_the_prediction() -> None:
    empty = np.zeros((6, 7, 8), dtype=np.uint8)
    prediction = empty.copy()
    prediction[1, 2, 6] = 1
    assert choose_slice(a_case(empty, prediction), "x-y").at == 6
    cut = choose_slice(a_case(empty), "x-y")
    assert (cut.at, cut.window_mm) == (4, (0, 6, 0, 7))


def test_arrays_of_other_shapes_are_refused() -> None:
    zeros = np.zeros((4, 4, 4), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"prediction of a \(4, 4, 5\)"):
        a_case(zeros, np.zeros((4, 4, 5), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"image \(4, 4\)"):
        a_case(zeros[0])
    with pytest.raises(ValueError, match="spacings above 0"):
        a_case(zeros, spacing=(1, 0, 1))
