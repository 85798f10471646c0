"""The tables of docs/quality.md, made from what docs/quality.json holds.

The file holds, for each table and network, the digest of the network's file and its figures:
`results[table][network] == {"file": "7eb374a8…", "figures": {...}}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["MAKERS", "TITLES", "check", "filled", "merged", "stale", "tables"]

Results = Mapping[str, Any]

TITLES = {"subject": "subject", "starter": "starter", "u2netp": "U²-Netp"}
SETS = {
    "validation": "validation list",
    "people": "people",
    "portraits": "portraits",
    "pets": "pets",
}
RATIO_TO = "u2netp"


def merged(old: Results, new: Results) -> dict[str, Any]:
    """What was measured now over what was measured before, table by table, network by network.

    Milliseconds are compared within one run, so that those of an earlier one go.
    """
    names = dict.fromkeys((*old, *new))
    result = {name: {**old.get(name, {}), **new.get(name, {})} for name in names}
    return result | {"speed": new["speed"]} if "speed" in new else result


def stale(results: Results) -> list[str]:
    """Lines about networks whose tables were made with different files."""
    lines = []
    for network in TITLES:
        files: dict[str, list[str]] = {}
        for table, found in results.items():
            if network in found:
                files.setdefault(found[network]["file"], []).append(table)
        if len(files) > 1:
            parts = (f"{file} in {', '.join(of)}" for file, of in files.items())
            lines.append(f"{network} is not the same file in all tables: {'; '.join(parts)}")
    return lines


def check(page: str) -> None:
    """Raise what `filled` would raise over a page.

    Raises:
        ValueError: If a pair of markers is not there.
    """
    for name in MAKERS:
        if not _between(name).search(page):
            start, end = _markers(name)
            message = f"the page must hold `{start}` and `{end}` on lines of their own"
            raise ValueError(message)


def filled(page: str, parts: Mapping[str, str]) -> str:
    """The page with each table between its markers `<!-- quality: NAME -->`; the rest stays.

    Raises:
        ValueError: If a pair of markers is not there.
    """
    check(page)
    for name, text in parts.items():
        before, after = _between(name).split(page, maxsplit=1)
        start, end = _markers(name)
        page = f"{before}{start}\n{text}\n{end}{after}"
    return page


def tables(results: Results) -> dict[str, str]:
    """Every table for which there are results, as Markdown, by the name of its markers."""
    return {name: make(results) for name, (needs, make) in MAKERS.items() if results.get(needs)}


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- quality: {name} -->", f"<!-- /quality: {name} -->"


def _between(name: str) -> re.Pattern[str]:
    start, end = _markers(name)
    return re.compile(f"{re.escape(start)}\n.*?{re.escape(end)}", re.DOTALL)


# --- one function a table


def sets(results: Results) -> str:
    """Networks on the sets whose truth is known."""
    columns = (
        ("max Fβ", "max_f"),
        ("wFβ", "weighted_f"),
        ("MAE", "mae"),
        ("Sα", "s_alpha"),
        ("max Eφ", "max_e"),
        ("IoU", "iou"),
        ("BF", "boundary_f"),
        ("sure", "confidence"),
        ("ECE", "calibration_error"),
    )
    rows = []
    for key, title in SETS.items():
        for network, figures in _each(results, "sets"):
            if found := figures.get(key):
                values = [share(found[field]) for _, field in columns]
                words = title, f"{TITLES[network]}, {found['size']}", str(found["pictures"])
                rows.append([*words, *values, milliseconds(_ms(results, network))])
    titles = ("set", "network, grid", "pictures", *(title for title, _ in columns), "ms")
    return markdown(titles, rows, words=2)


def nothing(results: Results) -> str:
    """How often `remove` says that there is nothing, where there is and where there is not."""
    rows = [
        [
            TITLES[network],
            percent(_nothing(figures, ["places"])),
            percent(_nothing(figures, SETS)),
        ]
        for network, figures in _each(results, "sets")
    ]
    places = _pictures(results, ["places"])
    photos = _pictures(results, SETS)
    titles = (
        "network",
        f"{places} places: “nothing found” is right",
        f"{photos} photos with a subject: it is wrong",
    )
    return markdown(titles, rows)


def by_kind(results: Results, table: str) -> str:
    """A row a kind, a group of columns a measure, a column a network."""
    groups = (("IoU", "iou"), ("max Fβ", "max_f"), ("MAE", "mae"), ("BF", "boundary_f"))
    networks = list(_each(results, table))
    kinds = dict.fromkeys(kind for _, figures in networks for kind in figures)
    rows = []
    for kind in kinds:
        found = [figures.get(kind, {}) for _, figures in networks]
        pictures = next(str(one["pictures"]) for one in found if one)
        cells = [share(one.get(field), 3) for _, field in groups for one in found]
        rows.append([kind, pictures, *cells])
    titles = [f"{title} {TITLES[network]}" for title, _ in groups for network, _ in networks]
    return markdown(("kind", "pictures", *titles), rows)


def robust(results: Results) -> str:
    """Mean IoU of a photo's mask with the masks of its copies."""
    names = {
        "mirrored": "mirrored",
        "half": "half size",
        "jpeg40": "JPEG 40",
        "brighter": "+1 stop",
        "darker": "−1 stop",
        "mean": "mean",
    }
    rows = [
        [TITLES[network], str(figures["pictures"]), *(share(figures[name]) for name in names)]
        for network, figures in _each(results, "robust")
    ]
    return markdown(("network", "photos", *names.values()), rows)


