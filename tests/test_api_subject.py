"""`nukki.remove` with the networks of the package: who is cut out of real photos."""

from __future__ import annotations

import numpy as np
import pytest

import nukki
from helpers import frozen
from nukki.errors import InputError


@pytest.fixture(scope="module")
def portrait(astronaut):
    """(256, 256, 3): half of the portrait's size, so that it is quick."""
    return frozen(astronaut[::2, ::2])


def test_a_portrait_is_cut_out_on_every_road(portrait):
    """And to the same bytes, whatever the threads."""
    auto, main = (nukki.remove(portrait, subject=one, threads=1) for one in ("auto", "main"))
    for cut in (auto, main):
        assert cut.found
        assert cut.alpha[60, 110] > 0.9  # her forehead
        assert cut.alpha[5, 250] < 0.1
        assert 0.3 < cut.alpha.mean() < 0.7
    assert auto.road in ("salient", "people", "both")
    assert auto.reason.endswith("the salient map agrees")
    assert main.road == "chosen"
    assert main.reason.endswith("chosen by main")
    two = nukki.remove(portrait, threads=2)
    assert two.rgba().tobytes() == auto.rgba().tobytes()
    assert (two.road, two.reason) == (auto.road, auto.reason)


def test_a_cat_is_nobody(cat):
    cut = nukki.remove(cat, threads=1)
    assert (cut.found, cut.road, cut.reason) == (True, "salient", "no people were found")
    nobody = nukki.remove(cat, subject="people", threads=1)
    assert (nobody.found, nobody.road) == (False, "chosen")
    assert nobody.reason
    assert not nobody.alpha.any()


@pytest.mark.parametrize("subject", ["auto", "people", "all"])
def test_a_pixel(subject):
    cut = nukki.remove(np.zeros((1, 1, 3), np.uint8), subject=subject, threads=1)
    assert cut.rgba().shape == (1, 1, 4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"subject": "people,"}, "`subject`: nothing stands here"),
        ({"subject": "unicorn"}, "`subject`: there is no label 'unicorn'"),
        ({"subject": ""}, "`subject` must say what is meant"),
        ({"subject": 3}, "`subject` must say what is meant, got 3"),
        ({"subject": "people", "instances": "subject"}, "got one for saliency"),
    ],
)
def test_subjects_that_cannot_be(portrait, options, said):
    with pytest.raises(InputError, match=said) as caught:
        nukki.remove(portrait, **options, threads=1)
    assert caught.value.hint
