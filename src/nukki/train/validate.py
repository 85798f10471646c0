"""How good a network is while it is trained, on the pictures kept for that.

The measures are those of `nukki evaluate`; the last word is its own, on the exported file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from nukki.errors import InputError, NukkiError
from nukki.ops import curves, metrics
from nukki.ops.alpha import quantise
from nukki.ops.grid import enlarge, fit
from nukki.ops.structure import s_alpha
from nukki.train.data import Pairs, input_spec, load_pair, named
from nukki.train.stream import BAD_HINT

__all__ = ["Scores", "validate"]


@dataclass(frozen=True)
class Scores:
    """Of a network on a set of pictures, as in `nukki evaluate`.

    Attributes:
        max_f_beta: Of the set's curve, 0..1; NaN without a subject in any picture.
        mae: Mean absolute error, 0..1.
        s_alpha: Structure measure, 0..1.
        iou: Of the masks at a half, 0..1.
    """

    max_f_beta: float
    mae: float
    s_alpha: float
    iou: float


def validate(net: nn.Module, pairs: Pairs, grid: tuple[int, int], device: torch.device) -> Scores:
    """Judge a network on whole pictures.

    Args:
        net: A `SubjectNet`; it is put into evaluation mode.
        pairs: At least one picture with its alpha.
        grid: Its height and width.
        device: Where the network is.

    Returns:
        The scores; Fβ is of the pictures with a subject, NaN where there is none.

    Raises:
        InputError: If a picture cannot be read; it is named.
    """
    net.eval()
    precisions, recalls, errors, structures, overlaps = [], [], [], [], []
    spec = input_spec(grid)
    for pair in pairs:
        try:
            image, mask = load_pair(pair)
        except NukkiError as error:
            raise InputError(named(pair, error), hint=BAD_HINT) from error
        tensor, placement = fit(image, spec)
        with torch.inference_mode():
            logits = net(torch.from_numpy(tensor).to(device))[0]
        small = logits.float().sigmoid().cpu().numpy()[0, 0]
        alpha = enlarge(small, *placement.source)
        truth = mask >= 128
        found = curves.counts(quantise(alpha), truth)
        if found.subject:
            precisions.append(curves.precision(found))
            recalls.append(curves.recall(found))
        errors.append(metrics.mae(alpha, truth))
        structures.append(s_alpha(alpha, truth))
        overlaps.append(metrics.iou(metrics.inside(alpha), truth))
    max_f_beta = math.nan
    if recalls:
        curve = curves.f_beta(np.mean(precisions, axis=0), np.mean(recalls, axis=0))
        max_f_beta = float(curve.max())
    return Scores(
        max_f_beta,
        float(np.mean(errors)),
        float(np.mean(structures)),
        float(np.mean(overlaps)),
    )
