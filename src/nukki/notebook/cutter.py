"""The widget: a photo, numbered check boxes and brushes in a notebook, or the same from Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from nukki import api
from nukki.errors import InputError, NukkiError
from nukki.io.encode import encode
from nukki.io.images import Picture
from nukki.notebook.hearing import hear
from nukki.notebook.screen import map_of, painted_map, photo_of, picture_of, state_of
from nukki.notebook.strokes import Kind
from nukki.notebook.wishes import as_picture, erase_options, places, plain, remove_options
from nukki.notebook.work import Mark, Options, Who, Work
from nukki.ops.prompts import box_of
from nukki.pipelines.backgrounds import Source
from nukki.pipelines.erase_options import WholeEraseKeywords
from nukki.pipelines.options import RemoveKeywords
from nukki.pipelines.results import Cutout, Erased, Instance, Segmentation
from nukki.types import Box, Mask, Point

__all__ = ["Cutter"]

View: TypeAlias = Literal["photo", "preview", "cutout", "erased"]

_STATIC = Path(__file__).parent / "static"


class Cutter(anywidget.AnyWidget):
    """A photo whose people and things are cut out, kept or erased by check boxes and brushes.

    Shown as the last line of a cell it is a panel; what is done there and what is done from Python
    is the same. Every listed thing has three boxes. "cut": it is in the cut-out (with none checked
    the subject is found as `nukki.remove` finds it). "erase": it goes, with what it holds and its
    sure shadow. "keep": every pixel of it stays when others go.

    Args:
        photo: Whatever `nukki.read` takes; None waits for one, from `load` or the button.
        instances: The network that finds people and things; see `nukki.segment`.
        remove: Options of `nukki.remove` for cutting out, but for `subject` and `crop`.
        erase: Options of `nukki.erase`: shape, grow, shadow, second_pass, fill, seed, …
        device: See `nukki.remove`.
        threads: See `nukki.remove`.
        max_pixels: Refuse larger photos before decoding; see `nukki.read`.
        accept_licence: See `nukki.remove`.

    Raises:
        InputError: If the photo is none, or an option.
        NukkiError: See its tree in `nukki.errors`.
    """

    _esm = _STATIC / "cutter.js"
    _css = _STATIC / "cutter.css"

    # All that is small; pictures are sent apart, so that no notebook keeps them.
    _told = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        photo: Source | None = None,
        *,
        instances: str = "default",
        remove: RemoveKeywords | None = None,
        erase: WholeEraseKeywords | None = None,
        device: str | None = None,
        threads: int | None = None,
        max_pixels: int | None = None,
        accept_licence: bool = False,
    ) -> None:
        loading = {"device": device, "threads": threads, "accept_licence": accept_licence}
        self._options = Options(instances, remove_options(remove), erase_options(erase), loading)
        self._max_pixels = max_pixels
        self._work: Work | None = None
        self._view: View = "photo"
        self._made: Literal["cutout", "erased"] | None = None
        self._answered = 0
        self._error: NukkiError | None = None
        self._status = ""
        self._by_hand = False
        self._upload: list[bytes] = []
        super().__init__()
        self.on_msg(self._hear)
        if photo is None:
            self._tell("Choose a photo.")
        else:
            self.load(photo)

    # --- the photo and what is in it

    def load(self, photo: Source) -> None:
        """Take another photo; what was checked and painted on the last one is gone.

        Raises:
            InputError: If it is no picture; then the last one stays.
            LimitExceeded: If it has more pixels than `max_pixels`.
        """
        picture = plain(api.read(photo, max_pixels=self._max_pixels))
        self._work = Work(picture, self._options)
        self._view, self._made = "photo", None
        found = len(self._work.found)
        self._send_photo()
        self._tell(
            f"{found} {'thing' if found == 1 else 'things'} found."
            if found
            else "Nothing known was found. Click on the photo to choose something."
        )

    @property
    def photo(self) -> Picture | None:
        """The photo; None before there is one."""
        return None if self._work is None else self._work.picture

    @property
    def things(self) -> Segmentation:
        """All that has check boxes: what was found, and what was picked."""
        return self._job.things

    @property
    def _job(self) -> Work:
        if self._work is None:
            message = "there is no photo yet"
            raise InputError(message, hint="give one: Cutter(photo), load(photo), or the button")
        return self._work

    def pick(
        self,
        points: Point | Sequence[float] | Iterable[Point | tuple[float, float]] = (),
        *,
        box: Box | tuple[int, int, int, int] | None = None,
    ) -> Instance:
        """Add a thing to the list that was not found: the one that clicks or a box show.

        Args:
            points: One place, (x, y) or a `Point`, or several; see `nukki.pick`.
            box: Around it: left, top, right, bottom.

        Raises:
            InputError: If a place lies outside the photo, or nothing is shown.
            NothingFound: If nothing is there.
        """
        thing = self._job.pick(places(points), None if box is None else box_of(box))
        self._send_map()
        self._changed(f"{thing.number} was picked.")
        return thing

    # --- check boxes and brushes

    def check(self, who: Who, mark: Mark = "cut") -> None:
        """Check a box of things.

        Args:
            who: A number, numbers, things, or a choice such as "people" (docs/choosing.md).
            mark: "cut", "erase" or "keep". What is erased is not kept, and the other way round.

        Raises:
            InputError: If a number is of no thing, or the mark is none.
            NothingFound: If the choice means nothing in the photo.
        """
        self._job.check(who, mark)
        self._changed()

    def uncheck(self, who: Who, mark: Mark | None = None) -> None:
        """Clear a box of things, or all their boxes.

        Raises:
            InputError, NothingFound: As `check`.
        """
        for one in ("cut", "erase", "keep") if mark is None else (mark,):
            self._job.check(who, one, on=False)
        self._changed()

    def checked(self, mark: Mark = "cut") -> tuple[int, ...]:
        """Numbers of the things that have a mark."""
        return tuple(sorted(self._job.state.checked.get(mark, ())))

    def brush(
        self,
        points: Iterable[Point | tuple[float, float]],
        kind: Kind = "restore",
        *,
        size: float = 20.0,
        snap: bool = True,
    ) -> None:
        """Paint a stroke.

        Args:
            points: Its way, (x, y) in pixels of the photo; one is a dab.
            kind: "restore" and "remove" paint on the cut-out, "mark" and "unmark" on what goes.
            size: The brush's radius in pixels.
            snap: Count only what of the stroke lies on the thing that it shows (`nukki.pick`); a
                stroke that shows none counts as it was drawn.

        Raises:
            InputError: If a point lies outside the photo, or kind or size is none.
        """
        stroke = self._job.brush(points, kind, size=size, snap=snap)
        self._send_paint()
        drawn = snap and not stroke.snapped
        self._changed("No edge to snap to: the stroke counts as it was drawn." if drawn else "")

    def undo(self) -> None:
        """Take back the last check, stroke or pick, if there is one."""
        if self._job.undo():
            self._send_map()
            self._send_paint()
        self._changed()

    def redo(self) -> None:
        """Do again what was undone, if there is anything."""
        if self._job.redo():
            self._send_map()
            self._send_paint()
        self._changed()

    # --- results

    def cut_out(self) -> Cutout:
        """Cut out what is checked "cut", with what was painted; and show it."""
        cut = self._job.cut_out()
        self._made = "cutout"
        self._show("cutout", "Cut out." if cut.found else "No subject was found.")
        return cut

    def erase(self) -> Erased:
        """Erase what is checked "erase" or marked, fill the hole, and show it.

        Raises:
            NothingFound: If nothing is checked or marked.
            InputError: If nothing of the photo would be left.
        """
        made = self._job.erase()
        self._made = "erased"
        self._show("erased", f"Erased; filled by {made.network}.")
        return made

    def run(self) -> Picture:
        """Erase, where anything is to go, else cut out; gives `result`."""
        if self._job.wants_erasing:
            self.erase()
        else:
            self.cut_out()
        return self.result

    def preview(self) -> Picture:
        """The photo with what would go, its shadows too; nothing is filled.

        Raises:
            NothingFound, InputError: As `erase`.
        """
        seen = self._job.plan().preview()
        self._show("preview", "Red would go.")
        return seen

    @property
    def result(self) -> Picture:
        """What was last made, cut out or erased, as it is checked and painted now.

        The cut-out is a picture with alpha. Where nothing was made yet, `run` makes it.
        """
        if self._made is None:
            return self.run()
        return self._job.erase() if self._made == "erased" else as_picture(self._job.cut_out())

    @property
    def cutout(self) -> Cutout:
        """The cut-out as it is checked and painted now."""
        return self._job.cut_out()

    @property
    def erased(self) -> Erased:
        """The photo without what is checked and painted to go now."""
        return self._job.erase()

    @property
    def mask(self) -> NDArray[np.uint8]:
        """(H, W) uint8: the alpha of the cut-out, as `Cutout.mask` gives it."""
        return self._job.cut_out().mask()

    @property
    def hole(self) -> Mask:
        """(H, W) bool: what would be erased, with its shadows."""
        return self._job.plan().going.hole

    # --- the browser

    def _hear(self, _widget: Any, content: Any, buffers: Sequence[Any] = ()) -> None:
        """What the browser says."""
        self._by_hand = True
        try:
            hear(self, content, buffers)
        finally:
            self._by_hand = False

    def _changed(self, status: str = "") -> None:
        """What is shown is no longer what is checked: the photo is, with everything on it.

        Who works by hand goes on looking at the same, which is made anew where that is quick.
        """
        if self._view == "erased" or not self._by_hand:
            self._view = "photo"
        try:
            self._send_view()
        except NukkiError:
            self._view = "photo"  # nothing is checked any more that it could be made of
        self._tell(status)

    def _show(self, view: View, status: str) -> None:
        self._view = view
        self._send_view()
        self._tell(status)

    def _send_photo(self) -> None:
        self.send({"show": "photo"}, [photo_of(self._job.picture)])
        self._send_map()
        self._send_paint()

    def _send_map(self) -> None:
        things = map_of(self._job.things)
        self.send({"show": "map", "bits": 8 * things.itemsize}, [things.tobytes()])

    def _send_paint(self) -> None:
        work = self._job
        strokes = work.state.strokes
        size = work.picture.height, work.picture.width
        self.send({"show": "paint"}, [painted_map(strokes, size).tobytes()] if strokes else [])

    def _send_view(self) -> None:
        work = self._job
        if self._view == "cutout":
            shown = encode(picture_of(as_picture(work.cut_out())), "png")
        elif self._view == "erased":
            shown = photo_of(work.erase())
        elif self._view == "preview":
            shown = photo_of(work.plan().preview())
        else:
            return
        self.send({"show": self._view}, [shown])

    def _tell(self, status: str = "", error: NukkiError | None = None) -> None:
        """All that is small, for the panel."""
        self._status, self._error = status, error
        said = {
            "view": self._view,
            "made": self._made,
            "status": status,
            "answered": self._answered,
            "error": None if error is None else {"message": str(error), "hint": error.hint or ""},
        }
        self._told = said | ({} if self._work is None else state_of(self._work))
