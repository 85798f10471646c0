"""What a worker does: an order in, an answer out, by the library's own functions."""

from __future__ import annotations

import io
import json
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from nukki import api
from nukki.errors import InputError, MissingExtra
from nukki.io import images
from nukki.io.encode import supports_alpha
from nukki.io.images import Picture
from nukki.io.sniff import sniff
from nukki.pipelines.options import EraseOptions
from nukki.pipelines.place_words import size_of
from nukki.serve import records
from nukki.serve.fields import flags_of
from nukki.serve.memory import held
from nukki.serve.refusals import Refusal, refusal_of
from nukki.serve.tasks import MEDIA_TYPES, TASKS, arguments, encoding
from nukki.serve.wire import Answer, Failure, Order
from nukki.types import Box, Point

__all__ = ["Job", "perform", "read_part"]


@dataclass
class Job:
    """An order that is being worked on.

    Attributes:
        order: What is asked for.
        given: Arguments of the library's function.
        how: Arguments of `encode`.
        call: On what it runs: device and threads.
        seconds: Time of each step.
    """

    order: Order
    given: dict[str, Any]
    how: dict[str, Any]
    call: Mapping[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)

    def picture(self, name: str = "image") -> Picture:
        """An uploaded picture, decoded; the mask and the background have to be whole."""
        started = time.perf_counter()
        tolerant = name == "image" and bool(self.given.get("allow_truncated"))
        picture = read_part(self.order, name, allow_truncated=tolerant)
        self._add("decode", time.perf_counter() - started)
        return picture

    def options(self, *but: str) -> dict[str, Any]:
        """Arguments of the library's function that are not about reading, uploads among them."""
        left = {"allow_truncated", *but}
        given = {name: value for name, value in self.given.items() if name not in left}
        for one in TASKS[self.order.task].options:
            if one.is_part and one.name in self.order.files and one.key not in left:
                given[one.key] = self.picture(one.name)
        return given

    def encoded(
        self, make: Callable[[], bytes], seconds: Mapping[str, float], headers: Mapping[str, str]
    ) -> Answer:
        """The answer of a body that is still to be made."""
        for step, value in seconds.items():
            self._add(step, value)
        started = time.perf_counter()
        body = make()
        self._add("encode", time.perf_counter() - started)
        return Answer(
            media_type=MEDIA_TYPES[self.order.kind],
            body=body,
            headers=headers,
            seconds=records.rounded(self.seconds),
        )

    def json(
        self, record: Callable[[], Mapping[str, Any]], seconds: Mapping[str, float], **headers: str
    ) -> Answer:
        """The answer of a record."""

        def make() -> bytes:
            said = {**record(), "seconds": records.rounded(self.seconds)}
            return json.dumps(said, ensure_ascii=False).encode()

        return self.encoded(make, seconds, headers)

    def _add(self, step: str, value: float) -> None:
        self.seconds[step] = self.seconds.get(step, 0.0) + value


def perform(order: Order, call: Mapping[str, Any]) -> Answer:
    """Do what is asked for; whatever goes wrong is an answer, too.

    Args:
        order: What.
        call: `device` and `threads` of the library's functions.
    """
    try:
        answer = _done(order, call)
    except Exception as error:  # noqa: BLE001 the last stop: a fault of ours is told in the log
        said = refusal_of(error, flags=flags_of(_fields(order)))
        answer = Answer(failure=Failure.of(said, _trace(error) if said.status >= 500 else None))
    return Answer(**{**answer.__dict__, "memory": held()})


def read_part(order: Order, name: str, *, allow_truncated: bool = False) -> Picture:
    """An uploaded picture, decoded; refused by its header where it is too large.

    Raises:
        Refusal: If it is none, too large, or damaged.
    """
    data = order.files[name]
    try:
        sniff(name, data)
    except InputError as error:
        raise refusal_of(error, about="not_a_picture") from error
    stream = io.BytesIO(data)
    stream.name = name  # what errors call it
    try:
        return images.read(stream, max_pixels=order.max_pixels, allow_truncated=allow_truncated)
    except (InputError, MissingExtra) as error:
        said = refusal_of(error, about="bad_picture", flags=("allow_truncated",))
        if name != "image" and "allow_truncated" in (said.hint or ""):
            raise Refusal(said.message, said.code, hint="send all of the file") from error
        raise said from error


def _done(order: Order, call: Mapping[str, Any]) -> Answer:
    if order.task == "removebg":
        from nukki.serve.removebg_work import removebg

        return removebg(order, call)
    task = TASKS[order.task]
    job = Job(order, arguments(task, order.values), encoding(task, order.values), call)
    return _WORK[order.task](job)


def _fields(order: Order) -> tuple[Any, ...]:
    return TASKS[order.task].fields if order.task in TASKS else ()


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _about(found: bool, confidence: float, road: str, picture: Picture) -> dict[str, str]:
    return {
        "X-Found": str(found).lower(),
        "X-Confidence": f"{confidence:.4f}",
        "X-Road": road,
        "X-Width": str(picture.width),
        "X-Height": str(picture.height),
    }


def _in_pixels(box: Box | None) -> dict[str, str]:
    return {} if box is None else {"X-Box": f"{box.left},{box.top},{box.right},{box.bottom}"}


def _background(job: Job) -> Any:
    """The colour or the picture that was sent; None where none was."""
    if "background" in job.order.files:
        return job.picture("background")
    return job.given.get("background")


