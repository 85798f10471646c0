"""Samples gathered into batches, by processes of their own if that is wished."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nukki.errors import LimitExceeded, NukkiError
from nukki.train.stream import Sample, Stream

__all__ = ["Batch", "batches", "memory_limits"]

Batch = tuple[list[Tensor], list[str]]
_AHEAD = 4  # batches that each process prepares in advance


def batches(stream: Stream[Any], steps: range, *, workers: int, pinned: bool) -> Iterator[Batch]:
    """The arrays of each step's samples, stacked, and what was skipped.

    Args:
        stream: The samples.
        steps: Which steps.
        workers: Processes that prepare samples; 0 prepares them in this one.
        pinned: Whether to put them where a GPU reads them fastest.

    Raises:
        NukkiError: As the stream, whichever process it was in.
    """
    indices = []
    for step in steps:
        first = stream.first_of(step)
        stage = stream.recipe.stages[stream.recipe.stage_of(step)[0]]
        indices.append(list(range(first, first + stage.batch)))
    loader = DataLoader(
        _Samples(stream),
        batch_sampler=indices,
        collate_fn=_gather,
        num_workers=workers,
        prefetch_factor=_AHEAD if workers else None,
        pin_memory=pinned,
        worker_init_fn=_keep_going,
    )
    for batch in loader:
        if isinstance(batch, NukkiError):
            raise batch
        yield batch


class _Samples(Dataset[Sample | NukkiError]):
    """What torch's loader wants of a `Stream`.

    An error is handed on as a sample: torch would raise it from another process as a text of its
    traceback, without the hint.
    """

    def __init__(self, stream: Stream[Any]) -> None:
        self.stream = stream

    def __len__(self) -> int:
        return len(self.stream)

    def __getitem__(self, index: int) -> Sample | NukkiError:
        try:
            return self.stream[index]
        except NukkiError as error:
            return error


def _gather(samples: list[Sample | NukkiError]) -> Batch | NukkiError:
    good: list[Sample] = []
    for sample in samples:
        if isinstance(sample, NukkiError):
            return sample
        good.append(sample)
    columns = zip(*(arrays for arrays, _ in good), strict=True)
    stacked = [torch.stack([torch.from_numpy(one) for one in column]) for column in columns]
    return stacked, [line for _, lines in good for line in lines]


def _keep_going(_: int) -> None:
    """Leave Ctrl-C to the process that trains: it still wants the samples of its last step."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def memory_limits() -> Iterator[None]:
    """Say what it is when memory ends, which torch tells in texts of its own."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if "DataLoader worker" in text:
            message = f"a process that prepares samples ended: {text.splitlines()[0]}"
            hint = "give --workers 0, or free memory, and run again to go on"
        elif isinstance(error, torch.OutOfMemoryError) or "allocate memory" in text:
            message = f"memory does not suffice for a batch: {text.splitlines()[0]}"
            hint = "lower `batch` or `sizes` in the recipe's stages to come, and run again"
        else:
            raise
        raise LimitExceeded(message, hint=hint) from error
