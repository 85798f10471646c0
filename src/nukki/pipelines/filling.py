"""What paints holes, behind one protocol: networks, patches of the photo, and both in turn."""

from __future__ import annotations

from typing import Protocol

from nukki.ops.grain import grain_of, grained
from nukki.ops.hole_parts import parts
from nukki.ops.patchfill import complete
from nukki.tasks.inpainting import Inpainting
from nukki.types import RGB8, Mask

__all__ = ["Chain", "Filler", "Network", "Patches"]


class Filler(Protocol):
    """What paints holes."""

    @property
    def name(self) -> str:
        """What `fill=` calls it."""
        ...

    def fill(
        self, image: RGB8, mask: Mask, *, forbidden: Mask | None = None, seed: int = 0
    ) -> RGB8:
        """Paint a hole.

        Args:
            image: (H, W, 3) uint8, sRGB.
            mask: (H, W) bool, True in the hole; not everywhere.
            forbidden: (H, W) bool, what stays and must not come again in the hole, such as people.
                Who copies nothing need not heed it.
            seed: Whoever draws lots draws them from this.

        Returns:
            (H, W, 3) uint8, equal to `image` outside the hole. The same arguments give the same
            bytes.
        """
        ...


class Network:
    """A network as a filler.

    Attributes:
        network: It.
    """

    def __init__(self, network: Inpainting) -> None:
        self.network = network

    @property
    def name(self) -> str:
        """The card's."""
        return self.network.card.name

    def fill(
        self,
        image: RGB8,
        mask: Mask,
        *,
        forbidden: Mask | None = None,  # noqa: ARG002 (it copies nothing)
        seed: int = 0,  # noqa: ARG002 (it draws no lots)
    ) -> RGB8:
        """See `Filler`."""
        return self.network.fill(image, mask)


class Patches:
    """Patches of the photo itself (`ops.patchfill`); no weights.

    Attributes:
        threads: How many threads may work.
    """

    name = "patch"

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def fill(
        self, image: RGB8, mask: Mask, *, forbidden: Mask | None = None, seed: int = 0
    ) -> RGB8:
        """See `Filler`."""
        return complete(image, mask, forbidden=forbidden, seed=seed, threads=self.threads)


class Chain:
    """Structure from one filler, detail from the photo itself.

    The first paints each hole as it should look from afar. Patches of the photo are then sought
    that look like that; where they are too smooth for the photo they get its grain.

    Attributes:
        name: What `fill=` calls it.
        first: Who paints the structure.
        threads: How many threads may work.
    """

    def __init__(self, name: str, first: Filler, threads: int = 1) -> None:
        self.name = name
        self.first = first
        self.threads = threads

    def fill(
        self, image: RGB8, mask: Mask, *, forbidden: Mask | None = None, seed: int = 0
    ) -> RGB8:
        """See `Filler`."""
        boxes = parts(mask, usable=~mask if forbidden is None else ~(mask | forbidden))
        guide = image.copy()
        for box in boxes:
            where = box.slices()
            # Who stays is painted over as well, or the network would paint more of them.
            unseen = mask[where] if forbidden is None else mask[where] | forbidden[where]
            if unseen.all():
                unseen = mask[where]
            guide[where] = self.first.fill(image[where], unseen, seed=seed)
        painted = complete(
            image, mask, guide=guide, forbidden=forbidden, seed=seed, threads=self.threads
        )
        for number, box in enumerate(boxes):
            where = box.slices()
            hole = mask[where]
            photo = grain_of(image[where], ~hole)
            painted[where] = grained(painted[where], hole, photo, seed=seed + number)
        return painted
