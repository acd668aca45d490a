import torch

from simcvd.transforms.largest_piece import largest_pieces


def test_each_crop_and_class_keeps_its_largest_piece() -> None:
    labels = torch.zeros(2, 7, 3, 1, dtype=torch.int64)
    labels[0, :2, 0] = 1
    labels[0, 4:, 0] = 1
    labels[0, 0, 2] = 2
    labels[1, 3, 1] = 1
    expected = labels.clone()
    expected[0, :2, 0] = 0
    assert torch.equal(largest_pieces(labels), expected)


def test_voxels_that_share_a_corner_are_one_piece() -> None:
    labels = torch.zeros(1, 4, 4, 4, dtype=torch.int64)
    labels[0, 0, 0, 0] = labels[0, 1, 1, 1] = labels[0, 3, 3, 3] = 1
    found = largest_pieces(labels)
    assert found[0, 0, 0, 0] == found[0, 1, 1, 1] == 1
    assert found[0, 3, 3, 3] == 0


def test_background_alone_stays_and_nothing_is_changed_in_place() -> None:
    labels = torch.zeros(2, 3, 3, 3, dtype=torch.int64)
    assert torch.equal(largest_pieces(labels), labels)
    labels[0, 0, 0, 0] = labels[0, 2, 2, 2] = labels[0, 2, 2, 1] = 1
    given = labels.clone()
    assert not torch.equal(largest_pieces(labels), given)
    assert torch.equal(labels, given)
