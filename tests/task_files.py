"""Tiny networks in ONNX's own text, sessions that remember, and the facts of the parity data."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import onnx.parser

from nukki import settings
from nukki.runtime.sessions import get_session
from nukki.zoo.cards import load_card

PARITY = Path(__file__).parent / "nets" / "parity"
HEAD = '<ir_version: 9, opset_import: ["" : {opset}]>\n'


def network(folder, text, name="tiny", opset=17):
    """A session of a graph in ONNX's text: `n (float[1,4,H,W] x) => (float[1,1,H,W] y) {...}`."""
    path = Path(folder) / f"{name}.onnx"
    path.write_bytes(onnx.parser.parse_model(HEAD.format(opset=opset) + text).SerializeToString())
    return get_session(path, device="cpu", threads=1)


def channel(number, count=1):
    """Text of a node that takes `count` channels of `x` from `number` on, and gives `y`."""
    return f"""
    <int64[1] first = {{{number}}}, int64[1] last = {{{number + count}}}, int64[1] axis = {{1}}>
    {{ y = Slice(x, first, last, axis) }}
    """


# Networks that fill holes: with one colour, and with NaN.
FILLS_CARD = """
task = "inpainting"
input.size = [64, 64]
input.fit = "pad"
input.multiple = 8
output.index = 0
"""
PAINT = "paint (float[1,4,H,W] x) => (float[1,3,H,W] y)" + channel(0, 3).replace(
    "<int64", "<float[1,3,1,1] colour = {0.2, 0.4, 1.5}, int64", 1
).replace(
    "y = Slice(x, first, last, axis) }",
    """
    part = Slice(x, first, last, axis)
    none = Sub(part, part)
    y = Add(none, colour) }""",
)
FILLS_COLOUR = (51, 102, 255)  # of PAINT: 1.5 is clipped
FILLS_NAN = "nan (float[1,4,H,W] x) => (float[1,3,H,W] y)" + channel(0, 3).replace(
    "y = Slice(x, first, last, axis) }",
    "r = Slice(x, first, last, axis)\n z = Sub(r, r)\n y = Div(z, z) }",
)


def card(folder, text, name="tiny"):
    """A card of the user's with these lines."""
    path = Path(folder) / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return load_card(path, brief=True)


def at_home(name, task, text, tables, *, file="net.onnx"):
    """Put a network and its full card where those of the user's lie; it has a name then."""
    words = f"""
    name = "{name}"
    title = "A net"
    task = "{task}"
    commercial_use = "yes"
    origin = "https://example.org/net"
    files = [{{ name = "{file}" }}]
    licence = {{ code = "MIT", weights = "MIT", data = "made up" }}
    """
    folder = settings.models_folder() / name
    for place in (folder, settings.cards_folder()):
        place.mkdir(parents=True, exist_ok=True)
    (settings.cards_folder() / f"{name}.toml").write_text(words + tables, encoding="utf-8")
    network(folder, text, name=file.removesuffix(".onnx"))


class Spy:
    """A session that remembers the inputs of every run."""

    def __init__(self, session):
        self.path = session.path
        self.inputs = session.inputs
        self.seen = []
        self._session = session

    def run(self, inputs, **options):
        self.seen.append(inputs)
        return self._session.run(inputs, **options)


def official_inputs(name):
    """(pictures and masks by name, tensors by name, parts) of the first call of a parity case."""
    manifest = json.loads((PARITY / name / "manifest.json").read_text())
    spec = importlib.util.spec_from_file_location("parity_weights", PARITY / "weights.py")
    weights = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(weights)
    makers = {"image": weights.image, "mask": weights.mask, "trimap": weights.trimap}
    arrays = {}
    for key, about in manifest["input_arrays"].items():
        kind = about["made_by"].removeprefix("weights.").partition("(")[0]
        arrays[key] = makers[kind](manifest["seed"], f"{name}/{key}", *about["shape"][:2])
    call = manifest["calls"][0]
    tensors = {i["name"]: weights.net_input(i["parts"], arrays) for i in call["inputs"]}
    used = [part["array"] for part in call["inputs"][0]["parts"]]
    other = [part["array"] for i in call["inputs"] for part in i["parts"]][-1]
    return arrays[used[0]], arrays[other], tensors