def _remove(job: Job) -> Answer:
    kind, background = job.order.kind, _background(job)
    opaque = background not in (None, "transparent") or job.how.get("mask")
    if kind != "json" and not supports_alpha(kind) and not opaque:
        message = f"{kind.upper()} has no transparency, and the cut-out needs it"
        raise Refusal(message, "bad_option", hint="send background=white, or format=png")
    cut = api.remove(job.picture(), **job.options("background"), **job.call, background=background)
    about = _about(cut.found, cut.confidence, cut.road, cut.picture) | _in_pixels(cut.box())
    if kind == "json":
        return job.json(lambda: records.cutout_record(cut), cut.seconds, **about)
    return job.encoded(lambda: cut.encode(kind, **job.how), cut.seconds, about)


def _replace(job: Job) -> Answer:
    kind, background = job.order.kind, _background(job)
    added = job.picture("add") if "add" in job.order.files else None
    if (background is None) == (added is None):
        message = "`background` or `add` must say what is replaced, and not both"
        raise Refusal(message, "missing_part", hint="send background=white, or a picture as `add`")
    if "size" in job.given:
        height, width = size_of(job.given["size"])
        if height * width > job.order.max_pixels:
            message = f"`size` must have at most {job.order.max_pixels:,} pixels"
            raise Refusal(message, "too_many_pixels", hint="send a smaller size")
    options = {**job.options("background"), **job.call}
    made = api.replace(job.picture(), background, add=added, **options)
    about = _about(made.found, made.confidence, made.road, made)
    if kind == "json":
        return job.json(lambda: records.replaced_record(made), made.seconds, **about)
    return job.encoded(lambda: made.encode(kind, **job.how), made.seconds, about)


def _segment(job: Job) -> Answer:
    found = api.segment(job.picture(), **job.options(), **job.call)
    best = found[0].score if found else 0.0
    about = _about(bool(found), best, "instances", found.picture)
    if job.order.kind == "json":
        return job.json(lambda: records.segment_record(found), found.seconds, **about)
    return job.encoded(
        lambda: found.numbered().encode(job.order.kind, **job.how), found.seconds, about
    )


def _pick(job: Job) -> Answer:
    shown = job.order.shown
    points = [_point("at", text, keep=True) for text in shown.get("at", ())]
    points += [_point("not", text, keep=False) for text in shown.get("not", ())]
    boxes = [_whole("box", text) for text in shown.get("box", ())]
    if len(boxes) > 1:
        raise Refusal(message="`box` must come once", code="bad_option", hint="send one box")
    kind, box = job.order.kind, boxes[0] if boxes else None
    if kind != "json" and not supports_alpha(kind) and not job.how.get("mask"):
        message = f"{kind.upper()} has no transparency, and the cut-out needs it"
        raise Refusal(message, "bad_option", hint="send format=png, or mask=true")
    started = time.perf_counter()
    one = api.pick(job.picture(), points=points, box=box, **job.options(), **job.call)
    seconds = {"network": time.perf_counter() - started - job.seconds["decode"]}
    about = _about(True, one.score, "instance", one.picture) | _in_pixels(one.box)
    if kind == "json":
        return job.json(lambda: records.pick_record(one), seconds, **about)
    threads = job.call.get("threads") or 1
    return job.encoded(lambda: one.cut(threads=threads).encode(kind, **job.how), seconds, about)


def _erase(job: Job) -> Answer:
    kind, image, ahead = job.order.kind, job.picture(), job.how.pop("preview", False)
    if kind != "json" and image.alpha is not None and not supports_alpha(kind) and not ahead:
        message = f"{kind.upper()} has no transparency, and the photo has"
        raise Refusal(message, "bad_option", hint="send format=png")
    mask = job.picture("mask") if "mask" in job.order.files else None
    wish = {**job.options(), "mask": mask}
    if ahead:  # who fills does not matter
        fills = {one.name for one in fields(EraseOptions)}
        wish = {name: value for name, value in wish.items() if name not in fills}
    made = (
        api.what_goes(image, **wish, **job.call) if ahead else api.erase(image, **wish, **job.call)
    )
    sure = min((part.segment.score for part in records.parts_of(made)), default=1.0)
    about = _about(True, sure, "chosen" if mask is None else "mask", image)
    if kind == "json":
        return job.json(lambda: records.erased_record(made), made.seconds, **about)
    picture = made if isinstance(made, Picture) else made.preview()
    return job.encoded(lambda: picture.encode(kind, **job.how), made.seconds, about)


_WORK: Mapping[str, Callable[[Job], Answer]] = {
    "remove": _remove,
    "replace": _replace,
    "segment": _segment,
    "pick": _pick,
    "erase": _erase,
}


def _numbers(name: str, text: str, count: int) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count or not all(abs(value) < 1e9 for value in values):
        form = "X,Y" if count == 2 else "LEFT,TOP,RIGHT,BOTTOM"
        message = f"`{name}` must be {form} in pixels, got {text[:80]!r}"
        raise Refusal(
            message, "bad_option", hint=f"send {name}={'640,360' if count == 2 else '0,0,640,360'}"
        )
    return values


def _point(name: str, text: str, *, keep: bool) -> Point:
    x, y = _numbers(name, text, 2)
    return Point(x, y, keep)


def _whole(name: str, text: str) -> Box:
    values = _numbers(name, text, 4)
    if any(value != int(value) for value in values):
        message = f"`{name}` must be four whole numbers, got {text[:80]!r}"
        raise Refusal(message, "bad_option", hint=f"send {name}=0,0,640,360")
    left, top, right, bottom = (int(value) for value in values)
    return Box(left, top, right, bottom)
