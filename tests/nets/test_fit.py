from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from nukki.errors import InputError, UnknownModel  # noqa: E402
from nukki.nets import registry  # noqa: E402
from nukki.nets.fit import fit, resembled  # noqa: E402
from nukki.nets.published import Published  # noqa: E402


def net(width, layers):
    """Convolutions and batch norms: 7 tensors a layer."""
    parts = [(nn.Conv2d(width, width, 3), nn.BatchNorm2d(width)) for _ in range(layers)]
    return nn.Sequential(*(part for pair in parts for part in pair))


TABLE = {
    "small": Published(lambda: net(4, 2), prefixes=("module.",), ignored=(r"disc\.",)),
    "large": Published(lambda: net(8, 3)),
    "long": Published(lambda: net(4, 3), renames=((r"^layers\.", ""),)),
}


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    """Three networks instead of the published ones."""

    def published(name):
        if name not in TABLE:
            raise UnknownModel(name)
        return TABLE[name]

    monkeypatch.setattr(registry, "NAMES", tuple(TABLE))
    monkeypatch.setattr(registry, "published", published)


def state(name="small", prefix=""):
    return {prefix + key: value for key, value in TABLE[name].build().state_dict().items()}


def faulty(name, tensors):
    with pytest.raises(InputError) as caught:
        fit(name, tensors, "net.pth")
    assert caught.value.message.startswith(f"`net.pth` is not a checkpoint of {name}: ")
    return caught.value.message.partition(": ")[2], caught.value.hint


def test_what_fits_can_be_loaded_strictly():
    given = {**state(prefix="module."), "disc.weight": torch.ones(3)}
    ours = fit("small", given)
    module = TABLE["small"].build()
    module.load_state_dict(ours, strict=True)
    for key, value in module.state_dict().items():
        assert torch.equal(value, given[f"module.{key}"])


def test_counters_of_training_may_be_missing_or_too_many():
    given = {key: value for key, value in state().items() if "num_batches" not in key}
    given["0.num_batches_tracked"] = torch.tensor(5)
    ours = fit("small", given)
    assert set(ours) == set(state())
    assert int(ours["1.num_batches_tracked"]) == 0


def test_every_kind_of_fault_is_told():
    given = state()
    del given["0.weight"]
    given["2.weight"] = torch.ones(4, 4, 1, 1)
    given["head.bias"] = torch.ones(4)
    text, hint = faulty("small", given)
    assert text == (
        "1 missing (0.weight); 1 unexpected (head.bias); "
        "1 of another shape (2.weight (4, 4, 1, 1) instead of (4, 4, 3, 3))"
    )
    assert hint == "12 of 14 keys of small are there: give the publisher's file as it is"


def test_only_the_first_ten_are_told():
    given = {key: value for key, value in state("large").items() if not key.startswith("0.")}
    text, _ = faulty("long", {**given, **{f"x{number}": torch.ones(1) for number in range(10)}})
    assert (
        "2 missing (0.weight, 0.bias); 10 unexpected (x0, x1, x2, x3, x4, x5, x6, x7, x8, x9);"
        in text
    )
    assert text.count("instead of") == 10
    assert "16 of another shape" in text
    assert text.endswith(", …)")


def test_the_network_that_it_resembles_is_told():
    text, hint = faulty("small", state("large"))
    assert "6 unexpected" in text
    assert hint == "it resembles large (21 of its 21 keys are there): try --as large"
    _, hint = faulty("large", {f"layers.{key}": value for key, value in state("long").items()})
    assert hint == "it resembles long (21 of its 21 keys are there): try --as long"


def test_a_checkpoint_of_something_else_resembles_nothing():
    strange = {"a.weight": torch.ones(2), "0.weight": torch.ones(4, 4, 3, 3)}
    assert resembled(strange) is None
    assert resembled({}) is None
    _, hint = faulty("small", strange)
    assert hint == "give the publisher's file for small as it is"


def test_two_keys_of_one_name_are_no_resemblance():
    given = state("large")
    both = {**given, **{f"layers.{key}": value for key, value in given.items()}}
    assert resembled(both) == ("large", 21, 21)


def test_weights_that_are_not_finite():
    given = state()
    given["0.bias"] = torch.tensor([0.0, 1.0, float("nan"), 0.0])
    text, _ = faulty("small", given)
    assert text == "1 not finite (0.bias)"


def test_a_tensor_that_claims_to_be_huge_costs_no_memory():
    given = state()
    given["0.weight"] = torch.ones(1).expand(1 << 20, 1 << 20)
    text, _ = faulty("small", given)
    assert "(1048576, 1048576) instead of (4, 4, 3, 3)" in text


def test_unknown_networks():
    with pytest.raises(UnknownModel):
        fit("medium", state())
