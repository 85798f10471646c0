"""Networks with weights that let something through, and inputs made of noise."""

from __future__ import annotations

import torch


def settled(net, seed=0):
    """The network with random weights and statistics, nothing left at its start; evaluating."""
    draw = torch.Generator().manual_seed(seed)
    state = net.state_dict()
    for key, tensor in state.items():
        if not tensor.dtype.is_floating_point:
            continue
        made = torch.randn(tensor.shape, generator=draw)
        if tensor.ndim > 1:
            made *= (2 / tensor[0].numel()) ** 0.5
        elif key.rpartition(".")[2] in ("running_var", "weight"):
            made = torch.rand(tensor.shape, generator=draw) + 0.5
        else:
            made *= 0.2
        state[key] = made
    net.load_state_dict(state)
    return net.eval()


def noise(*shape, seed=1):
    """Normally distributed numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def near(found, wanted, share=1e-5):
    """Whether two tensors are equal but for rounding: a share of their largest value."""
    return found.shape == wanted.shape and bool(
        (found - wanted).abs().max() <= share * wanted.abs().max()
    )
