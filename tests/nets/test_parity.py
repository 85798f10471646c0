"""Our definitions of the published networks against what the official ones gave, thinned out."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nukki.errors import InputError, UnknownModel  # noqa: E402
from nukki.nets import build, convert, parity_run  # noqa: E402
from nukki.nets.published import Published, renamed  # noqa: E402
from nukki.nets.registry import NAMES  # noqa: E402

HERE = Path(__file__).parent / "parity"
QUICK = ("u2netp", "indexnet_official", "indexnet_mmedit", "modnet", "deepfillv2", "aotgan")
MADE = re.compile(r"weights\.image\((\d+), '([^']+)', (\d+), (\d+)\)")


def module(name: str):
    spec = importlib.util.spec_from_file_location(f"parity_{name}", HERE / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    return found


class Golden:
    """The stored arrays, and the input pictures made again."""

    def __init__(self, folder: str, weights) -> None:
        self.stored = np.load(Path(folder) / "golden_open.npz")
        self.made = {}
        for name, said in weights.load(folder, "manifest.json")["input_arrays"].items():
            if "sha256" in said:
                seed, key, height, width = MADE.fullmatch(said["made_by"]).groups()
                array = weights.image(int(seed), key, int(height), int(width))
                assert hashlib.sha256(array.tobytes()).hexdigest() == said["sha256"]
                self.made[f"in/{name}"] = array
        self.files = [*self.stored.files, *self.made]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.made[name] if name in self.made else self.stored[name]


@pytest.fixture(scope="module")
def check():
    sys.path.insert(0, str(HERE))
    found = module("check")
    sys.path.remove(str(HERE))
    found._golden = lambda folder: Golden(folder, found.W)
    return found


def cases():
    for name in NAMES:
        yield pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)


@pytest.mark.parametrize("name", list(cases()))
def test_a_definition_gives_what_the_official_one_gave(check, name):
    results = check.check(str(HERE / name), build, parity_run, convert)
    assert results
    assert [result for result in results if not result["ok"]] == []


def differs(check, name, change):
    """Outputs that leave their bounds after a change of the module."""
    prepared = check.prepare(str(HERE / name), build, convert)
    change(prepared[1])
    results = check.check(str(HERE / name), build, parity_run, prepared=prepared)
    return [result for result in results if not result["ok"]]


def test_another_epsilon_in_the_norms_is_seen(check):
    def change(net):
        norms = [layer for layer in net.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
        for layer in norms:
            layer.eps = 1e-3
        assert norms

    assert differs(check, "u2netp", change)


def test_another_padding_is_seen(check):
    def change(net):
        layers = [one for one in net.modules() if isinstance(one, torch.nn.ReflectionPad2d)]
        for layer in layers:
            layer.forward = lambda x, pad=layer.padding: torch.nn.functional.pad(
                x, pad, mode="replicate"
            )
        assert layers

    assert differs(check, "aotgan", change)


def test_other_corners_in_the_enlargement_are_seen(check, monkeypatch):
    usual = torch.nn.functional.interpolate

    def cornered(x, *args, **options):
        if options.get("mode") == "bilinear":
            options["align_corners"] = not options.get("align_corners", False)
        return usual(x, *args, **options)

    def change(net):
        monkeypatch.setattr(torch.nn.functional, "interpolate", cornered)

    assert differs(check, "u2netp", change)


def test_a_name_that_is_not_known_is_refused_with_its_neighbours():
    with pytest.raises(UnknownModel) as caught:
        build("u2nett")
    assert "u2net" in caught.value.hint


def tensors(*names):
    return {name: torch.zeros(1) for name in names}


def test_wrappers_and_other_networks_are_taken_off():
    one = Published(
        build=torch.nn.Identity,
        prefixes=("module.", "generator."),
        ignored=(r"disc\.", r"loss"),
        renames=((r"^old\.", "new."),),
    )
    state = tensors("module.generator.old.weight", "module.generator.bias")
    assert list(renamed(one, state)) == ["new.weight", "bias"]
    state = tensors("generator.old.weight", "disc.weight", "loss_percep.x")
    assert list(renamed(one, state)) == ["new.weight"]
    # A prefix that only some keys have is part of their names.
    assert list(renamed(one, tensors("module.a", "b"))) == ["module.a", "b"]


def test_two_keys_of_one_name_are_refused():
    one = Published(build=torch.nn.Identity, renames=((r"^b$", "a"),))
    with pytest.raises(InputError, match="two tensors for `a`"):
        renamed(one, tensors("a", "b"))
