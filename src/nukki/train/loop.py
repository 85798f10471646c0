"""Training one of our own networks: steps, checkpoints, validations, and going on after a stop."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from nukki.errors import InputError, OutputError
from nukki.nets.subject import SubjectNet
from nukki.train.data import Pairs, Sample, Stream
from nukki.train.losses import subject_loss
from nukki.train.recipe import Recipe, Stage
from nukki.train.validate import Scores, validate

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
        left: Seconds to the end at that speed.
        scores: Where a validation was just made.
        skipped: Pictures skipped so far, and why.
    """

    step: int
    steps: int
    loss: float
    speed: float
    left: float
    scores: Scores | None = None
    skipped: tuple[str, ...] = ()


@dataclass
class _State:
    step: int = 0
    loss: float = math.nan
    hours: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


class _Batches(Dataset[Sample]):
    """What torch's loader wants of a `Stream`."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def __len__(self) -> int:
        return len(self.stream)

    def __getitem__(self, index: int) -> Sample:
        return self.stream[index]


def _gather(samples: list[Sample]) -> tuple[Tensor, Tensor, list[str]]:
    images = torch.stack([torch.from_numpy(image) for image, _, _ in samples])
    masks = torch.stack([torch.from_numpy(mask) for _, mask, _ in samples])
    return images, masks, [line for _, _, lines in samples for line in lines]


class Trainer:
    """A network on its way from its starting weights to its last step.

    Args:
        recipe: What to do.
        stream: The samples.
        pairs: The pictures to validate on; may be empty.
        work: Folder for the checkpoint; made if it is missing.
        net: Holds the starting weights.
        device: "cpu", "cuda", …
        half: Whether to compute in bfloat16 where torch's autocast thinks that safe.
        workers: Processes that prepare samples; 0 prepares them in this one.
    """

    def __init__(
        self,
        recipe: Recipe,
        stream: Stream,
        pairs: Pairs,
        work: Path,
        net: SubjectNet,
        *,
        device: str = "cpu",
        half: bool = True,
        workers: int = 1,
    ) -> None:
        self.recipe, self.stream, self.pairs = recipe, stream, pairs
        self.work = work
        self.device = torch.device(device)
        self.half = half
        self.workers = workers
        # Channels last: oneDNN's depthwise gradients are about 1.5 times faster that way.
        self.net = net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(_groups(self.net, recipe), lr=0.0)
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
        beside = self.checkpoint.with_suffix(".pt.part")
        content = {
            "recipe": asdict(self.recipe),
            "digest": self.recipe.digest,
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "state": asdict(self.state),
        }
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.checkpoint)
        # torch's writer of archives reports a full disk as a RuntimeError.
        except (OSError, RuntimeError) as error:
            beside.unlink(missing_ok=True)
            message = f"the checkpoint `{self.checkpoint}` could not be written: {error}"
            raise OutputError(
                message, hint="make room; the last checkpoint is kept, run again"
            ) from error

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one.

        Returns:
            Whether there was one.

        Raises:
            InputError: If it is damaged, or was made by another recipe in what lies behind it.
        """
        if not self.checkpoint.exists():
            return False
        try:
            content = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
            state = _State(**content["state"])
            earlier = content["recipe"]
            parts = content["net"], content["average"], content["optimiser"]
        except Exception as error:
            message = f"`{self.checkpoint}` is not a checkpoint: {error}"
            raise InputError(message, hint="remove it to begin anew") from error
        _same_past(self.recipe, earlier, state.step, self.checkpoint)
        self.net.load_state_dict(parts[0])
        self.average.load_state_dict(parts[1])
        self.optimiser.load_state_dict(parts[2])
        self.state = state
        return True

    def run(self, tell: Callable[[Event], None], *, save_every: float = 120.0) -> None:
        """Train to the end of the recipe.

        Args:
            tell: Called after each step and each validation.
            save_every: Seconds between two checkpoints.
        """
        recipe, state = self.recipe, self.state
        began = saved = time.monotonic()
        seen, first, before = 0, state.step, state.hours
        for images, masks, bad in self._loader():
            state.skipped += bad
            value = self._step(images, masks)
            state.loss = (
                value if math.isnan(state.loss) else _RECENT * state.loss + (1 - _RECENT) * value
            )
            state.step += 1
            seen += len(images)
            now = time.monotonic()
            state.hours = before + (now - began) / 3600
            scores = (
                self._judge()
                if state.step % recipe.every == 0 or state.step == recipe.steps
                else None
            )
            if scores is not None or now - saved > save_every:
                self.save()
                saved = time.monotonic()
            spent = time.monotonic() - began
            left = spent / (state.step - first) * (recipe.steps - state.step)
            tell(
                Event(
                    state.step,
                    recipe.steps,
                    state.loss,
                    seen / spent,
                    left,
                    scores,
                    tuple(state.skipped),
                )
            )

    def _loader(self) -> Iterator[tuple[Tensor, Tensor, list[str]]]:
        batches = []
        for step in range(self.state.step, self.recipe.steps):
            first = self.stream.first_of(step)
            stage = self.recipe.stages[self.recipe.stage_of(step)[0]]
            batches.append(list(range(first, first + stage.batch)))
        loader = DataLoader(
            _Batches(self.stream),
            batch_sampler=batches,
            collate_fn=_gather,
            num_workers=self.workers,
            prefetch_factor=4 if self.workers else None,
            pin_memory=self.device.type == "cuda",
        )
        return iter(loader)

    def _step(self, images: Tensor, masks: Tensor) -> float:
        """One batch forward and back; the loss."""
        number, within = self.recipe.stage_of(self.state.step)
        stage = self.recipe.stages[number]
        rate = _rate(stage, within) * min(1.0, (self.state.step + 1) / max(1, self.recipe.warm_up))
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        _freeze(self.net, stage.frozen)
        self.net.train()
        x = images.to(self.device, non_blocking=True).float() / 127.5 - 1
        x = x.contiguous(memory_format=torch.channels_last)
        truth = masks.to(self.device, non_blocking=True).float() / 255
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            maps = self.net(x)
        loss = subject_loss(maps, truth)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), _CLIP)
        self.optimiser.step()
        # Early on the average follows closely, or it would remember the start for long.
        decay = min(self.recipe.average, (1 + self.state.step) / (10 + self.state.step))
        with torch.no_grad():
            for kept, new in zip(self.average.parameters(), self.net.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
        return float(loss.detach())

    def _judge(self) -> Scores | None:
        if not self.pairs:
            return None
        scores = validate(self.average, self.pairs, self.recipe.size, self.device)
        record = {
            "step": self.state.step,
            "hours": round(self.state.hours, 3),
            "loss": round(self.state.loss, 4),
        }
        self.state.history.append(
            record | {name: round(v, 5) for name, v in asdict(scores).items()}
        )
        return scores


def _groups(net: SubjectNet, recipe: Recipe) -> list[dict[str, Any]]:
    """Encoder and decoder apart, each with and without weight decay."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        groups.setdefault((name.startswith("enc."), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "share": recipe.encoder_share if encoder else 1.0,
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (encoder, decays), parameters in groups.items()
    ]


def _freeze(net: SubjectNet, blocks: int) -> None:
    """Keep the weights of the encoder's stem and first blocks, if any are to be kept."""
    net.enc.stem.requires_grad_(blocks == 0)
    for number, block in enumerate(net.enc.blocks):
        block.requires_grad_(number >= blocks)


def _rate(stage: Stage, within: int) -> float:
    """Half a cosine from the stage's first learning rate to its last."""
    along = within / max(1, stage.steps - 1)
    return stage.last_rate + (stage.rate - stage.last_rate) * 0.5 * (1 + math.cos(math.pi * along))


def _same_past(recipe: Recipe, earlier: dict[str, Any], step: int, path: Path) -> None:
    """A recipe may change in the stages that are still to come, and in nothing else."""
    now = asdict(recipe)
    stages = zip(now.pop("stages"), earlier.pop("stages"), strict=False)
    ended, same = 0, now == earlier
    for new, old in stages:
        if ended < step:
            same = same and new == old
        ended += old["steps"]
    if not same:
        message = f"`{path}` was made by another recipe"
        raise InputError(
            message, hint="remove it to begin anew, or give the recipe it was made with"
        )
