"""A card's files on this machine: embedded, there already, or fetched once and verified."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nukki import settings
from nukki.errors import FetchError, Offline
from nukki.zoo import store
from nukki.zoo.cards import ModelCard, ModelFile
from nukki.zoo.store import Progress

__all__ = ["Progress", "ensure", "files"]


def ensure(
    card: ModelCard,
    *,
    accept_licence: bool = False,
    offline: bool | None = None,
    progress: Progress | None = None,
) -> Path:
    """The verified local file of a network, fetched if it is not there.

    Args:
        card: The network.
        accept_licence: Whether a network that is not for commercial use may be fetched.
        offline: Whether the network is forbidden; None asks NUKKI_OFFLINE.
        progress: Called for each file with (bytes so far, bytes in all or None).

    Returns:
        The path of the graph, the card's first file; the others lie beside it.

    Raises:
        ChecksumMismatch: If a file is not the one of the card.
        Offline: If a file is missing and may not be fetched; it says where to put it.
        FetchError: If a file cannot be had, its licence was not accepted, or it has to be converted
            first.
    """
    if card.convert is not None:
        return _converted(card)
    return files(card, accept_licence=accept_licence, offline=offline, progress=progress)


def _converted(card: ModelCard) -> Path:
    """The first of the graphs that were made of the network's checkpoint, unchanged since."""
    for file in store.running(card):
        path = store.locate(card, file)
        if not path.is_file():
            message = f"`{path}` is missing; it is made of the authors' checkpoint once"
            raise FetchError(message, hint=f"run `nukki models get {card.name}`")
        store.check(card, file)
    return store.graphs(card)[0]


def files(
    card: ModelCard,
    *,
    accept_licence: bool = False,
    offline: bool | None = None,
    progress: Progress | None = None,
) -> Path:
    """What the card names, fetched if it is not there and verified: graphs, or a checkpoint.

    The arguments and errors are those of `ensure`.

    Returns:
        The path of the card's first file.
    """
    if not card.files:
        message = f"`{card.name}`: `files` is missing, so there is nothing to fetch"
        raise FetchError(message, hint="give the path of the .onnx file with its card")
    if _missing(card):
        refuse(card, accept_licence=accept_licence, offline=offline)
        with store.locked(card):
            for file in _missing(card):  # asked again: another process may have been faster
                _fetch(card, file, progress)
    for file in card.files:
        if not file.embedded:  # the package's own files are what was installed
            store.check(card, file)
    return store.locate(card, card.files[0])


def _missing(card: ModelCard) -> list[ModelFile]:
    return [file for file in card.files if not store.locate(card, file).is_file()]


def refuse(card: ModelCard, *, accept_licence: bool, offline: bool | None) -> None:
    """Raise what forbids fetching the missing files, if anything does."""
    missing = _missing(card)
    if not missing:  # another thread or process was faster
        return
    file = missing[0]
    if file.embedded:
        message = f"`{file.name}` is missing from the package"
        raise FetchError(message, hint="install nukki again")
    target = store.locate(card, file)
    digest = file.digest or "none stated by the publisher"
    by_hand = f"place the file by `nukki models import {file.name} --as {card.name}`"
    if not file.urls:
        message = f"`{target}` is missing, and its card has no address (digest: {digest})"
        raise FetchError(message, hint=by_hand)
    if settings.offline() if offline is None else offline:
        message = f"`{target}` is missing and the network is switched off (digest: {digest})"
        hint = f"fetch {file.urls[0]} elsewhere, then {by_hand}"
        raise Offline(message, hint=hint)
    if card.commercial_use == "no" and not accept_licence:
        message = (
            f"`{card.name}` is not for commercial use ({card.weights_licence}) "
            "and is fetched only when its licence is accepted"
        )
        raise FetchError(message, hint=f"read {card.origin}, then add `--accept-licence`")


def _fetch(card: ModelCard, file: ModelFile, progress: Progress | None) -> Path:
    """Fetch one file; without a publisher's digest, an earlier download's pin is asked for."""
    from nukki.zoo.download import download, drop  # HTTP and TLS: not at each start

    part = store.part_path(card, file)
    stamp = store.read_stamp(store.locate(card, file))
    pin = f"sha256:{stamp.sha256}" if stamp is not None and file.digest is None else file.digest
    hashes = download(replace(file, digest=pin), part, progress=progress)
    target = store.settle(card, file, part, hashes)
    drop(part)
    return target
