"""Which networks there are: the package's own cards and those in the user's card folder.

A card's file is called after the network (`NAME.toml`), so finding one reads one file, and a broken
card of the user's is an error only for whoever asks for it.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from functools import cache
from pathlib import Path

from nukki import settings
from nukki.errors import CardError, InputError, UnknownModel
from nukki.zoo.cards import CommercialUse, ModelCard, Task, load_card

__all__ = [
    "broken",
    "card_for",
    "card_path",
    "cards",
    "check_task",
    "find",
    "is_own",
    "names",
    "own_names",
]

CARDS = Path(__file__).parent / "cards"
WEIGHTS = Path(__file__).parent / "weights"
MINIMAL_CARD = 'task = "saliency"', "input.size = [320, 320]", 'output.range = "absolute"'


@cache
def own_names() -> tuple[str, ...]:
    """Names of the networks whose cards are part of the package, sorted."""
    return tuple(sorted(path.stem for path in CARDS.glob("*.toml")))


def is_own(name: str) -> bool:
    """Whether the network's card is part of the package."""
    return name in own_names()


def names() -> tuple[str, ...]:
    """Every name that `find` may be asked for, own first, each group sorted."""
    return own_names() + tuple(name for name in _user_files() if not is_own(name))


def cards(
    task: Task | None = None, *, commercial_use: CommercialUse | None = None
) -> tuple[ModelCard, ...]:
    """The cards of all networks, own first; broken cards of the user's are left to `broken`.

    Args:
        task: Only networks for this task.
        commercial_use: Only networks of which the card says so.
    """
    found = [_own(name) for name in own_names()]
    found += [card for card in _user_cards().values() if isinstance(card, ModelCard)]
    return tuple(
        card
        for card in found
        if task in (None, card.task) and commercial_use in (None, card.commercial_use)
    )


def broken() -> tuple[CardError, ...]:
    """Why the user's cards that cannot be used cannot be used, one error each."""
    return tuple(card for card in _user_cards().values() if isinstance(card, CardError))


def find(name: str) -> ModelCard:
    """The card of the network of that name.

    Raises:
        UnknownModel: If there is none; near matches are in the hint.
        CardError: If the user's card of that name is broken, or has the name of an own one.
    """
    user = _user_files().get(name)
    if user is not None:
        return _user(user)
    if is_own(name):
        return _own(name)
    near = _near(name.lower())
    message = f"`{name}` is not the name of a model"
    hint = f"use {' or '.join(near)}" if near else "run `nukki models list` for the names"
    raise UnknownModel(message, hint=hint)


def check_task(card: ModelCard, task: Task) -> None:
    """Refuse a network that is for something else, before anything of it is fetched.

    Raises:
        InputError: If the card's task is another one.
    """
    if card.task != task:
        message = f"`{card.name}` must be a network for {task}, got one for {card.task}"
        raise InputError(message, hint=f"choose one of `nukki models list --task {task}`")


def card_path(name: str) -> Path:
    """The file of the card that `find` reads."""
    return CARDS / f"{name}.toml" if is_own(name) else settings.cards_folder() / f"{name}.toml"


def _near(name: str) -> list[str]:
    """Up to three names like `name`: those that begin with it first (`isnet`, `birefnet`)."""
    known = names()
    begin = [other for other in known if name and other.startswith(name)]
    alike = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return list(dict.fromkeys(begin + alike))[:3]


def card_for(model: str, card: str | None = None) -> tuple[ModelCard, Path | None]:
    """The card of a name, or of the user's own `.onnx` file with its card file.

    Args:
        model: A name, or the path of an ONNX file.
        card: The path of the card that goes with a file; None with a name.

    Returns:
        The card, and the path of the file where `model` is one, else None.

    Raises:
        UnknownModel: If there is no such name.
        CardError: If the file has no card, or a broken one.
        InputError: If the file does not exist, or a card is given with a name.
    """
    if not model.lower().endswith(".onnx"):
        if card is not None:
            message = f"`{card}` goes with an ONNX file, got the name `{model}`"
            raise InputError(message, hint="give the path of the .onnx file, or leave out the card")
        return find(model), None
    path = Path(model).expanduser()
    if not path.is_file():
        message = f"`{model}` must be an ONNX file, but there is no such file"
        raise InputError(message, hint="give the path of the file, or a name without .onnx")
    if card is None:
        message = f"`{model}` needs a card that says what goes in and what comes out"
        lines = "; ".join(MINIMAL_CARD)
        hint = f"add `--card card.toml`, a file with at least these lines: {lines}"
        beside = path.with_suffix(".toml")  # where a conversion writes it
        if beside.is_file():
            hint = f"add `--card {beside}`"
        raise CardError(message, hint=hint)
    return load_card(Path(card).expanduser(), brief=True), path


@cache
def _own(name: str) -> ModelCard:
    return _named(CARDS / f"{name}.toml")


def _named(path: Path) -> ModelCard:
    card = load_card(path)
    if card.name != path.stem:
        message = f"`{path}`: `name` must be the file's own, {path.stem!r}, got {card.name!r}"
        raise CardError(message, hint=f"rename the file to {card.name}.toml")
    return card


def _user_files() -> dict[str, Path]:
    """Names and files of the user's cards, sorted by name."""
    try:
        files = sorted(settings.cards_folder().glob("*.toml"))
    except OSError:  # a folder that may not be listed holds no cards
        return {}
    return {path.stem: path for path in files}


def _user(path: Path) -> ModelCard:
    if is_own(path.stem):
        message = f"`{path}` has the name of a model of the package, `{path.stem}`"
        raise CardError(message, hint="rename the file and the name in it")
    return _named(path)


def _user_cards() -> dict[str, ModelCard | CardError]:
    read: dict[str, ModelCard | CardError] = {}
    for name, path in _user_files().items():
        try:
            read[name] = _user(path)
        except CardError as error:
            read[name] = error
    return read


def restamp(name: str) -> str:
    """Write the size and sha256 of an embedded network's file into its card, and return the digest.

    For whoever replaces the file:
    `python -c "from nukki.zoo.catalog import restamp; restamp('subject')"`.
    """
    path = CARDS / f"{name}.toml"
    data = (WEIGHTS / f"{name}.onnx").read_bytes()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"(?m)^size_bytes = .*$", f"size_bytes = {len(data)}", text, count=1)
    text = re.sub(r"(?m)^digest = .*$", f'digest = "{digest}"', text, count=1)
    path.write_text(text, encoding="utf-8", newline="\n")
    _own.cache_clear()
    return digest
