"""A request's form and query as an order for a worker; whatever is wrong with it is said here."""

from __future__ import annotations

from collections.abc import Sequence

from nukki.serve.accept import kind_for
from nukki.serve.bodies import Form
from nukki.serve.refusals import Refusal
from nukki.serve.tasks import Task, arguments, encoding
from nukki.serve.wire import Order

__all__ = ["order_of"]

_MOST_SHOWN = 200  # clicks and boxes
_FOREIGN = {"file": "image", "image_file": "image", "photo": "image", "url": "image"}


def order_of(
    task: Task,
    form: Form,
    query: Sequence[tuple[str, str]],
    *,
    accept: str = "",
    max_pixels: int = 50_000_000,
) -> Order:
    """The order of a request.

    Args:
        task: What is asked for.
        form: Its body.
        query: The fields of its address; each option may be in one of the two.
        accept: The header, asked where there is no field `format`.
        max_pixels: Of each picture.

    Raises:
        Refusal: If something is missing, unknown, twice there or wrong.
    """
    values: dict[str, str] = {}
    shown: dict[str, list[str]] = {name: [] for name in task.shown}
    for name, text in (*form.texts, *query):
        if name in shown:
            shown[name].append(text)
        elif name in values:
            message = f"`{name[:80]}` must come once"
            raise Refusal(message, "bad_option", hint="send each option once")
        else:
            values[name] = text
    if sum(map(len, shown.values())) > _MOST_SHOWN:
        message = f"there must be at most {_MOST_SHOWN} clicks"
        raise Refusal(message, "bad_option", hint="fewer say as much")
    _check_files(task, form, values)
    arguments(task, values)
    encoding(task, values)
    kind = values.get("format") or kind_for(accept, task.kinds)
    return Order(
        task=task.name,
        values=values,
        kind=kind,
        shown=shown,
        max_pixels=max_pixels,
        files=form.files,
    )


def _check_files(task: Task, form: Form, values: dict[str, str]) -> None:
    for name in form.files:
        if name not in task.uploads:
            known = ", ".join(task.uploads)
            message = f"`{name[:80]}` is not a part here, expected {known}"
            near = _FOREIGN.get(name)
            hint = f"call it `{near}`" if near else "leave it out"
            raise Refusal(message, "bad_option", hint=hint)
        if name in values:
            message = f"`{name}` must be a text or a file, got both"
            raise Refusal(message, "bad_option", hint="leave out one of them")
    for name in task.needed:
        if name not in form.files:
            if name in values:
                message = f"`{name}` must be an uploaded file, got a text"
                hint = f"send the file itself: curl -F {name}=@file"
                raise Refusal(message, "missing_part", hint=hint)
            message = f"the part `{name}` is missing"
            hint = f"send the picture as `{name}`: curl -F {name}=@cat.jpg"
            raise Refusal(message, "missing_part", hint=hint)
        if not form.files[name]:
            message = f"the part `{name}` is empty"
            raise Refusal(message, "missing_part", hint="send a picture")
