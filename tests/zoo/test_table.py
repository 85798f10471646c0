"""The README's table of networks."""

from __future__ import annotations

from nukki.zoo import catalog
from nukki.zoo.table import markdown_table, size_text


def test_one_row_for_each_network_our_own_first():
    lines = markdown_table().splitlines()
    assert len(lines) == 2 + len(catalog.own_names())
    own = [line.split("|")[1].strip() for line in lines[2:6]]
    assert own == ["detect", "fill", "pick", "subject"]
    assert len({line.count("|") for line in lines}) == 1


def test_a_row_says_what_people_ask():
    (row,) = markdown_table([catalog.find("u2netp")]).splitlines()[2:]
    for text in ("[u2netp](https://", "4.6 MB", "320 × 320", "yes", "Apache-2.0", "DUTS"):
        assert text in row


def test_sizes(make_card):
    def text(size):
        return size_text(make_card("https://example.org/x", size=size))

    assert text(None) == "–"
    assert [text(4_574_861), text(175_997_641)] == ["4.6 MB", "176 MB"]
    assert text(1_020_000_000) == "1.02 GB"
    assert size_text(catalog.find("bria-rmbg")) == "1.02 GB"


def test_a_bar_in_a_licence_does_not_break_the_table(make_card):
    from dataclasses import replace

    card = replace(make_card("https://example.org/x"), data_terms="one | two\nthree")
    assert r"one \| two three |" in markdown_table([card])
