"""`pick` as its two files, and how far these are from the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nukki.nets.export import Outputs, Parity, Ports, export_shipped
from nukki.nets.pick import ASKED, PickDecoder, PickEncoder, PickNet

__all__ = ["DECODER", "ENCODER", "STORED_TOLERANCE", "export"]

_SEEN = ("fine", "middle", "coarse")
ENCODER = Ports({"image": ("n", 3, "h", "w")}, _SEEN)
DECODER = Ports(
    {
        "fine": ("n", 16, "h/2", "w/2"),
        "middle": ("n", 24, "h/4", "w/4"),
        "coarse": ("n", 48, "h/8", "w/8"),
        "question": ("n", ASKED, "h", "w"),
    },
    ("alpha", "score"),
)
STORED_TOLERANCE = 6e-3  # mean absolute difference of alphas, and a tenth of that of scores


def export(
    net: PickNet,
    targets: tuple[Path, Path],
    pictures: Sequence[NDArray[np.float32]],
    questions: Sequence[NDArray[np.float32]],
) -> tuple[Parity, Parity]:
    """Write encoder and decoder as ONNX.

    Args:
        net: Is put into evaluation mode.
        targets: The files to write; each appears whole or not at all.
        pictures: At least one crop, (1, 3, h, w) float32, h and w multiples of 32, to compare on.
        questions: One about each, (1, 4, h, w) float32.

    Raises:
        MissingExtra: If the packages onnx and onnxscript are not installed.
        ModelOutputError: If a file does not compute what the network does; it is not written.
        OutputError: If a file cannot be written.
    """
    encoder, decoder = PickEncoder(net.eval()), PickDecoder(net)
    with torch.inference_mode():
        seen = [[one.numpy() for one in encoder(torch.from_numpy(x))] for x in pictures]
    asked = [
        {**dict(zip(_SEEN, maps, strict=True)), "question": question}
        for maps, question in zip(seen, questions, strict=True)
    ]
    shown = [{"image": picture} for picture in pictures]
    return (
        # The encoder is small, and everything comes after it: float16 will do, int8 will not.
        export_shipped(encoder, targets[0], shown, ENCODER, _share, STORED_TOLERANCE / 6),
        export_shipped(decoder, targets[1], asked, DECODER, _distance, STORED_TOLERANCE),
    )


def _share(given: Outputs, wanted: Outputs) -> float:
    """The largest mean difference of a map, beside the mean of its own values."""
    return max(
        float(np.abs(given[name] - wanted[name]).mean() / (np.abs(wanted[name]).mean() + 1e-6))
        for name in _SEEN
    )


def _distance(given: Outputs, wanted: Outputs) -> float:
    """Mean absolute difference of the alphas, or a tenth of that of the scores if that is more."""
    alpha = float(np.abs(given["alpha"] - wanted["alpha"]).mean())
    return max(alpha, 0.1 * float(np.abs(given["score"] - wanted["score"]).mean()))