def sizes(results: Results) -> str:
    """One network at several resolutions: quality, and the time at each."""
    columns = (
        ("max Fβ", "max_f"),
        ("MAE", "mae"),
        ("Sα", "s_alpha"),
        ("IoU", "iou"),
        ("BF", "boundary_f"),
    )
    times = results.get("speed", {}).get("subject", {}).get("figures", {}).get("sizes", {})
    rival = _ms(results, RATIO_TO)
    rows = []
    for size, found in _figures(results, "sizes", "subject").items():
        ms = times.get(size)
        rows.append(
            [
                f"{size}, as shipped" if found["shipped"] else size,
                *(share(found[field]) for _, field in columns),
                milliseconds(ms),
                ratio(rival, ms),
            ]
        )
    titles = ("grid", *(title for title, _ in columns), "ms", "times cheaper than U²-Netp at 320")
    return markdown(titles, rows)


def speed(results: Results) -> str:
    """Networks against each other on one thread."""
    rival = _ms(results, RATIO_TO)
    rows = [
        [
            TITLES[network],
            str(figures["size"]),
            f"{figures['bytes'] / 1e6:.1f} MB",
            milliseconds(figures["ms"]),
            ratio(rival, figures["ms"]),
        ]
        for network, figures in _each(results, "speed")
    ]
    return markdown(("network", "grid", "file", "ms", "times cheaper than U²-Netp"), rows)


# --- what the network must reach


@dataclass(frozen=True)
class Bound:
    """What one figure must and should be.

    Attributes:
        text: What the figure is.
        value: Takes it out of the results; None where it was not measured.
        write: Writes it.
        must: What it must be.
        aim: What it should be; None where there is no more to want.
        more: Whether more is better.
    """

    text: str
    value: Callable[[Results], float | None]
    write: Callable[[float | None], str]
    must: float
    aim: float | None
    more: bool = True

    def row(self, results: Results) -> list[str]:
        """The bound, what was found, and a verdict."""
        value = self.value(results)
        sign = "≥" if self.more else "≤"
        aim = "" if self.aim is None else f"{sign} {self.write(self.aim)}"
        must = f"{sign} {self.write(self.must)}"
        return [self.text, must, aim, self.write(value), self.verdict(value)]

    def verdict(self, value: float | None) -> str:
        """Missed, met, or aim reached."""
        if value is None:
            return "not measured"
        if self._holds(value, self.must):
            reached = self.aim is not None and self._holds(value, self.aim)
            return "aim reached" if reached else "met"
        return "**missed**"

    def _holds(self, value: float, bound: float) -> bool:
        return value >= bound if self.more else value <= bound


def bounds(results: Results) -> str:
    """What `subject` must reach, and whether it does."""
    rows = [bound.row(results) for bound in BOUNDS]
    return markdown(("figure of `subject`", "must", "aim", "found", ""), rows)


def _of(table: str, *keys: str) -> Callable[[Results], float | None]:
    def value(results: Results) -> float | None:
        found: Any = _figures(results, table, "subject")
        for key in keys:
            found = found.get(key, {})
        return None if found == {} else found

    return value


