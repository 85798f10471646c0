import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageColor

from nukki.errors import InputError
from nukki.pipelines.colours import as_colour, near_names, parse_colour


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("white", (255, 255, 255)),
        (" Tomato ", (255, 99, 71)),
        ("#f80", (255, 136, 0)),
        ("#ff8800", (255, 136, 0)),
        ("#ff880080", (255, 136, 0)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
        ("rgb(100%, 0%, 50%)", (255, 0, 128)),
        ("hsl(120, 100%, 50%)", (0, 255, 0)),
    ],
)
def test_a_colour_is_read_in_every_notation(text, colour):
    assert parse_colour(text, "key") == colour


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("grren", "did you mean green or grey?"),
        ("light blu", "did you mean lightblue"),
        ("#12345", "write three or six digits 0-9 and a-f"),
        ("#gggggg", "write three or six digits 0-9 and a-f"),
        ("xqzw", "try white, or #ff8800"),
        ("", "try white, or #ff8800"),
        ("rgb(300, 0, 0)", "try white, or #ff8800"),
        ("rgb(1, 2)", "try white, or #ff8800"),
    ],
)
def test_what_is_no_colour_is_told_with_names_that_are_near(text, hint):
    with pytest.raises(InputError, match=r"`key` must be a colour, got '") as caught:
        parse_colour(text, "key")
    assert caught.value.hint.startswith(hint)
    assert as_colour(text) is None


@given(st.text(max_size=120))
def test_any_text_is_a_colour_or_a_told_error(text):
    colour = as_colour(text)
    if colour is not None:
        assert all(0 <= value <= 255 for value in colour)
    assert all(name in ImageColor.colormap for name in near_names(text))
