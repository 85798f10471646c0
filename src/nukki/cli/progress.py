"""Progress on a terminal; silence everywhere else."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from nukki.cli.report import say

__all__ = ["Progress", "is_shown"]


def is_shown(*, quiet: bool) -> bool:
    """Whether a bar is drawn: on a terminal, unless the user wants quiet."""
    return not quiet and sys.stderr is not None and sys.stderr.isatty()


class Progress:
    """Pictures (or what else is counted) done, how many a second, time left."""

    def __init__(
        self, total: int, *, quiet: bool = False, unit: str = "pictures", done: int = 0
    ) -> None:
        self._bar: Any = None
        if total > 1 and is_shown(quiet=quiet):
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, initial=done, unit=f" {unit}", dynamic_ncols=True, smoothing=0.1
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self) -> None:
        """One more picture is done."""
        if self._bar is not None:
            self._bar.update()

    def show(self, text: str) -> None:
        """Let the bar end in a text."""
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)

    def say(self, text: str) -> None:
        """Write a line above the bar."""
        if self._bar is None:
            say(text)
        else:
            self._bar.write(text, file=sys.stderr)