def _cheaper(results: Results) -> float | None:
    rival, ours = _ms(results, RATIO_TO), _ms(results, "subject")
    return None if rival is None or ours is None else rival / ours


def _megabytes(results: Results) -> float | None:
    found = _of("speed", "bytes")(results)
    return None if found is None else found / 1e6


def _missed(results: Results) -> float | None:
    return _nothing(_figures(results, "sets", "subject"), SETS)


# --- how figures are written


def share(value: float | None, places: int = 4) -> str:
    """A figure of 0 to 1 as papers print it: .9456."""
    return "–" if value is None else f"{value:.{places}f}".removeprefix("0")


def percent(value: float | None) -> str:
    """A share in per cent."""
    return "–" if value is None else f"{100 * value:.1f} %"


def milliseconds(value: float | None) -> str:
    """A time."""
    return "–" if value is None else f"{value:.1f}"


def ratio(more: float | None, less: float | None) -> str:
    """How many times less."""
    return "–" if more is None or less is None else f"{more / less:.1f} ×"


def times(value: float | None) -> str:
    """A ratio."""
    return ratio(value, 1)


def megabytes(value: float | None) -> str:
    """A size."""
    return "–" if value is None else f"{value:.1f} MB"


BOUNDS = (
    Bound("validation list, max Fβ", _of("sets", "validation", "max_f"), share, 0.958, 0.97),
    Bound("validation list, MAE", _of("sets", "validation", "mae"), share, 0.026, 0.02, False),
    Bound("validation list, Sα", _of("sets", "validation", "s_alpha"), share, 0.942, 0.955),
    Bound("validation list, IoU", _of("sets", "validation", "iou"), share, 0.912, 0.93),
    Bound("people held back, IoU", _of("sets", "people", "iou"), share, 0.95, 0.97),
    Bound(
        "places held back, “nothing found”",
        lambda found: _nothing(_figures(found, "sets", "subject"), ["places"]),
        percent,
        0.7,
        0.9,
    ),
    Bound("photos with a subject, “nothing found”", _missed, percent, 0.01, 0.003, False),
    Bound("a photo and its copies, mean IoU", _of("robust", "mean"), share, 0.95, None),
    Bound("one thread, cheaper than U²-Netp at 320", _cheaper, times, 10, 15),
    Bound("file", _megabytes, megabytes, 6, 4, False),
)


# What the markers are called, the table of the results that is needed, and what writes it.
MAKERS: dict[str, tuple[str, Callable[[Results], str]]] = {
    "bounds": ("sets", bounds),
    "sets": ("sets", sets),
    "nothing": ("sets", nothing),
    "kinds": ("kinds", lambda found: by_kind(found, "kinds")),
    "worse": ("worse", lambda found: by_kind(found, "worse")),
    "robust": ("robust", robust),
    "sizes": ("sizes", sizes),
    "speed": ("speed", speed),
}


# --- what the tables stand on


def markdown(titles: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """A table whose first columns are words and whose others are figures."""
    rule = ["---"] * words + ["--:"] * (len(titles) - words)
    return "\n".join(f"| {' | '.join(row)} |" for row in (titles, rule, *rows))


def _each(results: Results, table: str) -> list[tuple[str, Any]]:
    """Networks and their figures in a table, in the order of `TITLES`."""
    found = results.get(table, {})
    return [(network, found[network]["figures"]) for network in TITLES if network in found]


def _figures(results: Results, table: str, network: str) -> Any:
    return results.get(table, {}).get(network, {}).get("figures", {})


def _ms(results: Results, network: str) -> float | None:
    found: float | None = _figures(results, "speed", network).get("ms")
    return found


def _nothing(figures: Mapping[str, Any], keys: Iterable[str]) -> float | None:
    """Share of the pictures of some sets in which nothing was found."""
    found = [figures[key] for key in keys if key in figures]
    pictures = sum(one["pictures"] for one in found)
    empty = sum(one["nothing_found"] * one["pictures"] for one in found)
    return float(empty / pictures) if pictures else None


def _pictures(results: Results, keys: Iterable[str]) -> int:
    """The most pictures of some sets that any network was judged on."""
    names = list(keys)
    counts = [
        sum(figures[key]["pictures"] for key in names if key in figures)
        for _, figures in _each(results, "sets")
    ]
    return max(counts, default=0)
