"""The networks that transformers defines in small, in the place of the real ones where asked for.

Their weights are drawn; those that the library begins with 0 too, or nothing would depend on them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from nukki.nets import registry, shipped
from nukki.nets.mask2former import Mask2Former
from nukki.nets.sam import Sam
from nukki.nets.vitmatte import ViTMatte

SAM_SIDE = 64
# Graphs of one size are traced in a fifth of the time; a slow test makes those of any size.
SIZES = {"mask2former-swin-t": (384, 384), "vitmatte-s": (160, 224), "sam-vit-b": (64, 64)}


def mask2former(layers: int = 3) -> nn.Module:
    """Windows of 2, two queries more than classes of COCO would fill; a layer for each level."""
    swin = (8, (2, 1, 1, 1), (1, 2, 2, 2), 2, 64)
    return Mask2Former(
        swin,
        queries=7,
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=32,
        dim_feedforward=32,
        encoder_layers=1,
        decoder_layers=layers + 1,  # one is the library's word for the queries before any layer
        num_attention_heads=2,
    )


def vitmatte() -> nn.Module:
    """Two blocks with windows, one without."""
    return ViTMatte(
        24, 2, 3, window=3, convstream_hidden_sizes=[4, 6, 8], fusion_hidden_sizes=[8, 6, 4, 4]
    )


def sam(layers: int = 2) -> nn.Module:
    """Sees 64 × 64 pixels."""
    vision = {
        "hidden_size": 16,
        "output_channels": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SAM_SIDE,
        "window_size": 3,
        "global_attn_indexes": [1],
        "num_pos_feats": 8,
    }
    prompt = {"hidden_size": 16, "image_size": SAM_SIDE, "mask_input_channels": 4}
    decoder = {
        "hidden_size": 16,
        "mlp_dim": 16,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": 16,
    }
    return Sam(vision, prompt, decoder)


SMALL = {"mask2former-swin-t": mask2former, "vitmatte-s": vitmatte, "sam-vit-b": sam}
# The same with one layer in their decoders, for graphs: these are traced in half of the time.
LEAST = {**SMALL, "mask2former-swin-t": partial(mask2former, 1), "sam-vit-b": partial(sam, 1)}
_FURTHER = re.compile(r"(transformer_module\.decoder|mask_decoder\.transformer)\.layers\.[12]\.")


def has_least(key: str) -> bool:
    """Whether the networks with one layer have a tensor too, by the publishers' name for it."""
    return _FURTHER.search(key) is None


def settled(name: str, seed: int = 0) -> nn.Module:
    """A small network with weights drawn at random; evaluating."""
    torch.manual_seed(seed)
    net = SMALL[name]()
    with torch.no_grad():
        for key, value in net.state_dict().items():
            if key.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif value.is_floating_point() and "norm" in key and key.endswith("weight"):
                value.uniform_(0.7, 1.3)
            elif value.is_floating_point() and "empty_weight" not in key:
                fan = value[0].numel() if value.ndim > 1 else 4
                value.normal_(std=max(fan, 1) ** -0.5)
    return net.eval()


def known(monkeypatch, builds=SMALL, *, any_size: bool = False) -> None:
    """Let the names of the real networks stand for the small ones.

    Args:
        monkeypatch: Undoes it.
        builds: What makes each: `SMALL` or `LEAST`.
        any_size: Whether graphs take pictures of any size where the real ones do.
    """
    real = registry.published

    def published(name):
        found = real(name)
        return replace(found, build=builds[name]) if name in builds else found

    monkeypatch.setattr(registry, "published", published)
    for name, size in SIZES.items():
        if not any_size or name == "sam-vit-b":
            ship = replace(shipped.SHIPPED[name], batch=False, sizes=(size,))
            monkeypatch.setitem(shipped.SHIPPED, name, ship)
    monkeypatch.setattr(registry, "NAMES", tuple(SMALL))
