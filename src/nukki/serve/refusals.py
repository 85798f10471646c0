"""Errors as HTTP tells them: a status, a code that stays, what is wrong, and what to do.

A path of this machine is never told, and what a hint says in words of the command line is said in
words of a form.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from nukki.errors import (
    CardError,
    FetchError,
    InputError,
    LimitExceeded,
    MissingExtra,
    NothingFound,
    NukkiError,
    ProviderError,
    UnknownModel,
)

__all__ = ["CODES", "Refusal", "in_words_of_forms", "refusal_of"]

# Every code, with the status that it comes with and what it means: docs/serve.md shows the same.
CODES: Mapping[str, tuple[int, str]] = {
    "bad_request": (400, "the request cannot be read: a broken form, a wrong length"),
    "no_key": (401, "a key is needed, and the request has none, or a wrong one"),
    "cross_site": (403, "a page of a site that is not listed tried to use the server"),
    "not_found": (404, "there is nothing of that name"),
    "wrong_method": (405, "the address does not take this method"),
    "no_such_format": (406, "no format that the client accepts can be given"),
    "slow_client": (408, "the request did not arrive in time"),
    "too_many_bytes": (413, "the request is larger than the server takes"),
    "too_many_pixels": (413, "a picture is larger than the server takes, or than memory"),
    "not_a_form": (415, "the request is no multipart form"),
    "not_a_picture": (415, "a part is no picture of a format that can be read"),
    "missing_part": (422, "a part that is needed is missing"),
    "bad_picture": (422, "a picture is damaged, truncated, or of a kind that cannot be used"),
    "bad_option": (422, "an option is unknown, or its value is wrong"),
    "unknown_model": (422, "there is no network of that name"),
    "model_not_here": (422, "the files of that network are not on the server"),
    "nothing_found": (422, "nothing in the photo is what was asked for"),
    "busy": (429, "the queue is full; Retry-After says when to try again"),
    "internal": (500, "a fault of the server"),
    "not_ready": (503, "no worker is ready: the server starts, or ends"),
    "worker_lost": (503, "the process that worked on the request ended without an answer"),
    "deadline": (504, "the work took too long, and was stopped"),
}

_LIST = re.compile(r"`nukki models list[^`]*`")
# `--key '#fff'`, `--key green`, `--key=green`; but not "leave --key out".
_FLAG = re.compile(r"--([a-z][a-z-]*[a-z])(?:[ =](?!out\b)(?:'([^']*)'|(?=[\w#.])))?")


class Refusal(NukkiError):
    """A request that gets an error.

    Attributes:
        code: One of `CODES`.
        status: Of the answer.
        headers: More headers of the answer.
    """

    def __init__(
        self,
        message: str,
        code: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = CODES[code][0]
        self.headers = dict(headers or {})


def refusal_of(
    error: BaseException, *, about: str = "bad_option", flags: Collection[str] = ()
) -> Refusal:
    """What an error is to a client.

    Args:
        error: What was raised.
        about: The code where it is an `InputError` of no finer kind.
        flags: Names of options that are switches, for hints.
    """
    if isinstance(error, Refusal):
        return error
    said = _without_its_message(error, about)
    if said is not None or not isinstance(error, NukkiError):
        code, message, advice = said or ("internal", "the server has a fault", _TELL)
        return Refusal(message, code, hint=advice)
    code = next((code for kind, code in _CODES_OF if isinstance(error, kind)), "internal")
    if code == "bad_option":
        code = about
    message = in_words_of_forms(error.message, flags)
    hint = None if error.hint is None else in_words_of_forms(error.hint, flags)
    if code == "too_many_pixels":
        hint = "make the picture smaller"
    return Refusal(message, code, hint=hint)


_TELL = "tell whoever runs the server"
_CODES_OF: tuple[tuple[type[BaseException], str], ...] = (
    (NothingFound, "nothing_found"),
    (UnknownModel, "unknown_model"),
    (LimitExceeded, "too_many_pixels"),
    (MissingExtra, "not_a_picture"),
    (InputError, "bad_option"),
)


def _without_its_message(error: BaseException, about: str) -> tuple[str, str, str] | None:
    """Code, message and hint of an error whose own words are for whoever runs the server."""
    if isinstance(error, MemoryError):
        message = "`image` does not fit in the memory of the server"
        return "too_many_pixels", message, "make the picture smaller"
    if isinstance(error, FetchError | CardError):  # they have paths in them
        message = "the network that is named is not on this server"
        return "model_not_here", message, "choose one that GET /api/models shows as here"
    if isinstance(error, ProviderError) or (
        isinstance(error, MissingExtra) and about not in ("bad_picture", "not_a_picture")
    ):
        return "internal", "the server cannot run the network", _TELL
    return None


def in_words_of_forms(text: str, flags: Collection[str] = ()) -> str:
    """A sentence whose flags are fields: `--background white` is `background=white`.

    Args:
        text: The sentence.
        flags: Names of options that are switches: `--binary` is `binary=true`.
    """

    def field(found: re.Match[str]) -> str:
        name = found[1].replace("-", "_")
        if name in flags:
            return f"{name}=true" + (" " if found[0].endswith(" ") else "")
        if found[2] is not None:
            return f"{name}={found[2]}"
        return f"{name}=" if found[0][-1] in " =" else name

    return _FLAG.sub(field, _LIST.sub("GET /api/models", text))
