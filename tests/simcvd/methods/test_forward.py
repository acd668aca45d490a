from collections.abc import Callable

import torch

from simcvd.config import TrialConfig
from simcvd.draws import Draws
from simcvd.methods.base import Batch
from simcvd.methods.forward import Outputs, forward_together, noisy, without_autocast
from simcvd.networks.base import Features
from simcvd.networks.build import build_network

MakeConfig = Callable[..., TrialConfig]
MakeBatch = Callable[..., Batch]


def test_outputs_are_float32_and_of_the_asked_crops() -> None:
    logits = torch.randn(3, 2, 1, 1, 2, generator=torch.Generator().manual_seed(0)).bfloat16()
    outputs = Outputs.of(Features(logits, logits[:, :1], logits), slice(1, None))
    assert outputs.sdm is not None
    assert outputs.logits.dtype == outputs.probs.dtype == outputs.sdm.dtype == torch.float32
    assert len(outputs.logits) == len(outputs.sdm) == len(outputs.bottleneck) == 2
    torch.testing.assert_close(outputs.probs.sum(1), torch.ones(2, 1, 1, 2))
    torch.testing.assert_close(outputs.probs, logits[1:].float().softmax(1))


def test_labelled_and_unlabelled_crops_are_one_batch(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    network, batch = build_network(make_config(), 1, 2), make_batch()
    assert batch.image_unlabeled is not None
    labeled, unlabeled = forward_together(network, batch.image_labeled, batch.image_unlabeled, Draws(0, 0), "student")
    together = torch.cat((batch.image_labeled, batch.image_unlabeled))
    expected = build_network(make_config(), 1, 2)
    expected.load_state_dict(network.state_dict())
    logits = expected(together, Draws(0, 0), "student", (2, 2)).logits
    assert unlabeled is not None
    torch.testing.assert_close(torch.cat((labeled.logits, unlabeled.logits)), logits, rtol=0, atol=2e-3)


def test_without_unlabelled_crops_there_are_no_outputs_of_them(make_config: MakeConfig, make_batch: MakeBatch) -> None:
    labeled, unlabeled = forward_together(
        build_network(make_config(), 1, 2), make_batch().image_labeled, None, Draws(0, 0), "student"
    )
    assert len(labeled.logits) == 2
    assert unlabeled is None


def test_noise_is_clipped_and_another_name_is_another_draw(make_config: MakeConfig) -> None:
    config, image = make_config({"noise.std": 0.1, "noise.clip": 0.15}), torch.ones(1, 1, 16, 16, 16)
    one, same, other = (noisy(image, config, Draws(0, 0), name) - 1 for name in ("a", "a", "b"))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert abs(one.abs().max().item() - 0.15) < 1e-6
    assert 0.08 < one.std().item() < 0.1


def test_losses_leave_the_callers_autocast() -> None:
    ones = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16), without_autocast(ones):
        assert (ones @ ones).dtype == torch.float32
