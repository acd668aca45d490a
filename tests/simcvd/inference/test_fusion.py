from collections.abc import Callable

import torch
from torch import nn

from simcvd.inference.fusion import for_inference
from simcvd.networks.base import Segmenter


def test_folded_batch_norm_gives_the_same_logits(make_network: Callable[..., Segmenter]) -> None:
    network = make_network()
    image = torch.randn(2, 1, 16, 32, 16, generator=torch.Generator().manual_seed(0))
    folded = for_inference(network)
    with torch.no_grad():
        torch.testing.assert_close(folded(image), network(image), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm3d) for module in folded.modules())


def test_the_network_itself_stays_as_it_is(make_network: Callable[..., Segmenter]) -> None:
    network = make_network().train()
    network.network.encoder[0].eval()
    modes = [module.training for module in network.modules()]
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert not for_inference(network).training
    assert [module.training for module in network.modules()] == modes
    assert all(parameter.requires_grad for parameter in network.parameters())
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, state[name])
