"""Keys of clients: a file of them, one a line, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from nukki.errors import InputError
from nukki.serve.refusals import Refusal

__all__ = ["Keys"]

_SHORTEST = 16  # characters; what is shorter is guessed


class Keys:
    """The keys that a server knows; without any, everyone may use it.

    Args:
        keys: In plain text. Only their digests are kept.
    """

    def __init__(self, keys: tuple[str, ...] = ()) -> None:
        self._digests = tuple(_digest(key) for key in keys)

    @classmethod
    def from_file(cls, path: str | None) -> Keys:
        """The lines of a file that are neither empty nor begin with `#`; None is no file.

        Raises:
            InputError: If it cannot be read, has no key, or one that is too short.
        """
        if path is None:
            return cls()
        try:
            lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            message = f"`key` must be a text file, but `{path}` cannot be read: {error}"
            raise InputError(message, hint="give --key a file with a key in a line") from error
        keys = tuple(line.strip() for line in lines if line.strip() and line.strip()[0] != "#")
        if not keys or min(map(len, keys)) < _SHORTEST:
            message = f"`{path}` must have keys of at least {_SHORTEST} characters, one a line"
            hint = 'make one: python -c "import secrets; print(secrets.token_urlsafe(32))"'
            raise InputError(message, hint=hint)
        return cls(keys)

    @property
    def needed(self) -> bool:
        """Whether requests need one."""
        return bool(self._digests)

    def check(self, headers: Mapping[str, str]) -> None:
        """Refuse a request without a known key in `X-Api-Key` or `Authorization: Bearer`.

        Args:
            headers: Of the request, names in lower case.

        Raises:
            Refusal: "no_key".
        """
        if not self._digests:
            return
        said = headers.get("x-api-key", "")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if not said and scheme.lower() == "bearer":
            said = token.strip()
        given = _digest(said)
        # Every key is compared, so that the time does not tell which one was nearly right.
        if not sum(hmac.compare_digest(given, known) for known in self._digests):
            message = "a key is needed" if not said else "the key is not known"
            hint = "send it as the header X-Api-Key"
            raise Refusal(
                message, "no_key", hint=hint, headers={"WWW-Authenticate": 'Bearer realm="nukki"'}
            )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
