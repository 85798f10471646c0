"""Keyword arguments for type checkers and the tables of options say the same."""

import inspect
from dataclasses import fields
from typing import get_type_hints

from nukki import api
from nukki.pipelines.erase_options import GoKeywords, GoOptions, WholeEraseKeywords
from nukki.pipelines.options import (
    CallKeywords,
    EraseKeywords,
    EraseOptions,
    RemoveKeywords,
    RemoveOptions,
    SegmentKeywords,
    SegmentOptions,
)


def test_keywords_are_the_fields_of_the_options_with_their_types():
    keywords = get_type_hints(RemoveKeywords)
    options = {field.name for field in fields(RemoveOptions)}
    # The library takes any picture as a background or a trimap, the command line names a file.
    assert set(keywords) == options - {"background", "trimap"}
    types = get_type_hints(RemoveOptions)
    assert keywords == {name: types[name] for name in keywords}


def test_replace_takes_what_remove_takes():
    parameters = set(inspect.signature(api.remove).parameters) - {"image", "options", "background"}
    assert set(get_type_hints(CallKeywords)) == parameters | set(get_type_hints(RemoveKeywords))


def test_segment_takes_the_fields_of_its_options():
    keywords, types = get_type_hints(SegmentKeywords), get_type_hints(SegmentOptions)
    assert {**keywords, "what": str} == types
    assert inspect.signature(api.segment).parameters["what"].default == SegmentOptions().what


def test_erase_takes_the_fields_of_its_options():
    assert get_type_hints(EraseKeywords) == get_type_hints(EraseOptions)
    types = get_type_hints(GoOptions)
    assert (
        get_type_hints(GoKeywords) | {"what": types["what"], "except_": types["except_"]} == types
    )
    whole = get_type_hints(WholeEraseKeywords)
    assert whole == get_type_hints(GoKeywords) | get_type_hints(EraseKeywords)
