"""Training one of our own networks: steps, checkpoints, validations, and going on after a stop."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nukki.errors import InputError, ModelOutputError
from nukki.train.batches import Batch, batches, memory_limits
from nukki.train.checkpoint import check_past, first_line, read_checkpoint, write_checkpoint
from nukki.train.kinds import Kind
from nukki.train.recipe import Recipe, Stage
from nukki.train.stream import Stream

__all__ = ["Event", "Trainer"]

_CLIP = 1.0  # the largest norm of all gradients together
_RECENT = 0.98  # decay of the shown mean of the loss


@dataclass(frozen=True)
class Event:
    """What the trainer tells while it works.

    Attributes:
        step: Batches done.
        steps: Batches in all.
        loss: Recent mean.
        speed: Pictures a second since this run began.
        left: Seconds to the end at that speed; NaN before this run's first step.
        validated: Whether a validation was just made.
        scores: Its scores by the keys of its kind's measures; None where there are no pictures to
            validate on.
        skipped: Pictures skipped so far, each once, and why.
    """

    step: int
    steps: int
    loss: float
    speed: float
    left: float
    validated: bool = False
    scores: Mapping[str, float] | None = None
    skipped: tuple[str, ...] = ()


@dataclass
class _State:
    step: int = 0
    loss: float = math.nan
    hours: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def _never() -> bool:
    return False


class Trainer:
    """A network on its way from its starting weights to its last step.

    Args:
        kind: What kind of network it is.
        recipe: What to do.
        stream: The samples.
        held: The photos to validate on; may be empty.
        work: Folder for the checkpoint; made if it is missing.
        net: Holds the starting weights.
        device: "cpu", "cuda", …
        half: Whether to compute in bfloat16 where torch's autocast thinks that safe.
        workers: Processes that prepare samples; 0 prepares them in this one.
    """

    def __init__(
        self,
        kind: Kind[Any],
        recipe: Recipe,
        stream: Stream[Any],
        held: Sequence[Any],
        work: Path,
        net: nn.Module,
        *,
        device: str = "cpu",
        half: bool = True,
        workers: int = 1,
    ) -> None:
        self.kind = kind
        self.recipe, self.stream, self.held = recipe, stream, held
        self.work = work
        self.device = torch.device(device)
        self.half = half
        self.workers = workers
        # Channels last: oneDNN's depthwise gradients are about 1.5 times faster that way.
        self.net: nn.Module = net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(_groups(self.net, kind, recipe), lr=0.0)
        self.state = _State()

    @property
    def checkpoint(self) -> Path:
        """Where the training can go on from."""
        return self.work / f"{self.recipe.name}.pt"

    def save(self) -> None:
        """Write the checkpoint; the one before it stays until the new one is whole.

        Raises:
            OutputError: If it cannot be written; the one before it is still there.
        """
        content = {
            "recipe": asdict(self.recipe),
            "digest": self.recipe.digest,
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "state": asdict(self.state),
        }
        write_checkpoint(self.checkpoint, content)

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one.

        Returns:
            Whether there was one.

        Raises:
            InputError: If it is damaged, or was made by another recipe in what lies behind it.
        """
        if not self.checkpoint.exists():
            return False
        content = read_checkpoint(self.checkpoint, self.device)
        try:
            state = _State(**content["state"])
            check_past(self.recipe, content["recipe"], state.step, self.checkpoint)
            self.net.load_state_dict(content["net"])
            self.average.load_state_dict(content["average"])
            self.optimiser.load_state_dict(content["optimiser"])
        except InputError:
            raise
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            message = f"`{self.checkpoint}` holds another network: {first_line(error)}"
            raise InputError(message, hint="remove it to begin anew") from error
        self.state = state
        return True

    def run(
        self,
        tell: Callable[[Event], None],
        *,
        save_every: float = 120.0,
        until: int | None = None,
        stop: Callable[[], bool] = _never,
    ) -> bool:
        """Train to the end of the recipe, or to a stop from which `resume` goes on.

        A checkpoint is written before and after each validation, at a stop and at the end, so
        whatever ends the process costs at most the steps of `save_every` seconds.

        Args:
            tell: Called after each step and each validation; what it raises ends the run.
            save_every: Seconds between two checkpoints.
            until: The step to stop after, if not the recipe's last.
            stop: Asked after each step.

        Returns:
            Whether the training is finished.

        Raises:
            InputError: If a picture cannot be read; it is named.
            ModelOutputError: If the loss is no longer a number; the last checkpoint stays.
            OutputError: If a checkpoint cannot be written; the last one stays.
            LimitExceeded: If memory ends.
        """
        state, steps = self.state, self.recipe.steps
        last = min(steps, steps if until is None else until)
        meter = _Meter(state)
        if self.is_unjudged:  # the stop came before the validation
            scores = self._judge()
            meter.count(0)
            self.save()
            tell(meter.event(steps, validated=True, scores=scores))
        saved = time.monotonic()
        with memory_limits():
            for tensors, bad in self._batches(last):
                state.skipped += [line for line in bad if line not in state.skipped]
                value = self._step(tensors)
                first = math.isnan(state.loss)
                state.loss = value if first else _RECENT * state.loss + (1 - _RECENT) * value
                state.step += 1
                meter.count(len(tensors[0]))
                stopped, due = stop(), self._is_due()
                late = time.monotonic() - saved > save_every
                if due or stopped or late or state.step == last:
                    self.save()
                    saved = time.monotonic()
                judged = due and not stopped
                scores = self._judge() if judged else None
                if judged:
                    meter.count(0)
                    self.save()
                tell(meter.event(steps, validated=judged, scores=scores))
                if stopped:
                    break
        return state.step >= steps

    @property
    def is_unjudged(self) -> bool:
        """Whether the last step's validation is still to be made."""
        return self._is_due() and not any(
            row["step"] == self.state.step for row in self.state.history
        )

    def _is_due(self) -> bool:
        """Whether a validation belongs to the step that was done last."""
        step = self.state.step
        return step > 0 and (step % self.recipe.every == 0 or step == self.recipe.steps)

    def _batches(self, last: int) -> Iterator[Batch]:
        """The samples of the steps that are to come, up to step `last`."""
        steps = range(self.state.step, last)
        on_gpu = self.device.type == "cuda"
        return batches(self.stream, steps, workers=self.workers, pinned=on_gpu)

    def _step(self, tensors: Sequence[Tensor]) -> float:
        """One batch forward and back; the loss.

        The weights are touched only after loss and gradients were seen to be numbers, so a
        checkpoint never holds anything else.
        """
        number, within = self.recipe.stage_of(self.state.step)
        stage = self.recipe.stages[number]
        rate = _rate(stage, within) * min(1.0, (self.state.step + 1) / max(1, self.recipe.warm_up))
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        self.kind.freeze(self.net, stage.frozen)
        self.net.train()
        torch.manual_seed(self.recipe.seed + self.state.step)  # what is dropped, where it is
        there = [tensor.to(self.device, non_blocking=True) for tensor in tensors]
        loss = self.kind.loss(self.net, there, half=self.half)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), _CLIP)
        value = float(loss.detach())
        if not math.isfinite(value) or not math.isfinite(float(norm)):
            message = f"the loss or its gradient is not a number at step {self.state.step + 1}"
            hint = "lower the rates of the recipe's stage, or give --full-precision, and run again"
            raise ModelOutputError(message, hint=hint)
        self.optimiser.step()
        # Early on the average follows closely, or it would remember the start for long.
        decay = min(self.recipe.average, (1 + self.state.step) / (10 + self.state.step))
        with torch.no_grad():
            for kept, new in zip(self.average.parameters(), self.net.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
        return value

    def _judge(self) -> Mapping[str, float] | None:
        """Validate, if there are pictures for it, and add a row to the history."""
        row: dict[str, Any] = {
            "step": self.state.step,
            "hours": round(self.state.hours, 3),
            "loss": round(self.state.loss, 4),
        }
        scores = None
        if self.held:
            scores = self.kind.judge(self.average, self.held, self.recipe, self.device)
            row |= {name: round(value, 5) for name, value in scores.items()}
        self.state.history.append(row)
        return scores


class _Meter:
    """Hours of the training, and the speed of this run."""

    def __init__(self, state: _State) -> None:
        self._state = state
        self._began, self._hours, self._first = time.monotonic(), state.hours, state.step
        self._seen = 0

    def count(self, pictures: int) -> None:
        """Read the clock after so many more pictures."""
        self._seen += pictures
        self._state.hours = self._hours + (time.monotonic() - self._began) / 3600

    def event(self, steps: int, *, validated: bool, scores: Mapping[str, float] | None) -> Event:
        """What there is to tell now."""
        state = self._state
        spent = max(time.monotonic() - self._began, 1e-9)
        done = state.step - self._first
        return Event(
            step=state.step,
            steps=steps,
            loss=state.loss,
            speed=self._seen / spent,
            left=spent / done * (steps - state.step) if done else math.nan,
            validated=validated,
            scores=scores,
            skipped=tuple(state.skipped),
        )


def _groups(net: nn.Module, kind: Kind[Any], recipe: Recipe) -> list[dict[str, Any]]:
    """Encoder and decoder apart, each with and without weight decay."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        group = kind.is_encoder(name), parameter.ndim > 1
        groups.setdefault(group, []).append(parameter)
    return [
        {
            "params": parameters,
            "share": recipe.encoder_share if encoder else 1.0,
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (encoder, decays), parameters in groups.items()
    ]


def _rate(stage: Stage, within: int) -> float:
    """Half a cosine from the stage's first learning rate to its last, or as far as it gets."""
    along = within / max(1, (stage.span or stage.steps) - 1)
    return stage.last_rate + (stage.rate - stage.last_rate) * 0.5 * (1 + math.cos(math.pi * along))
