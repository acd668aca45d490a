import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from simcvd.draws import Draws
from simcvd.networks.projection import ProjectionHead, alpha_dropout, averaging_matrix


def volume(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def naive(head: ProjectionHead, x: Tensor) -> Tensor:
    pool = {"average": F.adaptive_avg_pool2d, "max": F.adaptive_max_pool2d}[head.pooling]
    rows = []
    for case in x:
        for z in range(case.shape[2]):
            pooled: Tensor = pool(case[None, None, :, :, z], head.pool_size)  # type: ignore[assignment]
            rows.append(head.rest(head.first(pooled.flatten())))
    return torch.stack(rows).view(len(x), x.shape[3], -1)


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("pool_size", [2, 5, 7, 24])  # shrinks, mixed, own size, enlarges with pooled weights
def test_rows_are_those_of_slice_by_slice_pooling(pooling: str, pool_size: int) -> None:
    head = ProjectionHead(pool_size, pooling, (16, 8), 6).eval()  # type: ignore[arg-type]
    x, reference = (volume(2, 7, 5, 3).requires_grad_() for _ in range(2))
    target = torch.randn(2, 3, 6)

    rows = head(x)
    expected = naive(head, reference)

    assert rows.shape == (2, 3, 6)
    torch.testing.assert_close(rows, expected)
    weights = list(head.parameters())
    found = torch.autograd.grad((rows * target).sum(), [x, *weights])
    wanted = torch.autograd.grad((expected * target).sum(), [reference, *weights])
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_pooled_weights_and_pooled_slices_agree() -> None:
    head = ProjectionHead(12, hidden=(16, 8), features=4).eval()
    few, many = volume(1, 6, 4, 2), volume(64, 6, 4, 2)
    many[:1] = few

    torch.testing.assert_close(head(many)[:1], head(few))


@pytest.mark.parametrize(("side", "pooled"), [(5, 3), (3, 5), (4, 4), (112, 128)])
def test_averaging_matrix_is_adaptive_average_pooling(side: int, pooled: int) -> None:
    x = volume(1, 1, side)

    torch.testing.assert_close(x @ averaging_matrix(side, pooled).T, F.adaptive_avg_pool1d(x, pooled))


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(rate: float) -> None:
    generator = torch.Generator().manual_seed(0)
    x, uniform = torch.randn(400_000, generator=generator), torch.rand(400_000, generator=generator)

    out = alpha_dropout(x, rate, uniform)

    assert out.mean().item() == pytest.approx(0, abs=0.01)
    assert out.var().item() == pytest.approx(1, abs=0.01)


def test_alpha_dropout_is_torchs_own_value_by_value() -> None:
    x = torch.full((1000,), 3.0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        dropped, kept = sorted(set(F.alpha_dropout(x, 0.2, training=True).tolist()))

    out = alpha_dropout(x[:2], 0.2, torch.tensor([0.19, 0.2]))

    assert out.tolist() == pytest.approx([dropped, kept], rel=1e-6)


def test_alpha_dropout_at_rate_0_is_the_identity() -> None:
    x = volume(3)

    assert alpha_dropout(x, 0.0, torch.zeros(3)) is x


def test_dropout_acts_in_training_mode_only_and_by_name() -> None:
    head = ProjectionHead(4, hidden=(8, 8), features=4, dropout=0.3)
    x, draws = volume(2, 4, 4, 2), Draws(0, 0)

    assert torch.equal(head(x, draws, "student"), head(x, draws, "student"))
    assert not torch.equal(head(x, draws, "student"), head(x, draws, "teacher"))
    head.eval()
    assert torch.equal(head(x, draws, "student"), head(x))


def test_dropout_without_draws_is_refused() -> None:
    with pytest.raises(ValueError, match="draws"):
        ProjectionHead(4, hidden=(8, 8))(volume(1, 4, 4, 2))


def test_autocast_leaves_it_in_float32() -> None:
    head = ProjectionHead(4, hidden=(8, 8)).eval()
    x = volume(1, 4, 4, 2).bfloat16()

    with torch.autocast("cpu", torch.bfloat16):
        rows = head(x)

    assert rows.dtype == torch.float32
    assert torch.equal(rows, head(x.float()))
