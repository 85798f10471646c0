"""A server without sockets, and networks of a few constants that requests may name."""

from __future__ import annotations

import numpy as np
import pytest

from finding_networks import BOXES_CARD, boxes_network
from helpers import tiny_network
from nukki import settings
from picking_networks import PICK_CARD, decoder, encoder
from serve_client import Client, encoded
from task_files import FILLS_CARD, PAINT, at_home

PERSON = ((0.25, 0.25, 0.75, 1.0), 0.9, 1, 1.0)
DOG = ((0.0, 0.0, 0.5, 0.5), 0.7, 2, 1.0)
SALIENT = 'task = "saliency"\noutput.range = "absolute"\ninput.size = [32, 32]\n'


def known(name, card, *files):
    """Put a card where the user's own lie; gives the folder for its files."""
    words = f"""
    name = "{name}"
    title = "A net"
    commercial_use = "yes"
    origin = "https://example.org/net"
    files = [{", ".join(f'{{ name = "{file}" }}' for file in files)}]
    licence = {{ code = "MIT", weights = "MIT", data = "made up" }}
    """
    folder = settings.models_folder() / name
    for place in (folder, settings.cards_folder()):
        place.mkdir(parents=True, exist_ok=True)
    (settings.cards_folder() / f"{name}.toml").write_text(words + card, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def graphs(tmp_path_factory):
    """Files of networks, made once: what is bright stands out, two things, what is asked."""
    folder = tmp_path_factory.mktemp("graphs")
    boxes_network(folder / "finds.onnx", [PERSON, DOG])
    encoder(folder / "a.onnx")
    decoder(folder / "b.onnx")
    return {
        "bright": [tiny_network(folder, "identity")],
        "flat": [tiny_network(folder, "flat")],
        "nan": [tiny_network(folder, "nan")],
        "finds": [folder / "finds.onnx"],
        "picks": [folder / "a.onnx", folder / "b.onnx"],
    }


@pytest.fixture
def networks(graphs):
    """Networks by the names `bright`, `flat`, `nan`, `finds`, `picks` and `fills`."""
    cards = dict.fromkeys(("bright", "flat", "nan"), SALIENT)
    cards |= {"finds": BOXES_CARD, "picks": PICK_CARD}
    for name, card in cards.items():
        folder = known(name, card, *(path.name for path in graphs[name]))
        for path in graphs[name]:
            (folder / path.name).write_bytes(path.read_bytes())
    tables = FILLS_CARD.replace('task = "inpainting"', "") + "[inpainting]"
    at_home("fills", "inpainting", PAINT, tables)


@pytest.fixture
def client():
    """Makes servers: `client(queue=0)`."""
    made = []

    def make(*arguments, **options):
        made.append(Client(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def photo():
    """A PNG: dark, with a bright block in the middle."""
    pixels = np.full((48, 64, 3), 20, np.uint8)
    pixels[12:36, 16:48] = (250, 240, 200)
    return encoded(pixels)


@pytest.fixture(scope="session")
def dark():
    """A PNG without a subject."""
    return encoded(np.full((48, 64, 3), 5, np.uint8))
