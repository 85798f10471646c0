"""`subject` less most of what its encoder repeats: a third of the time to train and to trace."""

from __future__ import annotations

from torch import nn

from nukki.nets.subject import SubjectNet


def short_subject():
    """`SubjectNet` with the residuals of its first stage alone; names and shapes are its own."""
    net = SubjectNet()
    for number, block in enumerate(net.enc.blocks):
        if block.residual and number > 3:
            net.enc.blocks[number] = nn.Identity()
    return net
