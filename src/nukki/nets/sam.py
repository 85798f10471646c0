"""Segment Anything, ViT-B.

Kirillov et al., "Segment anything", ICCV 2023; as the library transformers defines it, with the
names and constants of the authors' repository (facebookresearch/segment-anything).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nukki.nets.hub import library, named_as_now
from nukki.nets.published import Published

__all__ = ["PUBLISHED", "Sam", "SamDecoder", "SamEncoder"]

_NONE = -1  # what a place stands for that is no prompt; others are 0 … 3


class Sam(nn.Module):
    """A network that sees a picture once and is asked about it by places.

    Args:
        vision: Of the library's configuration of the encoder.
        prompt: Of that of the prompts.
        decoder: Of that of the decoder.
    """

    def __init__(
        self,
        vision: Mapping[str, Any] | None = None,
        prompt: Mapping[str, Any] | None = None,
        decoder: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        transformers = library()
        config = transformers.SamConfig(
            vision_config=transformers.SamVisionConfig(**(vision or {})),
            prompt_encoder_config=transformers.SamPromptEncoderConfig(**(prompt or {})),
            # The authors' norms of the decoder have torch's default, the library's another.
            mask_decoder_config=transformers.SamMaskDecoderConfig(
                layer_norm_eps=1e-5, **(decoder or {})
            ),
        )
        # Not "eager", which keeps several tables of 4096 × 4096 places for each head.
        config._attn_implementation = "sdpa"
        self.net = transformers.SamModel(config)
        # The same matrix under another name.
        self.net.prompt_encoder.shared_embedding = nn.Identity()

    def forward(
        self, image: Tensor, points: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Embedding, masks and predicted IoU; see `SamEncoder` and `SamDecoder`."""
        embedding = SamEncoder(self)(image)
        return (embedding, *SamDecoder(self)(embedding, points, labels))


class SamEncoder(nn.Module):
    """What sees the picture.

    Args:
        sam: The whole network.
    """

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.encoder = sam.net.vision_encoder

    def forward(self, image: Tensor) -> Tensor:
        """The embedding (n, 256, 64, 64) of pictures (n, 3, 1024, 1024)."""
        embedding: Tensor = self.encoder(image).last_hidden_state
        return embedding


class SamDecoder(nn.Module):
    """What answers.

    Args:
        sam: The whole network.
    """

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.net = sam.net
        self.side = sam.net.config.prompt_encoder_config.image_size

    def forward(self, embedding: Tensor, points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Three guesses at what is meant.

        Args:
            embedding: (1, 256, 64, 64), of `SamEncoder`.
            points: (1, n, 2), x and y in pixels of the encoder's picture.
            labels: (1, n): beside the thing (0), on it (1), its box's first (2) and last corner
                (3), no place (-1).

        Returns:
            Logits of masks (1, 3, 256, 256) and their predicted IoU (1, 3).
        """
        prompts = self.net.prompt_encoder
        position = self.net.shared_image_embedding((points + 0.5) / self.side)
        kinds = torch.stack([one.weight[0] for one in prompts.point_embed])
        kind = labels[..., None].clamp(0).long()
        place = position + (kinds * (kind == torch.arange(len(kinds)))[..., None]).sum(-2)
        place = torch.where(labels[..., None] == _NONE, prompts.not_a_point_embed.weight, place)
        masks, scores = self.net.mask_decoder(
            image_embeddings=embedding,
            image_positional_embeddings=self.net.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=place[:, None],
            dense_prompt_embeddings=prompts.no_mask_embed.weight[..., None, None],
            multimask_output=True,
        )
        return masks[:, 0], scores[:, 0]


_MLP = {"0": "proj_in", "1": "layers.0", "2": "proj_out"}
_RENAMES = (
    (r"^image_encoder\.", "vision_encoder."),
    (r"^vision_encoder\.patch_embed\.proj\.", "vision_encoder.patch_embed.projection."),
    (r"^vision_encoder\.blocks\.", "vision_encoder.layers."),
    (r"\.neck\.0\.", ".neck.conv1."),
    (r"\.neck\.1\.", ".neck.layer_norm1."),
    (r"\.neck\.2\.", ".neck.conv2."),
    (r"\.neck\.3\.", ".neck.layer_norm2."),
    (
        r"^prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix$",
        "shared_image_embedding.positional_embedding",
    ),
    (r"\.point_embeddings\.", ".point_embed."),
    (r"\.mask_downscaling\.0\.", ".mask_embed.conv1."),
    (r"\.mask_downscaling\.1\.", ".mask_embed.layer_norm1."),
    (r"\.mask_downscaling\.3\.", ".mask_embed.conv2."),
    (r"\.mask_downscaling\.4\.", ".mask_embed.layer_norm2."),
    (r"\.mask_downscaling\.6\.", ".mask_embed.conv3."),
    (r"\.output_upscaling\.0\.", ".upscale_conv1."),
    (r"\.output_upscaling\.1\.", ".upscale_layer_norm."),
    (r"\.output_upscaling\.3\.", ".upscale_conv2."),
    *(
        (
            rf"\.(iou_prediction_head|output_hypernetworks_mlps\.\d+)\.layers\.{place}\.",
            rf".\1.{to}.",
        )
        for place, to in _MLP.items()
    ),
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
    (r"\.norm(\d)\.", r".layer_norm\1."),
)
# The authors' mean and deviation, which some copies of the file hold.
PUBLISHED = {
    "sam-vit-b": Published(
        Sam, ignored=(r"pixel_(mean|std)$",), renames=_RENAMES, translate=named_as_now
    )
}
