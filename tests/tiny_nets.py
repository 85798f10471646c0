"""A published network in small, known under the name `tiny` where a test asks for it."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import torch
from torch import nn

from nukki import convert as converting
from nukki.nets import registry, shipped
from nukki.nets.export import graph
from nukki.nets.published import Published


class Tiny(nn.Module):
    """Two maps in 0..1, of which the first ships; sides are multiples of 8."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.up = nn.ConvTranspose2d(8, 1, 2, stride=2)

    def forward(self, x):
        y = self.up(torch.relu(self.norm(self.down(x))))
        return y.sigmoid(), x.mean(1, keepdim=True)


def settled(seed=0):
    """The network with weights and statistics drawn at random; evaluating."""
    torch.manual_seed(seed)
    net = Tiny()
    torch.nn.init.normal_(net.norm.running_mean)
    torch.nn.init.uniform_(net.norm.running_var, 0.5, 1.5)
    return net.eval()


def known(monkeypatch):
    """Make `tiny` the name of a published network, whose conversion leaves nothing to clear up."""
    monkeypatch.setattr(converting, "gc", SimpleNamespace(collect=lambda: 0))
    table = {"tiny": Published(Tiny, prefixes=("module.",))}
    real = registry.published

    def published(name):
        return table[name] if name in table else real(name)

    monkeypatch.setattr(registry, "published", published)
    monkeypatch.setattr(registry, "NAMES", ("tiny",))
    ship = shipped.Shipped("u2netp", multiple=8, least=8, sizes=((24, 40), (32, 16)))
    monkeypatch.setitem(shipped.SHIPPED, "tiny", ship)


def state(seed=0):
    """The state dict of a checkpoint of `tiny`."""
    return {f"module.{key}": value for key, value in settled(seed).state_dict().items()}


@functools.cache
def _graph():
    example = {"image": torch.zeros(2, 3, 32, 16)}
    return graph(shipped.Chosen(settled(), 0), example, shipped.ports_of("tiny"))


def traced_once(monkeypatch):
    """Let conversions of `tiny` with the weights of `state()` share a graph."""
    monkeypatch.setattr(converting, "graph", lambda *_: _graph())
