import numpy as np
import pytest
import torch
from torch import Tensor

from simcvd.networks.contrast_heads import RegionHead, SliceHead, regions_in


def _seeded(make: type[SliceHead] | type[RegionHead], *sizes: int) -> SliceHead | RegionHead:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*sizes)


def _volume(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def test_slice_head_maps_the_average_of_each_slice() -> None:
    head = _seeded(SliceHead, 6, 5, 4)
    volume = _volume(2, 6, 3, 2, 4)
    rows = head(volume)
    assert rows.shape == (2, 4, 4)
    first, last = (head.layers[layer].weight.detach().numpy() for layer in (0, 2))
    for b in range(2):
        for z in range(4):
            average = volume[b, :, :, :, z].numpy().reshape(6, -1).mean(1)
            expected = last @ np.maximum(first @ average, 0)
            np.testing.assert_allclose(rows[b, z].detach().numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(7, 6, 4), (6, 4, 5)])
def test_region_head_equals_convolutions_of_the_regions(shape: tuple[int, int, int]) -> None:
    """The definition, region by region: K = 2, places number the whole regions, X slowest, Z fastest."""
    head = _seeded(RegionHead, 3, 2, 4)
    volume = _volume(2, 3, *shape)
    grid = [(x, y, z) for x in range(shape[0] // 2) for y in range(shape[1] // 2) for z in range(shape[2] // 2)]
    assert regions_in(shape, 2) == len(grid)
    places = torch.tensor([len(grid) - 1, 0, 5])
    rows = head(volume, places)
    assert rows.shape == (2, 3, 4)

    array = volume.double().numpy()
    first, second, whole = (layer.weight.detach().double().numpy() for layer in (head.first, head.second, head.whole))
    regions = {}
    for b in range(2):
        for a, place in enumerate(places.tolist()):
            x, y, z = (2 * corner for corner in grid[place])
            regions[b, a] = np.einsum("oc,cxyz->oxyz", first, array[b, :, x : x + 2, y : y + 2, z : z + 2])
    together = np.stack(list(regions.values()))
    mean, variance = (moment(axis=(0, 2, 3, 4), keepdims=True)[0] for moment in (together.mean, together.var))
    for (b, a), region in regions.items():
        hidden = np.maximum((region - mean) / np.sqrt(variance + 1e-5), 0)
        expected = whole @ np.einsum("oc,cxyz->xyzo", second, hidden).reshape(-1)
        np.testing.assert_allclose(rows[b, a].detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_region_head_reads_no_other_voxel() -> None:
    head = _seeded(RegionHead, 3, 3, 4)
    volume = torch.full((2, 3, 6, 6, 7), torch.nan)
    volume[:, :, 3:6, 0:3, 3:6] = 1.0
    assert head(volume, torch.tensor([5])).isfinite().all()


def test_region_head_gives_each_region_its_own_gradient() -> None:
    head = _seeded(RegionHead, 3, 3, 4)
    volume = _volume(2, 3, 6, 6, 6).requires_grad_()
    head(volume, torch.tensor([0, 7])).square().sum().backward()
    assert volume.grad is not None
    touched = (volume.grad != 0).any(1)
    expected = torch.zeros(2, 6, 6, 6, dtype=torch.bool)
    expected[:, :3, :3, :3] = expected[:, 3:, 3:, 3:] = True
    assert torch.equal(touched, expected)


def test_heads_compute_in_float32_under_autocast() -> None:
    slices, regions = _seeded(SliceHead, 3, 5, 4), _seeded(RegionHead, 3, 2, 4)
    volume, places = _volume(2, 3, 4, 4, 4), torch.tensor([1, 3])
    expected = slices(volume), regions(volume, places)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(slices(volume), expected[0])
        assert torch.equal(regions(volume, places), expected[1])
        assert slices(volume.bfloat16()).dtype == regions(volume.bfloat16(), places).dtype == torch.float32
