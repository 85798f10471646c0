"""Make tests/nets/hub_golden.npz: what other code computes with the small networks of the tests.

    python scripts/golden_hub.py --sam FOLDER_OF_segment-anything

Run it where an early release of transformers is installed (4.46.3 made the file that is committed),
whose names are those of the publishers' files; SAM is run by its authors' code. Weights are drawn
by tests/nets/parity/weights.py from their names, so the file holds names, shapes and answers only.
"""

from __future__ import annotations

import argparse
import json
import sys
import types
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
SEED = 20261121
SIZES = {"mask2former-swin-t": (3, 64, 96), "vitmatte-s": (4, 96, 64), "sam-vit-b": (3, 64, 64)}
PROMPTS: list[tuple[list[list[float]], list[int], list[float] | None]] = [
    ([[10.0, 20.0]], [1], None),
    ([[10.0, 20.0], [3.0, 50.0]], [1, 0], None),
    ([[5.0, 6.0]], [0], [3.0, 4.0, 50.0, 60.0]),
]


def _draws() -> Any:
    sys.path.insert(0, str(ROOT / "tests" / "nets" / "parity"))
    import weights

    return weights


def mask2former() -> nn.Module:
    """As tests/hub_nets.py has it."""
    import transformers

    swin = transformers.SwinConfig(
        image_size=64,
        embed_dim=8,
        depths=[2, 1, 1, 1],
        num_heads=[1, 2, 2, 2],
        window_size=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = transformers.Mask2FormerConfig(
        backbone_config=swin,
        num_queries=7,
        num_labels=80,
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=32,
        dim_feedforward=32,
        encoder_layers=1,
        decoder_layers=4,
        num_attention_heads=2,
    )
    return transformers.Mask2FormerForUniversalSegmentation(config)


def vitmatte() -> nn.Module:
    """As tests/hub_nets.py has it."""
    import transformers

    vit = transformers.VitDetConfig(
        num_channels=4,
        image_size=512,
        pretrain_image_size=224,
        hidden_size=24,
        num_attention_heads=2,
        num_hidden_layers=3,
        use_absolute_position_embeddings=True,
        use_relative_position_embeddings=True,
        window_size=3,
        window_block_indices=[0, 1],
        residual_block_indices=[2],
        out_features=["stage3"],
    )
    config = transformers.VitMatteConfig(
        backbone_config=vit,
        hidden_size=24,
        convstream_hidden_sizes=[4, 6, 8],
        fusion_hidden_sizes=[8, 6, 4, 4],
    )
    return transformers.VitMatteForImageMatting(config)


def sam(folder: Path) -> nn.Module:
    """As tests/hub_nets.py has it, of the authors' modules; their package wants torchvision."""
    package = types.ModuleType("segment_anything")
    package.__path__ = [str(folder / "segment_anything")]
    sys.modules["segment_anything"] = package
    from segment_anything.modeling.image_encoder import ImageEncoderViT
    from segment_anything.modeling.mask_decoder import MaskDecoder
    from segment_anything.modeling.prompt_encoder import PromptEncoder
    from segment_anything.modeling.transformer import TwoWayTransformer

    net = nn.Module()
    net.image_encoder = ImageEncoderViT(
        depth=2,
        embed_dim=16,
        img_size=64,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        num_heads=2,
        use_rel_pos=True,
        global_attn_indexes=(1,),
        window_size=3,
        out_chans=16,
    )
    net.prompt_encoder = PromptEncoder(
        embed_dim=16, image_embedding_size=(4, 4), input_image_size=(64, 64), mask_in_chans=4
    )
    net.mask_decoder = MaskDecoder(
        transformer_dim=16,
        transformer=TwoWayTransformer(depth=2, embedding_dim=16, num_heads=2, mlp_dim=16),
        iou_head_hidden_dim=16,
    )
    return net


def drawn(net: nn.Module, weights: Any) -> list[tuple[str, list[int]]]:
    """Fill a network; (name, shape) of what was drawn."""
    keys = []
    for key, value in net.state_dict().items():
        if not value.is_floating_point() or key.endswith("empty_weight"):
            continue
        shape = list(value.shape)
        kind = weights.kind_of(key, shape, "float32")
        value.copy_(torch.from_numpy(weights.tensor(SEED, key, shape, kind)))
        keys.append((key, shape))
    net.eval()
    return keys


def answers(name: str, net: Any, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Outputs by name."""
    if name == "mask2former-swin-t":
        found = net(pixel_values=x)
        return {"classes": found.class_queries_logits, "masks": found.masks_queries_logits}
    if name == "vitmatte-s":
        return {"alpha": net(pixel_values=x).alphas}
    result = {"embedding": net.image_encoder(x)}
    for number, (points, labels, box) in enumerate(PROMPTS):
        sparse, dense = net.prompt_encoder(
            points=(torch.tensor([points]), torch.tensor([labels])),
            boxes=None if box is None else torch.tensor([box]),
            masks=None,
        )
        masks, scores = net.mask_decoder(
            image_embeddings=result["embedding"],
            image_pe=net.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
        result |= {f"masks{number}": masks, f"scores{number}": scores}
    return result


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sam", type=Path, required=True)
    args = parser.parse_args()
    weights = _draws()
    nets = {
        "mask2former-swin-t": mask2former(),
        "vitmatte-s": vitmatte(),
        "sam-vit-b": sam(args.sam),
    }
    content: dict[str, Any] = {}
    told: dict[str, Any] = {"seed": SEED, "prompts": PROMPTS, "sizes": SIZES, "keys": {}}
    for name, net in nets.items():
        told["keys"][name] = drawn(net, weights)
        size = SIZES[name]
        x = weights.normal(SEED, f"input of {name}", int(np.prod(size))).reshape(1, *size)
        with torch.inference_mode():
            given = answers(name, net, torch.from_numpy(x.astype(np.float32)))
        content |= {f"{name}/{key}": value.numpy() for key, value in given.items()}
    content["told"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    np.savez_compressed(ROOT / "tests" / "nets" / "hub_golden.npz", **content)


if __name__ == "__main__":
    main()
