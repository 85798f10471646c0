"""Whether a file computes what a network does, judged by what rounding does to the network itself.

Trained networks differ by orders of magnitude in how they amplify rounding. So what is allowed is
ten times what PyTorch in float32 is off PyTorch in float64 on the same input.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

__all__ = ["Difference", "Verdict", "difference", "exact", "judged", "rounded"]

Arrays = Sequence[NDArray[Any]]

_FACTOR = 10.0
_FLOOR_LARGEST, _FLOOR_RMS = 2e-5, 2e-6  # a hundred roundings of a float32, and their mean
_NEAR = 0.01  # of the longest side: boxes of one thing
_MAY_MISS = 0.05  # of the things; those at the edge of a threshold


@dataclass(frozen=True)
class Difference:
    """How far two answers are from each other, the worst output counting.

    Attributes:
        largest: Largest absolute difference, as a share of the output's largest value where that is
            above 1.
        rms: The root of the mean square likewise.
        mean: The mean absolute difference likewise.
        missed: Share of the things that only one of both finds.
    """

    largest: float
    rms: float
    mean: float
    missed: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """A file's difference from PyTorch, and what is allowed.

    Attributes:
        what: The input in words.
        got: The difference.
        allowed: The most that it may be.
    """

    what: str
    got: Difference
    allowed: Difference

    @property
    def agrees(self) -> bool:
        """Whether every figure is within what is allowed."""
        got, allowed = self.got, self.allowed
        return (
            got.largest <= allowed.largest
            and got.rms <= allowed.rms
            and got.missed <= allowed.missed
        )


def rounded(net: nn.Module, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
    """What PyTorch computes in float32."""
    return _run(net, [torch.from_numpy(array) for array in inputs.values()])


def exact(net: nn.Module, inputs: Sequence[Mapping[str, NDArray[Any]]]) -> list[Arrays]:
    """What PyTorch computes in float64, for each input; the network stays as it is."""
    double = copy.deepcopy(net).double()
    answers = []
    for one in inputs:
        tensors = [torch.from_numpy(array) for array in one.values()]
        wide = [tensor.double() if tensor.is_floating_point() else tensor for tensor in tensors]
        answers.append(_run(double, wide))
    return answers


def _run(net: nn.Module, tensors: Sequence[torch.Tensor]) -> Arrays:
    with torch.inference_mode():
        return [output.numpy() for output in net(*tensors)]


def judged(what: str, truth: Arrays, answer: Arrays, precise: Arrays, *, things: bool) -> Verdict:
    """Compare a file's answer with PyTorch's.

    Args:
        what: The input in words.
        truth: PyTorch's in float32.
        answer: The file's.
        precise: PyTorch's in float64.
        things: Whether the outputs are boxes, scores, classes and masks of things, whose order is
            not sure.
    """
    own = difference(precise, truth, things=things)
    allowed = Difference(
        largest=max(_FACTOR * own.largest, _FLOOR_LARGEST),
        rms=max(_FACTOR * own.rms, _FLOOR_RMS),
        mean=max(_FACTOR * own.mean, _FLOOR_RMS),
        missed=max(_FACTOR * own.missed, _MAY_MISS) if things else 0.0,
    )
    return Verdict(what, difference(truth, answer, things=things), allowed)


def difference(truth: Arrays, answer: Arrays, *, things: bool = False) -> Difference:
    """How far an answer is from the truth; infinite where a shape is another.

    Args:
        truth: Outputs.
        answer: The same ones of somebody else.
        things: See `judged`.
    """
    missed = 0.0
    if things:
        truth, answer, missed = _paired(truth, answer)
    figures = [_figures(one, other) for one, other in zip(truth, answer, strict=True)]
    largest, rms, mean = np.max(figures, axis=0)
    return Difference(float(largest), float(rms), float(mean), missed)


def _figures(truth: NDArray[Any], answer: NDArray[Any]) -> tuple[float, float, float]:
    if truth.shape != answer.shape:
        return (np.inf,) * 3
    if truth.size == 0:
        return (0.0,) * 3
    wide = truth.astype(np.float64)
    away = np.abs(answer.astype(np.float64) - wide) / max(1.0, float(np.abs(wide).max()))
    return float(away.max()), float(np.sqrt((away**2).mean())), float(away.mean())


def _paired(truth: Arrays, answer: Arrays) -> tuple[Arrays, Arrays, float]:
    """Things that both found, row by row, and the share of those that only one did."""
    boxes, _, classes, _ = truth
    other_boxes, _, other_classes, _ = answer
    near = _NEAR * max(1.0, float(boxes.max(initial=0.0)))
    free = np.ones(len(other_boxes), bool)
    pairs = []
    for row in range(len(boxes)):
        away = np.abs(other_boxes - boxes[row]).max(axis=1, initial=0.0)
        away[~free | (other_classes != classes[row])] = np.inf
        if len(away) and away.min() <= near:
            pairs.append((row, int(away.argmin())))
            free[pairs[-1][1]] = False
    count = max(len(boxes), len(other_boxes), 1)
    missed = 1 - len(pairs) / count if len(boxes) or len(other_boxes) else 0.0
    mine, others = np.array(pairs, np.int64).reshape(-1, 2).T
    return [one[mine] for one in truth], [one[others] for one in answer], missed
