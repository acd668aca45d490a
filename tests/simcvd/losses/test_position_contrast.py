import math
from itertools import combinations

import pytest
import torch
from scipy.special import logsumexp
from torch import Tensor

from simcvd.losses.position_contrast import partitions_of, position_contrast

PARTITION = torch.tensor([[0, 1, 1], [1, 1, 2], [0, 2, 3], [3, 0, 1]])
"""Four volumes of three slices: some parts twice in one volume, none of them in all."""


def _random(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)


def _by_pairs(views: tuple[Tensor, Tensor], partition: Tensor, temperature: float) -> float:
    """Sec. 3 and 3.1 word by word, in double precision."""
    volumes, slices = partition.shape
    places = [(i, s) for i in range(volumes) for s in range(slices)]
    images = [(view, i, s) for view in (0, 1) for i, s in places]

    def similarity(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
        x, y = (views[view][i, s].double() for view, i, s in (a, b))
        return (x @ y / (x.norm() * y.norm())).item() / temperature

    def cost(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
        others = [similarity(a, n) for n in images if partition[n[1:]] != partition[a[1:]]]
        return float(logsumexp([similarity(a, b), *others])) - similarity(a, b)

    pairs = [((0, i, s), (1, i, s)) for i, s in places]
    for view in (0, 1):
        for (i, s), (j, r) in combinations(places, 2):
            if i != j and partition[i, s] == partition[j, r]:
                pairs.append(((view, i, s), (view, j, r)))
    return sum(cost(a, b) + cost(b, a) for a, b in pairs) / len(pairs)


def test_slices_of_a_left_atrium_crop_fall_into_parts_worked_by_hand() -> None:
    """80 of 88 slices from the 4th: the bottleneck's centres are 12, 28, 44, 60 and 76 of 88.

    In parts of the volume 0.14, 0.32, 0.5, 0.68 and 0.86, so the parts of 4 are 0, 1, 2, 2 and 3.
    """
    depth = torch.tensor([[4 / 88, 84 / 88]])
    assert partitions_of(depth, 5, 4).tolist() == [[0, 1, 2, 2, 3]]


def test_slices_in_the_padding_belong_to_the_nearest_part() -> None:
    """A case of 16 slices in the middle of a crop of 64: centres at -1, 0, 1 and 2 of it."""
    depth = torch.tensor([[-1.5, 2.5]])
    assert partitions_of(depth, 4, 4).tolist() == [[0, 0, 3, 3]]


def test_position_contrast_of_two_volumes_worked_by_hand() -> None:
    """Part 0 is (1, 0) and part 1 is (0, 1), in both volumes and views; tau = 0.5.

    Every positive has exponent 2, the 4 negatives 0: ln(1 + 4 exp(-2)) = 0.432653, both directions 0.865306.
    """
    rows = torch.eye(2).expand(2, 2, 2)
    partition = torch.tensor([[0, 1], [0, 1]])
    assert position_contrast(rows, rows, partition, 0.5).item() == pytest.approx(0.865306, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_position_contrast_equals_loops_over_the_papers_pairs(temperature: float) -> None:
    views = _random(4, 3, 5)
    value = position_contrast(*views, PARTITION, temperature)
    assert value.item() == pytest.approx(_by_pairs(views, PARTITION, temperature), rel=1e-5)


def test_position_contrast_of_equal_rows_is_chance() -> None:
    """Two parts with 3 rows each in each view: 6 negatives."""
    rows = torch.ones(3, 2, 4)
    partition = torch.tensor([[0, 1]] * 3)
    assert position_contrast(rows, rows, partition, 0.1).item() == pytest.approx(2 * math.log(7), abs=1e-5)


def test_position_contrast_is_the_same_for_swapped_views_reordered_volumes_and_longer_rows() -> None:
    first, second = _random(4, 3, 5)
    expected = position_contrast(first, second, PARTITION, 0.1)
    torch.testing.assert_close(position_contrast(second, first, PARTITION, 0.1), expected)
    torch.testing.assert_close(position_contrast(first.flip(0), second.flip(0), PARTITION.flip(0), 0.1), expected)
    torch.testing.assert_close(position_contrast(3 * first, 0.1 * second, PARTITION, 0.1), expected)


def test_position_contrast_trains_both_views() -> None:
    views = [rows.requires_grad_() for rows in _random(4, 3, 5)]
    position_contrast(*views, PARTITION, 0.1).backward()
    for rows in views:
        assert rows.grad is not None
        assert (rows.grad.norm(dim=2) > 0).all()


def test_position_contrast_without_negatives_is_zero_with_a_zero_gradient() -> None:
    views = [rows.requires_grad_() for rows in _random(2, 3, 5)]
    value = position_contrast(*views, torch.ones(2, 3, dtype=torch.long), 0.1)
    value.backward()
    assert value.item() == 0
    for rows in views:
        assert rows.grad is not None
        assert rows.grad.abs().max() == 0


def test_position_contrast_of_rows_without_length_has_a_finite_gradient() -> None:
    first, second = torch.zeros(4, 3, 5, requires_grad=True), _random(4, 3, 5)[1]
    position_contrast(first, second, PARTITION, 0.1).backward()
    assert first.grad is not None
    assert first.grad.isfinite().all()


def test_position_contrast_stays_float32_under_autocast() -> None:
    first, second = _random(4, 3, 5)
    expected = position_contrast(first, second, PARTITION, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        assert position_contrast(first, second, PARTITION, 0.1).item() == expected.item()
        assert position_contrast(first.bfloat16(), second.bfloat16(), PARTITION, 0.1).dtype == torch.float32


def test_position_contrast_of_two_workers_is_that_of_all_their_volumes() -> None:
    whole = [rows.requires_grad_() for rows in _random(4, 3, 5)]
    expected = position_contrast(*whole, PARTITION, 0.1)
    expected.backward()

    shared = [rows.requires_grad_() for rows in _random(4, 3, 5)]
    parts = (slice(0, 2), slice(2, 4))
    sent: list[Tensor] = []
    for part in parts:
        position_contrast(
            shared[0][part], shared[1][part], PARTITION[part], 0.1, lambda rows: sent.append(rows) or rows
        )
    gathered = torch.cat(sent)
    losses = [
        position_contrast(shared[0][part], shared[1][part], PARTITION[part], 0.1, lambda _: gathered) for part in parts
    ]
    (sum(losses) / 2).backward()
    for loss in losses:
        torch.testing.assert_close(loss, expected)
    for rows, expected_rows in zip(shared, whole, strict=True):
        torch.testing.assert_close(rows.grad, expected_rows.grad)


def test_position_contrast_refuses_other_shapes() -> None:
    first, second = _random(4, 3, 5)
    with pytest.raises(ValueError, match=r"expected \[B, Z, F\] twice"):
        position_contrast(first, second[:, :2], PARTITION, 0.1)
    with pytest.raises(ValueError, match=r"expected \[B, Z, F\] twice"):
        position_contrast(first, second, PARTITION[:2], 0.1)
