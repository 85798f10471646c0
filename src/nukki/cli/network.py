"""Has a network ready before the first picture: its file fetched, its device loaded."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from nukki.cli.progress import is_shown
from nukki.pipelines.options import RunOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nukki.pipelines.erase_options import GoOptions
    from nukki.zoo.cards import Task

__all__ = ["add_fetching", "loading", "ready", "ready_to_erase"]


def add_fetching(parser: argparse._ActionsContainer) -> None:
    """Add what says whether and on what terms a network may be fetched."""
    parser.add_argument(
        "--accept-licence", action="store_true", help="take a network that is not for every use"
    )
    parser.add_argument("--offline", action="store_true", help="fetch nothing")


def ready(
    model: str,
    *,
    task: Task = "saliency",
    card: str | None = None,
    run: RunOptions,
    accept_licence: bool = False,
    offline: bool = False,
    quiet: bool = False,
) -> None:
    """Fetch a network if need be, with a bar on a terminal, and load it once.

    Afterwards it is on this machine and its session is in the cache, so that a wrong name, a
    licence that was not accepted or a missing device ends a batch before it starts.

    Raises:
        UnknownModel, CardError, FetchError, ProviderError: As the catalogue, the fetching and the
            runtime say.
        InputError: If the network is for another task.
    """
    from nukki import api
    from nukki.zoo.catalog import card_for, check_task
    from nukki.zoo.fetch import ensure

    found, file = card_for(model, card)
    check_task(found, task)
    if file is None:
        bar = _Bar(f"fetching {found.name}", shown=is_shown(quiet=quiet))
        try:
            ensure(
                found,
                accept_licence=accept_licence,
                offline=True if offline else None,
                progress=bar,
            )
        finally:
            bar.close()
    api.load(model, card=card, **loading(run))


def ready_to_erase(
    wish: GoOptions, fills: Sequence[tuple[str, str | None]], *, run: RunOptions, **terms: Any
) -> None:
    """Have ready what finds and what fills, and the choices checked, so that they fail once.

    Args:
        wish: What goes.
        fills: Names of fillers and the cards of files; none where nothing is filled.
        run: On what they run.
        **terms: Further arguments of `ready`.

    Raises:
        InputError: If a choice names what the finder does not know.
        MissingExtra: If a filler needs a package that is not installed.
        UnknownModel, CardError, FetchError, ProviderError: As `ready`.
    """
    from nukki.loading import filler_name, finder_name, load_filler
    from nukki.pipelines.eraser import needs_finder
    from nukki.pipelines.segment import check_choices, check_finder
    from nukki.types import ClassSpec
    from nukki.zoo.catalog import card_for
    from nukki.zoo.labels import labels_of

    if needs_finder(wish.what, wish.except_, wish):
        name, its_card = finder_name(wish.instances)
        card, _ = card_for(name, its_card)
        check_finder(card)
        check_choices(wish.what or "all", wish.except_, labels_of(card.classes or ClassSpec(())))
        ready(name, task=card.task, card=its_card, run=run, **terms)
    for fill, its_card in fills:
        network = filler_name(fill)
        if network is None:
            load_filler(fill)  # an extra that is missing is told before the work
        else:
            ready(network, task="inpainting", card=its_card, run=run, **terms)


def loading(run: RunOptions) -> dict[str, Any]:
    """The options as the API takes them: "auto" leaves the choice to NUKKI_DEVICE."""
    return {"device": None if run.device == "auto" else run.device, "threads": run.threads}


class _Bar:
    """Bytes of a download; drawn from the first call on, so never for a file that is there."""

    def __init__(self, title: str, *, shown: bool) -> None:
        self._title = title
        self._shown = shown
        self._bar: Any = None

    def __call__(self, done: int, total: int | None) -> None:
        if not self._shown:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                desc=self._title, total=total, unit="B", unit_scale=True, file=sys.stderr
            )
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
