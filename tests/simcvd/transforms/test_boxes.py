import pytest
import torch

from simcvd.draws import Draws
from simcvd.transforms.boxes import Boxes, draw_boxes, draw_cut_boxes, draw_cutmix_boxes, paste

SHAPE = (30, 24, 12)


def test_mask_of_a_box_worked_by_hand() -> None:
    """From 0.25 to 0.75 of 4 voxels: voxels 1 and 2; of 2 voxels from 0.5 to 1: the second one."""
    boxes = Boxes(torch.tensor([[0.25, 0.5, 0.0]]), torch.tensor([[0.75, 1.0, 1.0]]))
    expected = torch.zeros(1, 4, 2, 1, dtype=torch.bool)
    expected[0, 1:3, 1] = True
    assert torch.equal(boxes.mask((4, 2, 1)), expected)


def test_paste_takes_all_channels_of_the_other_crop_inside() -> None:
    own, other = torch.zeros(2, 3, 2, 2, 2), torch.ones(2, 3, 2, 2, 2)
    inside = torch.rand(2, 2, 2, 2, generator=torch.Generator().manual_seed(0)) < 0.5
    assert torch.equal(paste(own, other, inside), inside.unsqueeze(1).expand_as(own).float())


def test_boxes_of_two_thirds_have_that_size_and_reach_every_corner() -> None:
    boxes = draw_boxes(Draws(0, 0), "box", 2000, 2 / 3)
    assert boxes.start.min() >= 0
    assert boxes.end.max() <= 1 + 1e-6
    for axis, size in enumerate(SHAPE):
        inside = boxes.mask(SHAPE).any(tuple(other + 1 for other in range(3) if other != axis))
        assert set(inside.sum(1).tolist()) <= {2 * size // 3 - 1, 2 * size // 3, 2 * size // 3 + 1}
        assert inside[:, 0].any()
        assert inside[:, -1].any()
    assert (boxes.start / (1 / 3)).mean().item() == pytest.approx(0.5, abs=0.03)


def test_cutmix_boxes_have_volumes_between_the_ends_where_they_fit_and_half_of_the_crops_have_none() -> None:
    boxes = draw_cutmix_boxes(Draws(0, 0), "box", 4000, probability=0.5, smallest=0.02, largest=0.2)
    side = boxes.end - boxes.start
    there = side.amin(1) > 0
    assert there.float().mean().item() == pytest.approx(0.5, abs=0.03)
    volume = side[there].prod(1)
    assert (volume >= 0.02 - 1e-5).all()  # sides of at most (0.2 / 0.3)^(1/3) fit
    assert (volume <= 0.2 + 1e-5).all()
    assert volume.mean().item() == pytest.approx(0.11, abs=0.005)
    ratio = (side[there, 1] / side[there, 0]).pow(1.5)
    assert ratio.min() > 0.29
    assert ratio.max() < 3.34
    assert boxes.end.max() <= 1 + 1e-6


def test_cutmix_boxes_never_or_always_and_cut_to_the_crop() -> None:
    assert not draw_cutmix_boxes(Draws(0, 0), "b", 50, probability=0, smallest=0.1, largest=0.4).mask(SHAPE).any()
    boxes = draw_cutmix_boxes(Draws(0, 0), "b", 500, probability=1, smallest=0.4, largest=0.4)
    assert boxes.mask(SHAPE).flatten(1).any(1).all()
    assert (boxes.end - boxes.start).max() <= 1


def test_boxes_that_the_border_cuts_have_their_centres_from_an_eighth_on() -> None:
    """A share of 0.75 leaves sides of half of the crop: from 0 to 0.375 where the centre is at 1/8, to 1 at the end."""
    boxes = draw_cut_boxes(Draws(0, 0), "box", torch.full((3000,), 0.75))
    side = boxes.end - boxes.start
    assert side.max().item() == pytest.approx(0.5, abs=1e-6)
    assert boxes.end.min().item() == pytest.approx(0.375, abs=0.01)
    assert boxes.start.max().item() == pytest.approx(0.75, abs=0.01)
    assert boxes.start.min() >= 0
    assert boxes.end.max() <= 1


def test_boxes_are_each_workers_share_of_the_whole_batchs() -> None:
    whole = draw_boxes(Draws(3, 5), "box", 6, 0.5).start
    shares = [draw_boxes(Draws(3, 5, rank=rank, workers=3), "box", 2, 0.5).start for rank in range(3)]
    assert torch.equal(torch.cat(shares), whole)
    assert not torch.equal(draw_boxes(Draws(3, 6), "box", 6, 0.5).start, whole)
