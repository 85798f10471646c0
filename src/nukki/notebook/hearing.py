"""What a browser says to a `Cutter`: actions by name, with their values and bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from nukki.errors import InputError, LimitExceeded, NukkiError
from nukki.types import Point

if TYPE_CHECKING:
    from nukki.notebook.cutter import Cutter

__all__ = ["ACTIONS", "MOST_BYTES", "hear"]

MOST_BYTES = 256 << 20  # of a photo that is sent

Values: TypeAlias = Mapping[str, Any]
Action: TypeAlias = "Callable[[Cutter, Values, Sequence[bytes]], None]"


def hear(cutter: Cutter, content: object, buffers: Sequence[Any]) -> None:
    """Do what the browser says.

    Errors are shown there: in a notebook, what a callback raises is seen by nobody.

    Args:
        cutter: Who is spoken to.
        content: `do`, the action's name, `id`, the request's number, and its values; anything else
            is passed over.
        buffers: Bytes that belong to it.
    """
    values: Values = content if isinstance(content, Mapping) else {}
    act = ACTIONS.get(str(values.get("do")))
    if act is None:
        return
    number = values.get("id")
    cutter._answered = number if isinstance(number, int) else cutter._answered
    try:
        act(cutter, values, [bytes(one) for one in buffers])
    except NukkiError as error:
        cutter._tell(error=error)
    except (KeyError, TypeError, ValueError) as error:
        message = f"`{values.get('do')}` was asked for in a way that is not understood: {error}"
        cutter._tell(error=InputError(message, hint="run the cell again"))


def _ready(cutter: Cutter, _values: Values, _buffers: Sequence[bytes]) -> None:
    """A new panel needs everything."""
    if cutter.photo is not None:
        cutter._send_photo()
        cutter._send_view()
    cutter._tell(cutter._status, cutter._error)


def _upload(cutter: Cutter, values: Values, buffers: Sequence[bytes]) -> None:
    """A part of a photo: servers of notebooks refuse large messages."""
    part, parts = int(values["part"]), int(values["parts"])
    if part == 0:
        cutter._upload = []
    if part != len(cutter._upload) or not buffers:
        message = "the photo did not arrive whole"
        raise InputError(message, hint="choose it again")
    cutter._upload.append(buffers[0])
    if sum(map(len, cutter._upload)) > MOST_BYTES:
        cutter._upload = []
        message = f"the photo has more than {MOST_BYTES >> 20} MB"
        raise LimitExceeded(message, hint="put it beside the notebook: load('photo.jpg')")
    if part == parts - 1:
        whole, cutter._upload = b"".join(cutter._upload), []
        cutter.load(_Sent(whole, str(values.get("name") or "the photo")))
    else:
        cutter._tell("Taking the photo …")


class _Sent(io.BytesIO):
    """A file from the browser; its name is for messages, nothing is opened by it."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def _click(cutter: Cutter, values: Values, _buffers: Sequence[bytes]) -> None:
    """A click turns the box of what is listed there, or picks and checks what is not."""
    point, mark = Point(float(values["x"]), float(values["y"])), values["mark"]
    thing = cutter._job.at(point)
    if thing is not None:
        on = thing.number not in cutter.checked(mark)
        _check(cutter, {"number": thing.number, "mark": mark, "on": on}, ())
        return
    picked = cutter._job.pick([point], mark=mark)
    cutter._send_map()
    cutter._changed(f"{picked.number} was picked.")


def _check(cutter: Cutter, values: Values, _buffers: Sequence[bytes]) -> None:
    number, mark = int(values["number"]), values["mark"]
    if values["on"]:
        cutter.check(number, mark)
    else:
        cutter.uncheck(number, mark)


def _brush(cutter: Cutter, values: Values, _buffers: Sequence[bytes]) -> None:
    points = [(float(x), float(y)) for x, y in values["points"]]
    size, snap = float(values["size"]), bool(values["snap"])
    cutter.brush(points, values["kind"], size=size, snap=snap)


def _look(cutter: Cutter, values: Values, _buffers: Sequence[bytes]) -> None:
    """Show one of the pictures, made as it is checked and painted now."""
    looks: dict[str, Callable[[], object]] = {
        "photo": lambda: cutter._show("photo", ""),
        "preview": cutter.preview,
        "cutout": cutter.cut_out,
        "erased": cutter.erase,
    }
    looks[values["view"]]()


def _undo(cutter: Cutter, _values: Values, _buffers: Sequence[bytes]) -> None:
    cutter.undo()


def _redo(cutter: Cutter, _values: Values, _buffers: Sequence[bytes]) -> None:
    cutter.redo()


def _go_on(cutter: Cutter, _values: Values, _buffers: Sequence[bytes]) -> None:
    """Take the erased photo as the photo."""
    cutter.load(cutter.erased)


def _download(cutter: Cutter, _values: Values, _buffers: Sequence[bytes]) -> None:
    result = cutter.result
    cutter.send({"file": f"{cutter._made}.png"}, [result.encode("png")])
    cutter._tell("Saved by the browser.")


ACTIONS: dict[str, Action] = {
    "ready": _ready,
    "upload": _upload,
    "check": _check,
    "click": _click,
    "brush": _brush,
    "undo": _undo,
    "redo": _redo,
    "look": _look,
    "go-on": _go_on,
    "download": _download,
}
