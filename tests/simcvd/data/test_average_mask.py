"""The average mask: worked by hand on labels of a few voxels."""

import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from simcvd.data import average_mask
from simcvd.data.average_mask import MOST_LABELED, average_mask_dice, fitted
from simcvd.data.case_file import Grid
from simcvd.data.store import Origin, Splits, build_info, write_case, write_info
from simcvd.labels import IGNORED
from simcvd.metrics.overlap import dice

Label = NDArray[np.uint8]
Stored = Callable[[Mapping[str, Label]], Path]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Write labels as a data set of two classes, whose images are all zero; `a` and `b` are labelled, the rest val."""

    def store(labels: Mapping[str, Label]) -> Path:
        digests = {}
        for case_id, label in labels.items():
            image = np.zeros(label.shape, np.float32)
            grid = Grid((1, 1, 1), np.eye(4), label.shape, (0, 0, 0))
            digests[case_id] = write_case(tmp_path, case_id, image, label, grid, classes=2)
        val = tuple(case_id for case_id in labels if case_id not in "ab")
        info = build_info(
            tmp_path,
            name="labels",
            channels=("MR",),
            classes=("one", "two"),
            splits=Splits(train_labeled=("a", "b"), val=val),
            train_order=("a", "b"),
            digests=digests,
            origin=Origin("test"),
        )
        write_info(tmp_path, info)
        return tmp_path

    return store


def row(*classes: int, length: int = 8) -> Label:
    """Return a volume of one row of voxels in a `length x 4 x 4` block, classes from its start on."""
    label = np.zeros((length, 4, 4), np.uint8)
    label[: len(classes), 1, 1] = classes
    return label


def test_equal_labels_are_the_average(stored: Stored) -> None:
    same = row(0, 0, 1, 1, 2, 2)
    folder = stored({"a": same, "b": same, "v": same})
    assert average_mask_dice(folder, ["a", "b"], ["v"], 2) == {"v": 1.0}


def test_each_case_gets_one_and_the_same_mask(stored: Stored) -> None:
    """Class 1 of the labelled cases is on voxels 2 and 3; of v on 3 and 4: 2 * 1 / 4. Class 2 is alike: 1."""
    folder = stored({"a": row(0, 0, 1, 1, 0, 2), "b": row(0, 0, 1, 1, 0, 2), "v": row(0, 0, 0, 1, 1, 2)})
    assert average_mask_dice(folder, ["a", "b"], ["v"], 2) == {"v": pytest.approx((0.5 + 1) / 2)}


def test_volumes_meet_in_their_middle(stored: Stored) -> None:
    """v is two voxels longer at each end."""
    folder = stored({"a": row(0, 0, 1, 2), "b": row(0, 0, 1, 2), "v": row(0, 0, 0, 0, 1, 2, length=12)})
    assert average_mask_dice(folder, ["a", "b"], ["v"], 2) == {"v": 1.0}


def test_ignored_voxels_count_nowhere(stored: Stored) -> None:
    """The mask's second voxel of class 1 is ignored in v, so the one that is left is all of it."""
    folder = stored({"a": row(1, 1, 2), "b": row(1, 1, 2), "v": row(1, IGNORED, 2)})
    assert average_mask_dice(folder, ["a", "b"], ["v"], 2) == {"v": 1.0}


def test_a_class_in_neither_mask_is_left_out(stored: Stored) -> None:
    folder = stored({"a": row(1), "b": row(1), "v": row(1), "w": row(0)})
    found = average_mask_dice(folder, ["a", "b"], ["v", "w"], 2)
    assert found == {"v": 1.0, "w": 0.0}


def of_stack(own: list[Label], label: Label, classes: int) -> float:
    """Return the same from all labels at once, as a mean over a stack of masks."""
    shape = tuple(max(each.shape[axis] for each in own) for axis in range(3))

    def score(mask: NDArray[np.bool_], label: Label, class_id: int) -> float:
        return dice(fitted(mask, label.shape) & (label != IGNORED), label == class_id)

    def there(scores: list[float]) -> list[float]:
        return [score for score in scores if score == score]

    scores = []
    for number in range(1, classes + 1):
        share = np.mean([fitted(each == number, shape) for each in own], axis=0, dtype=np.float32)
        masks = [share >= part for part in np.linspace(0.1, 0.9, 9)]
        best = max(masks, key=lambda mask: np.mean(there([score(mask, each, number) for each in own]) or [0.0]))
        scores.append(score(best, label, number))
    return float(np.mean(there(scores)))


def balls(luck: np.random.Generator, classes: int) -> Label:
    """Return balls at random places of a volume of random size, some voxels ignored."""
    shape = tuple(luck.integers(6, 11, 3))
    label = np.zeros(shape, np.uint8)
    places = np.moveaxis(np.indices(shape), 0, -1) - np.array(shape) / 2
    for class_id in range(1, classes + 1):
        label[((places - luck.normal(0, 1, 3)) ** 2).sum(axis=-1) < luck.uniform(1, 9)] = class_id
    label[luck.random(shape) < 0.03] = IGNORED
    return label


@pytest.mark.parametrize("labeled", [1, 3, 10, 11])
@pytest.mark.parametrize("most_bytes", [1, 2**20])
def test_counting_case_by_case_gives_the_numbers_of_a_stack_of_masks(
    monkeypatch: pytest.MonkeyPatch, labeled: int, most_bytes: int
) -> None:
    """To the last bit; with one class at a time and with all of them."""
    luck = np.random.default_rng(labeled)
    labels = [balls(luck, 3) for _ in range(labeled + 1)]
    monkeypatch.setattr(average_mask, "_label", lambda folder, case_id: labels[int(case_id)])
    monkeypatch.setattr(average_mask, "_MOST_BYTES", most_bytes)
    own = [str(number) for number in range(labeled)]
    found = average_mask_dice(Path(), own, [str(labeled)], 3)
    assert found == {str(labeled): of_stack(labels[:-1], labels[-1], 3)}


def test_the_first_labelled_cases_alone_are_averaged_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(average_mask, "_label", lambda folder, case_id: read.append(case_id) or row(1))
    own = [f"a{number}" for number in range(MOST_LABELED + 5)]
    assert average_mask_dice(Path(), own, ["v"], 1) == {"v": 1.0}
    assert set(read) == {*own[:MOST_LABELED], "v"}


def test_one_label_is_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """30 labels of 1 MiB take less than 8 of them."""
    monkeypatch.setattr(average_mask, "_label", lambda folder, case_id: np.ones((64, 128, 128), np.uint8))
    tracemalloc.start()
    try:
        average_mask_dice(Path(), [str(number) for number in range(30)], ["v"], 2)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A mask that holds every voxel is the worst: its counts are 8 bytes each while they are counted.
    assert most < 16 * 2**20


def test_without_labelled_cases_there_is_no_mask(tmp_path: Path) -> None:
    assert average_mask_dice(tmp_path, [], ["v"], 1) == {}
