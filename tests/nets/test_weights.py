from __future__ import annotations

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from nukki.errors import InputError  # noqa: E402
from nukki.nets.subject import SubjectNet  # noqa: E402
from nukki.nets.weights import start_from  # noqa: E402


def published(changes: dict[str, torch.Tensor] | None = None) -> dict[str, torch.Tensor]:
    """Tensors named and shaped as in EfficientNet-Lite2's file, with made-up values."""
    draw = torch.Generator().manual_seed(1)
    encoder = SubjectNet().enc.state_dict()
    tensors: dict[str, torch.Tensor] = {}

    def add(layer: str, norm: str, ours: str) -> None:
        shape = encoder[f"{ours}.c.weight"].shape
        tensors[f"{layer}.weight"] = torch.randn(shape, generator=draw) / shape[1:].numel() ** 0.5
        for part, low in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5)):
            tensors[f"{norm}.{part}"] = torch.rand(shape[0], generator=draw) + low
        tensors[f"{norm}.running_var"] = torch.rand(shape[0], generator=draw) + 0.1
        tensors[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    add("_conv_stem", "_bn0", "stem")
    for number in range(21):
        block = f"_blocks.{number}."
        kinds = ["expand_conv", "depthwise_conv", "project_conv"][number == 0 :]
        for turn, kind in enumerate(kinds):
            norm = {"expand_conv": 0, "depthwise_conv": 1, "project_conv": 2}[kind]
            add(f"{block}_{kind}", f"{block}_bn{norm}", f"blocks.{number}.m.{turn}")
    tensors["_conv_head.weight"] = torch.zeros(1280, 352, 1, 1)
    tensors["_fc.weight"] = torch.zeros(1000, 1280)
    return tensors | (changes or {})


def file_of(path: Path, tensors: object) -> Path:
    torch.save(tensors, path)
    return path


def same(x: torch.Tensor, size: int, stride: int) -> torch.Tensor:
    """TensorFlow's "SAME" padding, as its documentation gives it for any side."""
    amounts = []
    for side in (x.shape[3], x.shape[2]):
        total = max((-(-side // stride) - 1) * stride + size - side, 0)
        amounts += [total // 2, total - total // 2]
    return F.pad(x, amounts)


def as_published(tensors: dict[str, torch.Tensor], x: torch.Tensor) -> list[torch.Tensor]:
    """The encoder with its batch norms still apart: what each block gives."""

    def layer(x, name, norm, stride=1, groups=1):
        weight = tensors[f"{name}.weight"]
        x = F.conv2d(same(x, weight.shape[2], stride), weight, None, stride, groups=groups)
        parts = (tensors[f"{norm}.{part}"] for part in ("running_mean", "running_var"))
        scale = tensors[f"{norm}.weight"], tensors[f"{norm}.bias"]
        return F.batch_norm(x, *parts, *scale, training=False, eps=1e-3)

    x = F.relu6(layer(x, "_conv_stem", "_bn0", stride=2))
    given = []
    for number in range(21):
        block, y = f"_blocks.{number}.", x
        if number > 0:
            y = F.relu6(layer(y, f"{block}_expand_conv", f"{block}_bn0"))
        stride = 2 if number in (1, 4, 7, 15) else 1
        y = layer(y, f"{block}_depthwise_conv", f"{block}_bn1", stride, groups=y.shape[1])
        y = layer(F.relu6(y), f"{block}_project_conv", f"{block}_bn2")
        x = x + y if x.shape == y.shape else y
        given.append(x)
    return given


def test_a_published_encoder_gives_the_same_with_its_norms_folded(tmp_path):
    tensors = published()
    net = SubjectNet().eval()
    before = net.gp.weight.clone()
    filled, total = start_from(net, file_of(tmp_path / "lite2.pth", tensors))
    assert (filled, total) == (126, len(net.state_dict()))
    x = torch.rand(2, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        mine, theirs = net.enc(x), as_published(tensors, x)
    for seen, block in zip(mine, (0, 3, 6, 14, 20), strict=True):
        torch.testing.assert_close(seen, theirs[block], atol=1e-3, rtol=1e-3)
    assert torch.equal(net.gp.weight, before)


def test_another_shape_is_refused_by_name(tmp_path):
    tensors = published({"_conv_stem.weight": torch.zeros(32, 1, 3, 3)})
    net = SubjectNet()
    before = net.enc.stem.c.weight.clone()
    with pytest.raises(InputError, match=r"enc\.stem\.c\.weight.*\(32, 3, 3, 3\)"):
        start_from(net, file_of(tmp_path / "e.pth", tensors))
    assert torch.equal(net.enc.stem.c.weight, before)


def test_a_missing_batch_norm_is_named(tmp_path):
    tensors = published()
    del tensors["_blocks.3._bn1.running_var"]
    with pytest.raises(InputError, match=re.escape("_blocks.3._bn1")):
        start_from(SubjectNet(), file_of(tmp_path / "e.pth", tensors))


def test_only_plain_tensors_are_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return print, ("sprung",)

    with pytest.raises(InputError, match=r"not a \.pth file"):
        start_from(SubjectNet(), file_of(tmp_path / "trap.pth", {"_conv_stem.weight": Trap()}))


@pytest.mark.parametrize("content", ["a list", None, {"a": "text"}])
def test_a_pickle_of_something_else_is_refused(tmp_path, content):
    with pytest.raises(InputError, match=r"e\.pth"):
        start_from(SubjectNet(), file_of(tmp_path / "e.pth", content))


@pytest.mark.parametrize("name", ["weights.onnx", "weights.pth"])
def test_a_file_that_is_neither_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"not weights at all")
    with pytest.raises(InputError, match=name):
        start_from(SubjectNet(), path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        start_from(SubjectNet(), tmp_path / "nowhere.onnx")


def test_a_file_without_weights_of_this_network_is_refused(tmp_path):
    with pytest.raises(InputError, match="no weights of this network"):
        start_from(SubjectNet(), file_of(tmp_path / "other.pth", {"lines": torch.zeros(3)}))
