"""Whether a checkpoint is the network that it is said to be, and which one it is if not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nukki.errors import InputError, MissingExtra
from nukki.nets import registry

__all__ = ["Misfit", "compared", "fit", "resembled"]

Shapes = Mapping[str, torch.Size]

_SHOWN = 10  # of each kind of fault
_ALIKE = 0.5  # share of a network's keys that must be there to speak of a resemblance
_COUNTER = ".num_batches_tracked"  # of batch norms, for training only; some publishers drop them


@dataclass(frozen=True)
class Misfit:
    """What keeps a state dict from being a network's.

    Attributes:
        missing: Keys that the network has and the state dict lacks.
        unexpected: The other way round.
        reshaped: (key, shape that the network has, shape in the state dict).
        infinite: Keys of weights that are not finite.
    """

    missing: Sequence[str] = ()
    unexpected: Sequence[str] = ()
    reshaped: Sequence[tuple[str, tuple[int, ...], tuple[int, ...]]] = ()
    infinite: Sequence[str] = ()

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.missing or self.unexpected or self.reshaped or self.infinite)

    def __str__(self) -> str:
        """One line; the first ten of each."""
        shapes = [f"{key} {got} instead of {wanted}" for key, wanted, got in self.reshaped]
        parts = (
            _listed("missing", self.missing),
            _listed("unexpected", self.unexpected),
            _listed("of another shape", shapes),
            _listed("not finite", self.infinite),
        )
        return "; ".join(part for part in parts if part)


def fit(
    name: str, state: Mapping[str, Tensor], source: str = "the checkpoint"
) -> dict[str, Tensor]:
    """The tensors of a checkpoint under our names, ready for `load_state_dict(strict=True)`.

    Args:
        name: One of `registry.NAMES`.
        state: Tensors by the publisher's keys, as `read_checkpoint` gives them.
        source: What messages call it.

    Returns:
        A tensor for every key of the network, of the right shape and finite. Counters of batch
        norms, which only training uses, are 0 where the publisher left them out.

    Raises:
        UnknownModel: If there is no network of that name.
        InputError: If a tensor is missing, unexpected, of another shape, or not finite; the first
            ten of each are named, and in the hint the network that it resembles.
    """
    wanted = _shapes(name)
    ours = _with_counters(registry.convert(name, state), wanted)
    misfit = compared(ours, wanted)
    if misfit:
        message = f"`{source}` is not a checkpoint of {name}: {misfit}"
        raise InputError(message, hint=_advice(name, state))
    return ours


def compared(ours: Mapping[str, Tensor], wanted: Shapes) -> Misfit:
    """How tensors under our names differ from what a network has.

    Args:
        ours: Tensors by our keys.
        wanted: The network's shapes by its keys.
    """
    common = [key for key in wanted if key in ours]
    reshaped = [
        (key, tuple(wanted[key]), tuple(ours[key].shape))
        for key in common
        if ours[key].shape != wanted[key]
    ]
    if reshaped:
        infinite = []  # a shape may promise more numbers than there is memory
    else:
        infinite = [key for key in common if not bool(torch.isfinite(ours[key]).all())]
    return Misfit(
        missing=[key for key in wanted if key not in ours],
        unexpected=[key for key in ours if key not in wanted],
        reshaped=reshaped,
        infinite=infinite,
    )


def resembled(state: Mapping[str, Tensor]) -> tuple[str, int, int] | None:
    """The known network that a state dict is most like.

    Args:
        state: Tensors by the publisher's keys.

    Returns:
        Its name, how many of its keys are there in the right shape, and how many it has; None
        where no network has half of its keys there.
    """
    found: list[tuple[float, str, int, int]] = []
    for name in registry.NAMES:
        # Two keys that this network would call the same, or a package that defines it is missing.
        with contextlib.suppress(InputError, MissingExtra):
            ours, wanted = registry.convert(name, state), _shapes(name)
            there = sum(key in ours and ours[key].shape == wanted[key] for key in wanted)
            found.append((there / len(wanted), name, there, len(wanted)))
    share, name, there, keys = max(found, default=(0.0, "", 0, 0))
    return (name, there, keys) if share >= _ALIKE else None


def _shapes(name: str) -> Shapes:
    """The network's shapes by its keys; no memory is used for its weights."""
    with torch.device("meta"):
        net = registry.build(name)
    return {key: value.shape for key, value in net.state_dict().items()}


def _with_counters(ours: Mapping[str, Tensor], wanted: Shapes) -> dict[str, Tensor]:
    """Counters of batch norms where the network has them, and nowhere else."""
    counters = {key: torch.tensor(0) for key in wanted if key.endswith(_COUNTER)}
    kept = {key: value for key, value in ours.items() if key in wanted or _COUNTER not in key}
    return {**counters, **kept}


def _advice(name: str, state: Mapping[str, Tensor]) -> str:
    like = resembled(state)
    if like is None:
        return f"give the publisher's file for {name} as it is"
    other, there, keys = like
    if other == name:
        return f"{there} of {keys} keys of {name} are there: give the publisher's file as it is"
    return f"it resembles {other} ({there} of its {keys} keys are there): try --as {other}"


def _listed(what: str, keys: Iterable[str]) -> str:
    """A count and the first ten: "12 missing (a, b, …)"."""
    every = list(keys)
    if not every:
        return ""
    more = ", …" if len(every) > _SHOWN else ""
    return f"{len(every)} {what} ({', '.join(every[:_SHOWN])}{more})"
