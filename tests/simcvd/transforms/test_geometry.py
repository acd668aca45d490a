import numpy as np
import pytest
import torch

from simcvd.transforms.geometry import Geometry, apply_geometry, cut, draw_geometry


def _crop(volume: torch.Tensor, geometry: Geometry, *, repeat_edge: bool = False) -> torch.Tensor:
    return apply_geometry(cut(volume, geometry), geometry, repeat_edge=repeat_edge)


def test_crop_has_the_asked_size_for_every_turn() -> None:
    volume = torch.zeros(1, 20, 24, 28)
    generator = np.random.default_rng(0)
    for _ in range(50):
        geometry = draw_geometry(generator, (20, 24, 28), (8, 16, 12), rotate=True, flip=True)
        assert _crop(volume, geometry).shape == (1, 8, 16, 12)


def test_turned_crop_equals_the_crop_of_the_turned_volume() -> None:
    """Cutting first and turning later must equal the definition: turn the whole volume, then cut."""
    volume = torch.arange(6 * 8 * 3).reshape(1, 6, 8, 3)
    turned = torch.rot90(volume, 1, dims=(-3, -2))  # [1, 8, 6, 3]
    geometry = Geometry(start=(2, 1, 0), sides=(4, 5, 3), quarter_turns=1, flips=(False, False))
    # A quarter turn sends source column y to turned row 8 - 1 - y: source y in 1..5 is turned rows 2..6.
    assert torch.equal(_crop(volume, geometry), turned[:, 2:7, 2:6, :])


def test_flips_mirror_the_turned_crop() -> None:
    volume = torch.arange(24).reshape(1, 2, 3, 4)
    geometry = Geometry((0, 0, 0), (2, 3, 4), 0, (True, False))
    assert torch.equal(_crop(volume, geometry), volume.flip(1))


def test_small_case_is_centred_with_zero_for_images_and_edge_for_maps() -> None:
    volume = torch.full((1, 2, 4, 4), 7.0)
    geometry = draw_geometry(np.random.default_rng(0), (2, 4, 4), (5, 4, 4), rotate=False, flip=False)
    assert geometry.start == (-1, 0, 0)
    assert _crop(volume, geometry)[0, :, 0, 0].tolist() == [0, 7, 7, 0, 0]
    assert _crop(volume, geometry, repeat_edge=True)[0, :, 0, 0].tolist() == [7, 7, 7, 7, 7]


def test_every_position_of_the_crop_is_drawn() -> None:
    generator = np.random.default_rng(0)
    starts = {draw_geometry(generator, (6, 4, 4), (4, 4, 4), rotate=False, flip=False).start for _ in range(100)}
    assert starts == {(0, 0, 0), (1, 0, 0), (2, 0, 0)}


@pytest.mark.parametrize("shape", [(20, 24, 28), (6, 24, 5)])
def test_image_label_and_map_stay_aligned(shape: tuple[int, int, int]) -> None:
    volume = torch.randn(1, *shape) + 10
    geometry = draw_geometry(np.random.default_rng(3), shape, (16, 8, 8), rotate=True, flip=True)
    image, label = _crop(volume, geometry), _crop((volume > 10).to(torch.uint8), geometry)
    assert torch.equal((image > 10).to(torch.uint8), label)


def test_cut_reads_only_the_crop_of_an_array() -> None:
    volume = np.zeros((1, 20, 20, 20), np.float32)
    part = cut(volume, Geometry((3, 4, 5), (8, 8, 8), 0, (False, False)))
    assert part.shape == (1, 8, 8, 8)
    assert np.shares_memory(part, volume)
