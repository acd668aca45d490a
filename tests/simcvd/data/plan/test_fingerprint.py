from pathlib import Path

from simcvd.data.plan.fingerprint import fingerprint_of
from tests.simcvd.data.plan.fingerprints import fingerprint
from tests.simcvd.data.tiny_store import SHAPE, make


def test_medians_are_taken_axis_by_axis() -> None:
    shapes = ((10, 50, 7), (20, 40, 9), (30, 30, 8))
    assert fingerprint((1, 1, 1), shapes=shapes).median_shape == (20, 40, 8)


def test_the_largest_extent_is_that_of_any_class() -> None:
    assert fingerprint((9, 9, 9), extents_vox=((1, 8, 2), (5, 3, 2))).largest_extent == (5, 8, 2)
    assert fingerprint((9, 9, 9)).largest_extent == (0, 0, 0)


def test_facts_are_of_training_cases_and_extents_of_labelled_ones(tmp_path: Path) -> None:
    """Labelled are a and b, whose boxes end at z 5 and 6; those of c, v and t are longer and must not count."""
    found = fingerprint_of(tmp_path, make(tmp_path, unlabeled_label=5))
    assert found.shapes == (SHAPE,) * 4
    assert (found.labeled, found.unlabeled, found.val) == (2, 2, 1)
    assert (found.channels, found.classes) == (1, 1)
    assert found.extents_vox == ((3, 4, 3),)  # the lower median of 3 and 4
    assert found.spacing_mm == (1.0, 1.0, 2.5)


def test_labels_of_unlabelled_cases_change_nothing(tmp_path: Path) -> None:
    first, second = (fingerprint_of(tmp_path / n, make(tmp_path / n, unlabeled_label=int(n))) for n in ("0", "5"))
    assert first == second
