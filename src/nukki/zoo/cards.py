"""Model cards: TOML in, frozen dataclasses out, and nothing that the schema does not know.

A card is the whole of what nukki knows of a network: its files with their digests, how a picture
becomes its input, how its output becomes an alpha, whose it is and what may be done with it. The
tables `[input]`, `[output]`, `[classes]`, `[boxes]`, `[detections]`, `[queries]`, `[prompts]`,
`[crops]`, `[matting]` and `[inpainting]` are the fields of the dataclasses in `types`, read from
these themselves, so a new field there is a new key here. Which of them a card has depends on its
task.

A file with the key `convert` is the authors' checkpoint: the network's graphs are made of it on the
user's machine, and lie beside it under the names of `ModelCard.graphs`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from nukki.errors import CardError
from nukki.types import (
    BoxesSpec,
    ClassSpec,
    CropSpec,
    DetectionSpec,
    InpaintingSpec,
    InputSpec,
    MattingSpec,
    OutputSpec,
    PromptSpec,
    QuerySpec,
)
from nukki.zoo.checks import (
    Problem,
    boxes_problems,
    inpainting_problems,
    input_problems,
    matting_problems,
)
from nukki.zoo.labels import labels_of
from nukki.zoo.schema import Reader

__all__ = ["CommercialUse", "ModelCard", "ModelFile", "Task", "load_card", "parse_card"]

Task = Literal[
    "saliency", "semantic", "detection", "instances", "prompted", "matting", "inpainting"
]
CommercialUse = Literal["yes", "no", "unclear"]
Scores = tuple[tuple[str, str], ...]

_MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_RESERVED_SUFFIXES = (".part", ".lock", ".stamp")  # what fetching writes beside the files
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}|sha256-prefix:[0-9a-f]{8,63}")


@dataclass(frozen=True)
class ModelFile:
    """One file of a network.

    Attributes:
        name: Its name in the model's folder; no folder in it.
        urls: http(s) addresses, tried in turn; empty where it is embedded or placed by hand.
        size_bytes: Its size where the publisher states it, else None.
        digest: "sha256:HEX", "md5:HEX", "sha256-prefix:HEX" (as torch hub writes it into names),
            or None where the publisher states none: then the first download is pinned.
        size_stated: The size in the publisher's words where the bytes are not known ("176 MB").
        embedded: Whether the file is part of the package.
        convert: The name by which `nukki convert` makes the network's graphs of this checkpoint;
            None for a file that is used as it is.
    """

    name: str
    urls: tuple[str, ...] = ()
    size_bytes: int | None = None
    digest: str | None = None
    size_stated: str | None = None
    embedded: bool = False
    convert: str | None = None


@dataclass(frozen=True)
class ModelCard:
    """A network and all that is known of it.

    Attributes:
        name: What `model=` takes.
        title: For people.
        task: What the network does, which decides the class in `tasks` that runs it.
        files: The first is the graph, or the checkpoint of which it is made; others lie beside it.
        input: How a picture becomes the input.
        output: How the output becomes an alpha, or a map of each class.
        classes: What its class numbers mean, where it has classes.
        boxes: Its outputs, where it gives boxes alone.
        detections: Its outputs, where it gives boxes with masks.
        queries: Its outputs, where it answers queries.
        prompts: Its tensors, where it is asked by clicks and boxes.
        crops: Its tensors, where it is shown crops and asked by maps.
        matting: How much it sees at once, where it gets a trimap.
        inpainting: How a hole is shown to it, where it fills one.
        code_licence: Licence of the publisher's code.
        weights_licence: Licence of the weights.
        data_terms: What the training data allow, in words.
        commercial_use: Whether the weights may be used commercially, as far as the publisher says.
        origin: Address of the publisher.
        paper: Citation, or empty.
        published_scores: (name, value as printed) pairs by the authors.
        our_scores: (name, value as printed) pairs measured by this project.
        limits: What the network does badly.
        notes: What else a user should know.
    """

    name: str
    title: str
    task: Task
    files: tuple[ModelFile, ...]
    input: InputSpec
    output: OutputSpec = field(default_factory=OutputSpec)
    classes: ClassSpec | None = None
    boxes: BoxesSpec | None = None
    detections: DetectionSpec | None = None
    queries: QuerySpec | None = None
    prompts: PromptSpec | None = None
    crops: CropSpec | None = None
    matting: MattingSpec | None = None
    inpainting: InpaintingSpec | None = None
    code_licence: str = "unknown"
    weights_licence: str = "unknown"
    data_terms: str = "unknown"
    commercial_use: CommercialUse = "unclear"
    origin: str = ""
    paper: str = ""
    published_scores: Scores = ()
    our_scores: Scores = ()
    limits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def embedded(self) -> bool:
        """Whether every file is part of the package."""
        return bool(self.files) and all(file.embedded for file in self.files)

    @property
    def convert(self) -> str | None:
        """The name by which the graphs are made of the first file; None where it is the graph."""
        return self.files[0].convert if self.files else None

    @property
    def graphs(self) -> tuple[str, ...]:
        """Names of the files that run, in the network's folder: published, or converted."""
        if self.convert is None:
            return tuple(file.name for file in self.files)
        return tuple(f"{self.name}{ending}" for ending in self.endings)

    @property
    def endings(self) -> tuple[str, ...]:
        """How the names of graphs end that are made by conversion.

        A network that is asked has two, the one that sees the photo and the one that answers.
        """
        return (".encoder.onnx", ".decoder.onnx") if self.task == "prompted" else (".onnx",)

    @property
    def size_bytes(self) -> int | None:
        """Bytes of all files; None where the publisher does not state one of them."""
        sizes = [file.size_bytes for file in self.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if known and len(known) == len(sizes) else None


@dataclass(frozen=True)
class _Licence:
    """The table `[licence]`."""

    code: str
    weights: str
    data: str


@dataclass(frozen=True)
class _Scores:
    """The table `[scores]`."""

    published: Mapping[str, str] = field(default_factory=dict)
    ours: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Document:
    """The top level of a card, as it is written."""

    name: str
    title: str
    task: Task
    commercial_use: CommercialUse
    origin: str
    files: tuple[ModelFile, ...]
    input: InputSpec
    licence: _Licence
    output: OutputSpec | None = None
    classes: ClassSpec | None = None
    boxes: BoxesSpec | None = None
    detections: DetectionSpec | None = None
    queries: QuerySpec | None = None
    prompts: PromptSpec | None = None
    crops: CropSpec | None = None
    matting: MattingSpec | None = None
    inpainting: InpaintingSpec | None = None
    paper: str = ""
    scores: _Scores = field(default_factory=_Scores)
    limits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def load_card(path: str | Path, *, brief: bool = False) -> ModelCard:
    """Read a card from a file.

    Args:
        path: The TOML file.
        brief: Whether only task, input and output are needed (the user's own network).

    Raises:
        CardError: If the file cannot be read or is not a card; the file and the key are named.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"`{path}` must be UTF-8 text, got other bytes at {error.start}"
        raise CardError(message, hint="save the card as UTF-8") from error
    except OSError as error:
        message = f"`{path}` must be a model card, but it cannot be read: {error.strerror or error}"
        raise CardError(message, hint="give the path of a TOML card") from error
    return parse_card(text, source=str(path), brief=brief)


def parse_card(text: str, *, source: str, brief: bool = False) -> ModelCard:
    """Read a card from TOML text.

    Args:
        text: The card.
        source: What messages call it; with `brief`, its stem is the name where none is written.
        brief: Whether only task, input and output are needed.

    Raises:
        CardError: For text that is not TOML, unknown or missing keys, wrong types and values that
            cannot be; the source and the key are named.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        message = f"`{source}` must be TOML: {error}"
        raise CardError(message, hint="correct the line that is named") from error
    reader = Reader(source)
    if brief:
        stem = Path(source).stem
        table = {**_brief_defaults(stem), **table}
    document = reader.table(_Document, table, "")
    _check_tables(document, source)
    card = _flatten(document)
    for problem in _problems(card, brief=brief):
        raise reader.refused(*problem)
    return card


def _brief_defaults(stem: str) -> dict[str, Any]:
    unknown = {"code": "unknown", "weights": "unknown", "data": "unknown"}
    return {
        "name": re.sub(r"[^a-z0-9._-]", "-", stem.lower()).lstrip("._-")[:64] or "model",
        "title": stem,
        "commercial_use": "unclear",
        "origin": "",
        "files": [],
        "licence": unknown,
    }


# The tables that say what a network answers, by task: each set is one way of writing a card.
_ANSWERS: dict[Task, tuple[frozenset[str], ...]] = {
    "semantic": (frozenset({"output", "classes"}),),
    "detection": (frozenset({"boxes", "classes"}),),
    "instances": (frozenset({"detections", "classes"}), frozenset({"queries", "classes"})),
    "prompted": (frozenset({"prompts"}), frozenset({"crops"})),
    "matting": (frozenset({"output", "matting"}),),
    "inpainting": (frozenset({"output", "inpainting"}),),
}
_TABLES = (
    "output", "classes", "boxes", "detections", "queries", "prompts", "crops", "matting",
    "inpainting",
)  # fmt: skip


def _check_tables(document: _Document, source: str) -> None:
    """Refuse a card that lacks a table of its task or has another's."""
    given = {name for name in _TABLES if getattr(document, name) is not None}
    ways = _ANSWERS.get(document.task, (frozenset({"output"}),))
    if given in ways:
        return
    wanted = max(ways, key=lambda way: (len(way & given), -len(way - given)))
    for name in sorted(wanted - given):
        message = f"`{source}`: `{name}` is missing"
        raise CardError(message, hint=f"add `{name}` to the card")
    for name in sorted(given - wanted):
        message = f"`{source}`: `{name}` is not a table of a network for {document.task}"
        raise CardError(message, hint=f"leave out `{name}`, or correct the task")


def _flatten(document: _Document) -> ModelCard:
    return ModelCard(
        name=document.name,
        title=document.title,
        task=document.task,
        files=document.files,
        input=document.input,
        output=document.output or OutputSpec(),
        classes=document.classes,
        boxes=document.boxes,
        detections=document.detections,
        queries=document.queries,
        prompts=document.prompts,
        crops=document.crops,
        matting=document.matting,
        inpainting=document.inpainting,
        code_licence=document.licence.code,
        weights_licence=document.licence.weights,
        data_terms=document.licence.data,
        commercial_use=document.commercial_use,
        origin=document.origin,
        paper=document.paper,
        published_scores=tuple(document.scores.published.items()),
        our_scores=tuple(document.scores.ours.items()),
        limits=document.limits,
        notes=document.notes,
    )


def _problems(card: ModelCard, *, brief: bool) -> Iterator[Problem]:
    """What is of the right type and cannot be all the same: (key, expected, got)."""
    if not _MODEL_NAME.fullmatch(card.name):
        yield "name", "lower-case letters, digits, dot, dash or underscore", card.name
    if not brief:
        for key in ("title", "origin"):
            if not getattr(card, key).strip():
                yield key, "text", getattr(card, key)
        if not card.files:
            yield "files", "at least one file", []
    seen = [file.name.lower() for file in card.files]
    for index, file in enumerate(card.files):
        yield from _file_problems(file, f"files[{index}]")
        if file.name.lower() in seen[:index]:
            yield f"files[{index}].name", "a name that no other file has", file.name
        if file.convert is not None and index:
            yield f"files[{index}].convert", "left to the first file", file.convert
    if card.convert is not None and set(card.graphs) & set(seen):
        yield "files[0].name", "another name than that of the graph made of it", seen[0]
    yield from input_problems(card.input)
    yield from _answer_problems(card, brief=brief)


def _file_problems(file: ModelFile, key: str) -> Iterator[Problem]:
    plain = _FILE_NAME.fullmatch(file.name) and not file.name.endswith(".")
    if not plain or file.name.lower().endswith(_RESERVED_SUFFIXES):
        yield f"{key}.name", "a plain file name", file.name
    for index, url in enumerate(file.urls):
        if not is_web_address(url):
            yield f"{key}.urls[{index}]", "an http(s) address", url
    if file.size_bytes is not None and file.size_bytes < 1:
        yield f"{key}.size_bytes", "at least 1", file.size_bytes
    if file.digest is not None and not _DIGEST.fullmatch(file.digest):
        expected = "sha256:<64 hex>, md5:<32 hex> or sha256-prefix:<8 to 63 hex>, lower case"
        yield f"{key}.digest", expected, file.digest
    if file.embedded and file.urls:
        yield f"{key}.urls", "empty for an embedded file", list(file.urls)
    if file.convert is not None and (file.embedded or not _MODEL_NAME.fullmatch(file.convert)):
        yield f"{key}.convert", "a converter's name, and no embedded file", file.convert


def _answer_problems(card: ModelCard, *, brief: bool) -> Iterator[Problem]:
    spec = card.classes
    if spec is not None:
        if not any(labels_of(spec)):
            yield "classes.labels", "at least one label", list(spec.labels)
        if not 0 <= spec.min_score <= 1:
            yield "classes.min_score", "0 to 1", spec.min_score
    elif card.output.activation == "softmax":
        yield "output.activation", "that of a network without classes", card.output.activation
    if card.task == "prompted" and not brief and len(card.graphs) < 2:
        yield "files", "two files, one that sees the photo and one that answers", len(card.files)
    if card.boxes is not None:
        yield from boxes_problems(card.boxes)
    if card.matting is not None:
        yield from matting_problems(card.matting)
    if card.inpainting is not None:
        yield from inpainting_problems(card.inpainting, card.input.multiple)


def is_web_address(url: str) -> bool:
    """Whether `url` is an http or https address with a host and without a user name in it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in url
