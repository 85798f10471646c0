"""The language for choosing: text to terms, terms to text, and a caret where it is wrong."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from choice_files import LABELS, choices
from nukki.errors import InputError
from nukki.pipelines.grammar import parse, pointed
from nukki.pipelines.terms import (
    At,
    Best,
    Everything,
    Inside,
    Labelled,
    Measure,
    Numbers,
    People,
)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("all", [Everything()]),
        (" People ", [People()]),
        ("person,dog", [Labelled("person"), Labelled("dog")]),
        ("Sports   Ball , dog", [Labelled("sports ball"), Labelled("dog")]),
        ("2,3", [Numbers(2, 2), Numbers(3, 3)]),
        ("2-4, 10 - 12", [Numbers(2, 4), Numbers(10, 12)]),
        ("score>.8", [Measure("score", ">", 0.8)]),
        ("score >= 80%", [Measure("score", ">=", 80, True)]),
        ("area>1%,area<5000", [Measure("area", ">", 1, True), Measure("area", "<", 5000)]),
        ("largest,main,centre", [Best("largest"), Best("main"), Best("center")]),
        (
            "left person,largest  DOG",
            [Best("left", Labelled("person")), Best("largest", Labelled("dog"))],
        ),
        ("right people", [Best("right", People())]),
        ("at:640,360", [At(640, 360)]),
        ("at: 640 , 36.5 ,dog,3", [At(640, 36.5), Labelled("dog"), Numbers(3, 3)]),
        ("box:10,20,200,400,at:1,2", [Inside(10, 20, 200, 400), At(1, 2)]),
        ("box:-5,-5.5,1,1", [Inside(-5, -5.5, 1, 1)]),
        ('"left","top hat"', [Labelled("left"), Labelled("top hat")]),
        ('left "top hat"', [Best("left", Labelled("top hat"))]),
        ("top hat", [Best("top", Labelled("hat"))]),
        ("t-shirt,it's a (b)", [Labelled("t-shirt"), Labelled("it's a (b)")]),
        ("개", [Labelled("개")]),
    ],
)
def test_what_is_read(text, terms):
    assert list(parse(text).terms) == terms


@pytest.mark.parametrize(
    ("text", "place", "said", "hint"),
    [
        ("dog,", 4, "nothing stands here", "labels"),
        (",dog", 0, "nothing stands here", "labels"),
        ("dog,,dog", 4, "nothing stands here", ""),
        ("dog;person", 0, "no label 'dog;person'", "did you mean person?"),
        ("zzz", 0, "no label 'zzz'", "the labels are dog, left, person"),
        ("dogg", 0, "no label 'dogg'", "did you mean dog?"),
        ("dog,peple", 4, "no label 'peple'", "did you mean people"),
        ("larges", 0, "no label 'larges'", "did you mean largest"),
        ("sportsball", 0, "no label", "did you mean sports ball"),
        ("left persn", 5, "no label 'persn'", "did you mean person"),
        ("top hat", 4, "no label 'hat'", 'in quotes: "top hat"'),
        ('"dog', 0, "this quote has no end", ""),
        ('""', 0, "no label between", ""),
        ('"dog"x', 5, "expected a comma", "commas between"),
        ("2x", 1, "expected a comma", "commas between"),
        ("2 3", 2, "expected a comma", "commas between"),
        ("0", 0, "begin at 1", "numbered"),
        ("-2", 0, "'-' begins no choice", ""),
        ("4-2", 2, "a range goes up, got 4 to 2", ""),
        ("4-", 2, "expected the number that the range goes to", "2-4"),
        ("1234567890", 0, "begin at 1", ""),
        ("2.5", 1, "expected a comma", ""),
        ("score", 0, "no label 'score'", "score"),
        ("score>", 6, "expected a number", "score>.8"),
        ("score=.8", 5, "expected >, >=, < or <=", ""),
        ("score>2", 6, "the score is at most 1", "score>.8"),
        ("score>101%", 6, "the score is at most 100 %", ""),
        ("area>200%", 5, "the area is at most 100 %", ""),
        ("area>-1", 5, "expected a number", "area>1%"),
        ("scor>.8", 0, "'scor' has none", "did you mean score?"),
        ("dog>.8", 0, "'dog' has none", "score>.8"),
        ("at:640", 6, "expected a comma and a number", "at:640,360"),
        ("at:640,", 7, "expected a number", "at:640,360"),
        ("at:640,dog", 7, "expected a number", ""),
        ("att:1,2", 0, "'att' is none", "did you mean at:?"),
        ("dog,box:1,2,3", 13, "expected a comma and a number", "box:left"),
        ("box:5,5,5,9", 0, "the box is empty", "beyond"),
        ("box:5,9,8,5", 0, "the box is empty", ""),
        ("at:1234567890123456789,3", 3, "too long", ""),
        ("dog,\t?", 5, "'?' begins no choice", ""),
    ],
)
def test_what_is_not_read(text, place, said, hint):
    with pytest.raises(InputError) as caught:
        parse(text, labels=LABELS, option="except")
    first, shown, caret = caught.value.message.split("\n")
    assert first.startswith("`except`: ")
    assert said in first
    assert shown == "  " + text.replace("\t", "?")
    assert caret == " " * (place + 2) + "^"
    assert hint in caught.value.hint


@pytest.mark.parametrize("text", ["", "   ", None, 3, ["dog"]])
def test_what_is_no_text(text):
    with pytest.raises(InputError, match="`what` must say what is meant"):
        parse(text)


def test_a_choice_has_an_end():
    with pytest.raises(InputError, match="at most 2000 characters, got 3001"):
        parse("1," * 1500 + "1")


def test_people_need_a_label_for_them():
    with pytest.raises(InputError, match="no label 'people'"):
        parse("people", labels=["dog"])
    assert parse("people", labels=["Person"])


def test_the_label_of_nothing_cannot_be_chosen():
    with pytest.raises(InputError, match="no label"):
        parse("x", labels=["", "dog"])


@given(choices)
def test_what_is_written_reads_as_the_same(choice):
    assert parse(str(choice)) == choice


@given(choices)
def test_spaces_and_case_do_not_matter(choice):
    text = str(choice)
    if "," in text and '"' not in text and text.isascii():
        assert parse(text.replace(",", " ,  ").upper()) == choice


@given(
    st.text(st.one_of(st.sampled_from('at:box,0123456789.%<>="- '), st.characters()), max_size=120)
)
@example("at:")
@example("\x00")
@example("개개개!")
@example("é" * 3 + ",\u0301")
def test_whatever_is_written_is_read_or_has_a_caret_within(text):
    choice, error = read(text)
    if choice is not None:
        assert parse(str(choice), labels=LABELS) == choice
        return
    assert error.hint
    if text.strip():
        _, shown, caret = error.message.split("\n")
        assert caret.strip() == "^"
        # Two columns for a wide character at most; the end is one beyond the last.
        assert 2 <= caret.index("^") <= 2 + 2 * (len(shown) - 2)


def read(text):
    """The choice, or else the error."""
    try:
        return parse(text, labels=LABELS), None
    except InputError as error:
        return None, error


def test_a_caret_under_a_long_or_wide_text():
    text = "dog," * 100 + "§"
    with pytest.raises(InputError) as caught:
        parse(text)
    _, shown, caret = caught.value.message.split("\n")
    assert len(shown) == 74
    assert shown[caret.index("^")] == "§"
    wide = pointed("what", "개개x", 2, "here", hint=None)
    assert wide.message.split("\n")[2] == "  " + " " * 4 + "^"
