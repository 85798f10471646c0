"""The small language for choosing things: text to terms and back. `docs/choosing.md` is its page.

    choice  = term , { "," , term } ;
    term    = things | best | numbers | measure | point | box ;
    things  = "all" | "people" | label ;
    best    = ( "main" | "largest" | "smallest" | "left" | "right" | "top" | "bottom" | "center" ) ,
              [ things ] ;
    numbers = digits , [ "-" , digits ] ;
    measure = ( "score" | "area" ) , ( ">" | ">=" | "<" | "<=" ) , number , [ "%" ] ;
    point   = "at:" , number , "," , number ;
    box     = "box:" , number , "," , number , "," , number , "," , number ;
    label   = letter , { any but , < > = : " } | '"' , { any but " } , '"' ;

What the terms mean stands in `pipelines.choice`; this module knows text only, and loads
nothing heavy.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection
from typing import Literal, cast

from nukki.errors import InputError
from nukki.pipelines.terms import (
    ALIASES,
    BEST,
    MEASURES,
    PLACES,
    PLAIN,
    WORDS,
    At,
    Best,
    Choice,
    Everything,
    Inside,
    Labelled,
    Measure,
    Numbers,
    People,
    Sign,
    Term,
    Things,
    Word,
)

__all__ = ["Choice", "parse", "pointed"]

_LONGEST = 2000  # characters of a choice
_SEEN = 72  # columns of it that an error shows

_DIGITS = re.compile(r"[0-9]+")
_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_SIGNS = re.compile(r">=|<=|>|<")
_MOST_DIGITS = 9

_FORMS = "numbers (2,4-6), labels (person,dog), people, all, main, score>.8, at:X,Y, box:L,T,R,B"


def parse(text: str, *, labels: Collection[str] | None = None, option: str = "what") -> Choice:
    """Read a choice.

    Args:
        text: In the language above; the case of letters and spaces around words do not matter.
        labels: The labels that may be named; None allows any.
        option: What the choice was given as, for errors.

    Returns:
        The choice; `str` of it is a text that reads as the same choice.

    Raises:
        InputError: If it is no choice: the message shows the text with a caret under the place,
            the hint has near matches of a misspelt word.
    """
    given: object = text
    if not isinstance(given, str) or not text.strip():
        message = f"`{option}` must say what is meant, got {given!r}"
        raise InputError(message, hint=f"give {_FORMS}")
    if len(text) > _LONGEST:
        message = f"`{option}` must have at most {_LONGEST} characters, got {len(text)}"
        raise InputError(message, hint="choose by a label, by score>.5 or by a range")
    return Choice(tuple(_Reader(text, labels, option).terms()), text, option)


def pointed(option: str, text: str, place: int, said: str, *, hint: str | None) -> InputError:
    """An error about a place in a choice: what is wrong, the text, a caret under the place.

    Args:
        option: What the choice was given as.
        text: The choice.
        place: Index of the character; the text's length stands for its end.
        said: What is wrong.
        hint: What to do.
    """
    first = max(0, min(place - _SEEN // 2, len(text) - _SEEN))
    part = "".join(c if c.isprintable() else "?" for c in text[first : first + _SEEN])
    before = sum(_columns(character) for character in part[: place - first])
    return InputError(f"`{option}`: {said}\n  {part}\n  {' ' * before}^", hint=hint)


def _columns(character: str) -> int:
    """How wide a terminal shows a character."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class _Reader:
    """Goes through a text from left to right, once."""

    def __init__(self, text: str, labels: Collection[str] | None, option: str) -> None:
        self.text = text
        self.option = option
        self.known = None if labels is None else {_levelled(label) for label in labels if label}
        self.at = 0

    def terms(self) -> list[Term]:
        found = [self._term()]
        while self._next() == ",":
            self.at += 1
            found.append(self._term())
        if self.at < len(self.text):
            raise self._wrong(self.at, "expected a comma here", self._quoting(found[-1].start))
        return found

    def _term(self) -> Term:
        letter = self._next()
        if letter.isascii() and letter.isdigit():
            return self._numbers()
        if letter == '"':
            start = self.at
            return self._labelled(self._quoted(), start)
        if letter.isalpha():
            return self._worded()
        said = "nothing stands here" if letter in ("", ",") else f"{letter!r} begins no choice"
        raise self._wrong(self.at, said, f"give {_FORMS}")

    def _worded(self) -> Term:
        """A term that begins with a word."""
        start = self.at
        raw = self._take(PLAIN) or ""
        word, letter = _levelled(raw), self._next()
        if letter == ":":
            return self._place(word, start)
        if letter in ("<", ">", "="):
            return self._measure(word, start)
        first, _, rest = word.partition(" ")
        first = ALIASES.get(first, first)
        if first not in BEST:
            return self._things(word, start)
        best = cast("Word", first)
        if letter == '"' and not rest:
            second = self.at
            return Best(best, self._labelled(self._quoted(), second), start=start)
        if not rest:
            return Best(best, start=start)
        second = start + len(raw) - len(raw[len(first) :].lstrip())
        return Best(best, self._things(rest, second, whole=word), start=start)

    def _things(self, word: str, start: int, *, whole: str | None = None) -> Things:
        if word == "all":
            return Everything(start=start)
        if word == "people":
            if self.known is not None and "person" not in self.known:
                raise self._unknown(word, start)
            return People(start=start)
        return self._labelled(word, start, whole=whole)

    def _labelled(self, word: str, start: int, *, whole: str | None = None) -> Labelled:
        if self.known is None or word in self.known:
            return Labelled(word, start=start)
        if whole is not None and whole in self.known:
            hint = f'write the label in quotes: "{whole}"'
            raise self._wrong(start, f"there is no label {word!r}", hint)
        raise self._unknown(word, start)

    def _quoted(self) -> str:
        end = self.text.find('"', self.at + 1)
        if end < 0:
            raise self._wrong(self.at, "this quote has no end", 'put " behind the label')
        inside = _levelled(self.text[self.at + 1 : end])
        if not inside:
            raise self._wrong(self.at, "there is no label between the quotes", f"give {_FORMS}")
        self.at = end + 1
        return inside

    def _numbers(self) -> Numbers:
        start = self.at
        first = self._whole("")
        last = first
        if self._next() == "-":
            self.at += 1
            self._next()
            second = self.at
            last = self._whole("the number that the range goes to")
            if last < first:
                raise self._wrong(second, f"a range goes up, got {first} to {last}", "turn it")
        return Numbers(first, last, start=start)

    def _whole(self, expected: str) -> int:
        start = self.at
        digits = self._take(_DIGITS)
        if digits is None:
            raise self._wrong(start, f"expected {expected} here", "write a range as 2-4")
        if len(digits) > _MOST_DIGITS or int(digits) < 1:
            raise self._wrong(start, "numbers of things begin at 1", "see the numbered photo")
        return int(digits)

    def _measure(self, word: str, start: int) -> Measure:
        if word not in MEASURES:
            near = difflib.get_close_matches(word, MEASURES, 1)
            said = f"score and area have bounds, {word!r} has none"
            hint = f"did you mean {near[0]}?" if near else "write score>.8 or area>1%"
            raise self._wrong(start, said, hint)
        sign = self._take(_SIGNS)
        if sign is None:
            raise self._wrong(self.at, "expected >, >=, < or <= here", "write score>.8 or area>1%")
        example = "write score>.8" if word == "score" else "write area>1%, or area>5000 for pixels"
        self._next()
        at = self.at
        amount = self._number(example, signed=False)
        percent = self._next() == "%"
        self.at += percent
        if (percent and amount > 100) or (word == "score" and not percent and amount > 1):
            most = "100 %" if percent else "1"
            raise self._wrong(at, f"the {word} is at most {most}", example)
        what = cast('Literal["score", "area"]', word)
        return Measure(what, cast("Sign", sign), amount, percent, start=start)

    def _place(self, word: str, start: int) -> At | Inside:
        if word not in PLACES:
            near = difflib.get_close_matches(word, PLACES, 1)
            hint = f"did you mean {near[0]}:?" if near else "write at:640,360 or box:10,20,200,400"
            raise self._wrong(start, f"at: and box: are places, {word!r} is none", hint)
        self.at += 1
        example = "write at:640,360" if word == "at" else "write box:left,top,right,bottom"
        values = []
        for number in range(PLACES[word]):
            if number and self._next() != ",":
                raise self._wrong(self.at, "expected a comma and a number here", example)
            self.at += bool(number)
            self._next()
            values.append(self._number(example))
        if word == "at":
            return At(*values, start=start)
        left, top, right, bottom = values
        if right <= left or bottom <= top:
            raise self._wrong(start, "the box is empty", f"{example}, right and bottom beyond")
        return Inside(left, top, right, bottom, start=start)

    def _number(self, example: str, *, signed: bool = True) -> float:
        start = self.at
        digits = self._take(_NUMBER)
        if digits is None or (digits[0] == "-" and not signed):
            raise self._wrong(start, "expected a number here", example)
        if len(digits) > 2 * _MOST_DIGITS:
            raise self._wrong(start, "the number is too long", example)
        return float(digits) + 0.0  # never -0

    def _next(self) -> str:
        """The next character that is no space; empty at the end."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def _quoting(self, start: int) -> str | None:
        """How to write what goes on behind a term, if it was to be a label."""
        rest = self.text[start:].partition(",")[0].strip()
        if self.known is not None and _levelled(rest) in self.known:
            return f'write the label in quotes: "{rest}"'
        return "put commas between the choices"

    def _unknown(self, word: str, start: int) -> InputError:
        known = self.known or set()
        # The words of the language are meant as often as labels are.
        near = difflib.get_close_matches(word, [*sorted(known), *WORDS], n=2)
        if near:
            hint = f"did you mean {' or '.join(near)}?"
        else:
            more = ", …" if len(known) > 8 else ""
            hint = f"the labels are {', '.join(sorted(known)[:8])}{more}"
        return self._wrong(start, f"there is no label {word!r}", hint)

    def _wrong(self, place: int, said: str, hint: str | None) -> InputError:
        return pointed(self.option, self.text, place, said, hint=hint)


def _levelled(label: str) -> str:
    """A label in lower case with one space between its words."""
    return " ".join(label.split()).casefold()
