"""The files of the web page, with the headers that keep it to itself."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

__all__ = ["PAGE_HEADERS", "Pages"]

# Nothing from elsewhere, no script and no style inside of the HTML: what a photo's name or its
# metadata holds is never run.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Asked again each time, answered by 304 where nothing changed: a new version is seen at once.
    "Cache-Control": "no-cache",
}


class Pages(StaticFiles):
    """A folder of files; every answer with the page's headers."""

    def file_response(self, *args: Any, **keywords: Any) -> Response:
        """A file, with the page's headers."""
        response = super().file_response(*args, **keywords)
        response.headers.update(PAGE_HEADERS)
        return response
