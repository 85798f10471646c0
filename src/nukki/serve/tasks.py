"""What the server can be asked for: each task's address, fields, parts, and kinds of answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from nukki.errors import InputError
from nukki.pipelines.erase_options import GoOptions
from nukki.pipelines.options import (
    EraseOptions,
    OutputOptions,
    PickOptions,
    ReadOptions,
    RemoveOptions,
    SegmentOptions,
)
from nukki.pipelines.replace_options import AddOptions, PlaceOptions
from nukki.serve.fields import Field, fields_of, flags_of, read
from nukki.serve.refusals import refusal_of

__all__ = ["MEDIA_TYPES", "TASKS", "Task", "arguments", "encoding"]

MEDIA_TYPES: Mapping[str, str] = {
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "tiff": "image/tiff",
    "jpeg": "image/jpeg",
    "ora": "image/openraster",
    "json": "application/json",
}
_PICTURES = ("png", "webp", "avif", "tiff", "jpeg")
_IMAGE = {"image": "the photo: JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, or HEIC where installed"}


@dataclass(frozen=True)
class Task:
    """Something to be asked for.

    Attributes:
        name: Its address is /api/NAME.
        summary: One line.
        tables: Dataclasses of the options that the library's function takes.
        kinds: What the answer may be, the usual one first.
        parts: Uploaded pictures that are no options, with a line of help each.
        needed: Those of them without which there is nothing to do.
        shown: Fields that may come more than once, with a line of help each.
        masks: Whether the answer may be the alpha alone.
        previews: Whether the answer may be what would be done.
    """

    name: str
    summary: str
    tables: tuple[type, ...]
    kinds: tuple[str, ...]
    parts: Mapping[str, str]
    needed: tuple[str, ...] = ("image",)
    shown: Mapping[str, str] = field(default_factory=dict)
    masks: bool = False
    previews: bool = False

    @cached_property
    def options(self) -> tuple[Field, ...]:
        """Fields that are arguments of the library's function."""
        return fields_of(*self.tables, ReadOptions)

    @cached_property
    def answers(self) -> tuple[Field, ...]:
        """Fields that say what the answer looks like."""
        format_ = Field(
            "format",
            "format",
            "choice",
            "what comes back; else what the header Accept asks for",
            choices=self.kinds,
        )
        mask = Field("mask", "mask", "switch", "the alpha as a grey picture", default=False)
        ahead = Field(
            "preview", "preview", "switch", "only draw or tell what would go", default=False
        )
        encoding = fields_of(OutputOptions, but=("format",)) if self.pictures else ()
        looks = (*((mask,) if self.masks else ()), *((ahead,) if self.previews else ()))
        return (format_, *looks, *encoding)

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields."""
        return (*self.options, *self.answers)

    @property
    def pictures(self) -> tuple[str, ...]:
        """The formats of pictures among the kinds."""
        return tuple(kind for kind in self.kinds if kind != "json")

    @cached_property
    def uploads(self) -> Mapping[str, str]:
        """All parts that may be files, with a line of help each."""
        return {**self.parts, **{one.name: one.help for one in self.options if one.is_part}}


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task(
            "remove",
            "Cut the subject out of a photo",
            (RemoveOptions,),
            (*_PICTURES, "json"),
            _IMAGE,
            masks=True,
        ),
        Task(
            "replace",
            "Put another background behind the subject, or somebody into the photo",
            (PlaceOptions, AddOptions, RemoveOptions),
            (*_PICTURES, "ora", "json"),
            {**_IMAGE, "add": "a picture of somebody who comes into the photo"},
        ),
        Task(
            "segment",
            "Tell the people and objects of a photo apart",
            (SegmentOptions,),
            ("json", *_PICTURES),
            _IMAGE,
        ),
        Task(
            "pick",
            "Cut out the one thing of a photo that clicks or a box show",
            (PickOptions,),
            (*_PICTURES, "json"),
            _IMAGE,
            shown={
                "at": "a point on the thing: X,Y in pixels",
                "not": "a point beside it: X,Y",
                "box": "a box around it: LEFT,TOP,RIGHT,BOTTOM",
            },
            masks=True,
        ),
        Task(
            "erase",
            "Take people or things out of a photo and fill the hole",
            (GoOptions, EraseOptions),
            (*_PICTURES, "json"),
            {**_IMAGE, "mask": "instead of `what`: what goes is white; of the photo's size"},
            previews=True,
        ),
    )
}


def arguments(task: Task, values: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of the library's function, checked by the dataclasses themselves.

    Args:
        task: What is asked for.
        values: Every field as it was sent; those of the answer are passed over.

    Raises:
        Refusal: If one is unknown or wrong.
    """
    given = read(task.fields, values)
    given = {one.key: given[one.key] for one in task.options if one.key in given}
    for table in (*task.tables, ReadOptions):
        _build(task, table, given)
    return given


def encoding(task: Task, values: Mapping[str, str]) -> dict[str, Any]:
    """How the answer's picture is encoded, and `mask` and `preview` where the task has them.

    Raises:
        Refusal: If a value is wrong.
    """
    given = read(task.fields, values)
    how = {one.key: given[one.key] for one in task.answers if one.key in given}
    how.pop("format", None)
    _build(task, OutputOptions, how)
    return how


def _build(task: Task, table: type, given: Mapping[str, Any]) -> None:
    """Let a dataclass say whether its values are right."""
    names = [one.name for one in fields(table)]
    try:
        table(**{name: given[name] for name in names if name in given})
    except InputError as error:
        raise refusal_of(error, flags=flags_of(task.fields)) from error
