"""For notebooks: `Cutter`, a photo with check boxes and brushes, in the browser and from Python."""

from __future__ import annotations

from nukki.errors import MissingExtra, pip_line

try:
    from nukki.notebook.cutter import Cutter
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] == "nukki":
        raise
    message = f"`{error.name}` is needed in notebooks and could not be imported"
    raise MissingExtra(message, hint=f"run: {pip_line('notebook')}") from error

__all__ = ["Cutter"]
