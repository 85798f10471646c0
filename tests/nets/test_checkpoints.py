from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import struct
import sys
import types
import warnings
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from nukki.errors import InputError  # noqa: E402
from nukki.nets import checkpoints  # noqa: E402
from nukki.nets.checkpoints import read_checkpoint  # noqa: E402

CALM = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def made_state(seed=0):
    random = torch.Generator().manual_seed(seed)
    return OrderedDict(
        {
            "conv.weight": torch.randn(4, 3, 3, 3, generator=random),
            "conv.bias": torch.randn(4, generator=random).half(),
            "norm.num_batches_tracked": torch.tensor(7),
            "index": torch.arange(6).reshape(2, 3).T,
        }
    )


def agree(got, wanted):
    assert list(got) == list(wanted)
    for key, value in wanted.items():
        assert got[key].dtype == value.dtype, key
        assert torch.equal(got[key], value), key


@pytest.fixture
def saved(tmp_path):
    """Writes with torch.save, gives the path."""

    def save(content, name="a.pth", **how):
        path = tmp_path / name
        torch.save(content, path, **how)
        return path

    return save


def refused(path, match=None):
    with pytest.raises(InputError, match=match) as caught:
        read_checkpoint(path)
    assert caught.value.hint
    return caught.value


# --- torch's files and their wrappers

WRAPPED = {
    "nothing": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}},
    "model": lambda state: {"model": state, "__author__": "somebody"},
    "params": lambda state: {"params": state},
    "averages first": lambda state: {"params": made_state(1), "params_ema": state},
    "generator": lambda state: {"generator": state, "discriminator": made_state(1)},
    "nested": lambda state: {"global_step": torch.tensor(9), "state_dict": {"generator": state}},
    "mmediting": lambda state: {"meta": {"config": "model = 1", "iter": 5}, "state_dict": state},
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("new", [True, False], ids=["zip", "before 1.6"])
def test_state_dicts_are_found_in_what_is_around_them(saved, wrap, new):
    path = saved(wrap(made_state()), "G.pth.tar", _use_new_zipfile_serialization=new)
    agree(read_checkpoint(path), made_state())


def test_what_is_no_tensor_is_left_out(saved):
    path = saved({"w": nn.Parameter(torch.ones(2)), "name": "net", "sizes": [1, 2]})
    got = read_checkpoint(path)
    assert list(got) == ["w"]
    assert not got["w"].requires_grad


@pytest.fixture
def lightning(monkeypatch):
    """A module that is there while a file is written and gone when it is read."""
    home = types.ModuleType("pytorch_lightning.callbacks")
    source = "class Best:\n    def __init__(self):\n        self.score = 1.0\n"
    exec(source, home.__dict__)
    home.Best.__module__ = home.__name__
    monkeypatch.setitem(sys.modules, "pytorch_lightning", types.ModuleType("pytorch_lightning"))
    monkeypatch.setitem(sys.modules, home.__name__, home)
    yield home.Best
    monkeypatch.undo()


@pytest.mark.parametrize("new", [True, False], ids=["zip", "before 1.6"])
def test_lightnings_callbacks_and_numpys_numbers_are_passed_over(
    saved, lightning, new, monkeypatch
):
    content = {
        "state_dict": made_state(),
        "callbacks": {lightning: {"best": lightning(), "score": np.float64(0.5)}},
        "scores": np.zeros(3),
    }
    path = saved(content, "best.ckpt", _use_new_zipfile_serialization=new)
    monkeypatch.delitem(sys.modules, "pytorch_lightning.callbacks")
    monkeypatch.delitem(sys.modules, "pytorch_lightning")
    agree(read_checkpoint(path), made_state())
    assert "pytorch_lightning" not in sys.modules


def test_a_zip_with_one_checkpoint_in_it_is_read(saved, tmp_path):
    inner = saved({"state_dict": made_state()}, "best.ckpt")
    path = tmp_path / "big-lama.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big-lama/config.yaml", "a: 1")
        archive.write(inner, "big-lama/models/best.ckpt")
        archive.writestr("__MACOSX/big-lama/models/._best.ckpt", "x")
    agree(read_checkpoint(path), made_state())
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(inner, "big-lama/models/last.ckpt")
    refused(path, "without exactly one")


def test_a_zip_in_a_zip_in_a_zip_is_not_followed(saved, tmp_path):
    inner = saved(made_state(), "a.pth")
    for name in ("b.pth", "c.pth"):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(inner, inner.name)
        inner = path
    refused(inner, r"c\.pth/b\.pth` is a zip without")


# --- NumPy's pickles


def as_arrays(state):
    return {key: value.numpy() for key, value in state.items()}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_detectrons_pickles(tmp_path, protocol):
    state = made_state()
    path = tmp_path / "model_final.pkl"
    content = {"model": as_arrays(state), "__author__": "somebody", "step": np.int64(3)}
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    agree(read_checkpoint(path), state)


def test_arrays_of_any_layout_and_order(tmp_path):
    arrays = {
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "swapped": np.arange(5, dtype=">f4"),
        "part": np.arange(12, dtype=np.int16).reshape(3, 4)[:, ::2],
        "one": np.float32(2.5),
        "none": np.zeros((0, 3), np.float32),
        "flags": np.array([True, False]),
    }
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(OrderedDict(arrays)))
    got = read_checkpoint(path)
    for key, array in arrays.items():
        np.testing.assert_array_equal(got[key].numpy(), array)


def test_pickles_of_python_2(tmp_path):
    # Its text and its bytes were one type: SHORT_BINSTRING ("U") for both.
    def text(value):
        return b"U" + bytes([len(value)]) + value

    kind = b"cnumpy\ndtype\n" + text(b"f4") + b"K\x00K\x01\x87R" + b"(K\x03" + text(b"<") + b"NNN"
    kind += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n" + b"cnumpy\nndarray\nK\x00\x85" + text(b"b")
    array += b"\x87R(K\x01K\x02\x85" + kind + b"\x89" + text(struct.pack("<2f", 1.5, -200)) + b"tb"
    path = tmp_path / "old.pkl"
    path.write_bytes(b"\x80\x02}" + text(b"w") + array + b"s.")
    assert read_checkpoint(path)["w"].tolist() == [1.5, -200]


def test_arrays_of_objects_are_refused(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"a": np.array([None, {}], object)}))
    refused(path, "cannot be read as a checkpoint")


# --- nothing runs


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"echo ran > {self.path}",)


def evil_files(folder, marker):
    """Checkpoints of every kind that run a command where names are looked up."""
    evil = Evil(marker)
    for protocol in (2, 4):
        path = folder / f"protocol{protocol}.pkl"
        path.write_bytes(pickle.dumps({"model": {"w": np.ones(2)}, "x": evil}, protocol=protocol))
        yield path
    for new in (True, False):
        path = folder / f"new{new}.pth"
        content = {"state_dict": made_state(), "x": evil}
        torch.save(content, path, _use_new_zipfile_serialization=new)
        yield path
    script = folder / "script.pt"
    with zipfile.ZipFile(script, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps(evil, protocol=2))
        archive.writestr("a/constants.pkl", pickle.dumps((), protocol=2))
    yield script


def test_a_malicious_pickle_is_refused_and_nothing_ran(tmp_path):
    marker = tmp_path / "marker"
    paths = list(evil_files(tmp_path, marker))
    assert len(paths) == 5
    for path in paths:
        error = refused(path, "system` to be called")
        assert "nothing was run" in error.message
        assert not marker.exists(), path
    pickle.loads(paths[0].read_bytes())  # what an ordinary reader would have done
    assert marker.exists()


@pytest.mark.parametrize(
    "name",
    [
        "builtins\neval",
        "builtins\ngetattr",
        "builtins\nobject",
        "__builtin__\nexec",
        "numpy\nload",
        "numpy.core.multiarray\nfromfile",
        "numpy.testing\nrundocs",
        "torch\nload",
        "torch._utils\n_rebuild_tensor_v2",
        "nukki.nets.unpickle\n_Reader",
        "pickle\nloads",
    ],
)
def test_only_names_on_the_list_are_looked_up(tmp_path, name):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02c" + name.encode() + b"\n.")
    refused(path, name.replace("\n", "."))
    stacked = b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in name.split("\n"))
    path.write_bytes(b"\x80\x04" + stacked + b"\x93.")
    refused(path, name.replace("\n", "."))


def test_what_a_pickle_does_to_our_functions_is_gone_with_it(tmp_path):
    # BUILD may set attributes of what a name stands for: here of OrderedDict and of a function.
    attributes = b"N}(X\x04\x00\x00\x00evilK\x01X\x05\x00\x00\x00_callK\x02u\x86b"
    path = tmp_path / "a.pkl"
    for name in (b"collections\nOrderedDict\n", b"numpy\ndtype\n"):
        path.write_bytes(b"\x80\x02c" + name + attributes + b".")
        refused(path)
    assert not hasattr(OrderedDict, "evil")
    good = tmp_path / "good.pkl"
    good.write_bytes(pickle.dumps(as_arrays(made_state())))
    agree(read_checkpoint(good), made_state())


@pytest.mark.parametrize("opcode", [b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00"])
def test_numbers_for_names_are_refused(tmp_path, opcode):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02" + opcode + b".")
    refused(path, "extension 1")


# --- TorchScript


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2))
        self.register_buffer("steps", torch.arange(3))
        self.gain = nn.Parameter(torch.tensor([1.5, 2.0]).half())
        self.names = ["a", "b"]
        self.sizes = [1, 2]

    def forward(self, x):
        return self.model(x) + self.gain.float().view(1, 2, 1, 1)


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = Inner()

    def forward(self, x):
        return self.generator(x)


@pytest.fixture(params=["traced", "scripted"])
def script(request, tmp_path):
    """(path, state dict) of a TorchScript archive."""
    torch.manual_seed(3)
    net = Outer().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if request.param == "traced":
            program = torch.jit.trace(net, torch.zeros(1, 3, 8, 8))
        else:
            program = torch.jit.script(net)
        program.save(str(tmp_path / "net.pt"))
    return tmp_path / "net.pt", net.state_dict()


def test_torchscript_gives_its_tensors_under_their_names(script, monkeypatch):
    def never(*_, **__):
        message = "the program was loaded"
        raise AssertionError(message)

    path, state = script
    monkeypatch.setattr(torch.jit, "load", never)
    monkeypatch.setattr(torch, "load", never)
    got = read_checkpoint(path)
    assert sorted(got) == sorted(state)
    for key, value in state.items():
        assert got[key].dtype == value.dtype
        assert torch.equal(got[key], value)


def rewritten(path, target, change):
    """A copy of an archive whose members went through `change(name, data)`."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target


def test_torchscript_that_lies_about_its_files(script, tmp_path):
    path, _ = script
    target = tmp_path / "other.pt"

    def shortened(name, data):
        return data[:-4] if name.endswith("/data/2") else data

    refused(rewritten(path, target, shortened), "bytes, not")
    without = rewritten(path, target, lambda n, d: None if n.endswith("/data/2") else d)
    refused(without, "cannot be read")
    swapped = rewritten(path, target, lambda n, d: b"big" if n.endswith("byteorder") else d)
    refused(swapped, "order of bytes")


def test_torchscript_without_end(tmp_path):
    # A module that is its own attribute.
    member = b"\x80\x02c__torch__\nM\n)\x81q\x00}X\x01\x00\x00\x00ah\x00sb."
    path = tmp_path / "loop.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", member)
        archive.writestr("a/constants.pkl", b"\x80\x02).")
    refused(path, "deep")


# --- safetensors

SAFE = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64", torch.bfloat16: "BF16"}


def safe_bytes(state, edit=lambda header: None, *, tail=b""):
    """The published format, written by hand."""
    header, blob = {"__metadata__": {"format": "pt"}}, b""
    for key, value in state.items():
        data = value.contiguous().flatten().view(torch.uint8).numpy().tobytes()
        place = [len(blob), len(blob) + len(data)]
        shape = list(value.shape)
        header[key] = {"dtype": SAFE[value.dtype], "shape": shape, "data_offsets": place}
        blob += data
    edit(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + blob + tail


def safe_state():
    state = made_state()
    del state["norm.num_batches_tracked"]  # view(uint8) wants an axis
    return OrderedDict({**state, "b": torch.ones(3).bfloat16(), "none": torch.zeros(0, 2)})


def test_safetensors(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(safe_bytes(safe_state()))
    agree(read_checkpoint(path), safe_state())


def test_safetensors_in_another_order(tmp_path):
    def turned(header):
        entries = list(header.items())
        header.clear()
        header.update(reversed(entries))

    path = tmp_path / "model.safetensors"
    path.write_bytes(safe_bytes(safe_state(), turned))
    agree(read_checkpoint(path), OrderedDict(reversed(safe_state().items())))


def put(key, field, value):
    def edit(header):
        header[key][field] = value

    return edit


LIES = {
    "overlap": put("conv.bias", "data_offsets", [424, 432]),
    "hole": put("conv.bias", "data_offsets", [436, 444]),
    "beyond the end": put("conv.weight", "data_offsets", [0, 1 << 40]),
    "before the start": put("conv.weight", "data_offsets", [-432, 0]),
    "shape": put("conv.weight", "shape", [4, 3, 3, 4]),
    "negative shape": put("conv.weight", "shape", [-4, -3, 3, 3]),
    "no offsets": lambda header: header["conv.weight"].pop("data_offsets"),
    "no dtype": lambda header: header["conv.weight"].pop("dtype"),
    "a list": lambda header: header.update({"conv.weight": []}),
}


@pytest.mark.parametrize("edit", LIES.values(), ids=LIES)
def test_safetensors_that_lie(tmp_path, edit):
    path = tmp_path / "model.safetensors"
    path.write_bytes(safe_bytes(safe_state(), edit))
    refused(path, "cannot be read as a checkpoint")


def test_safetensors_with_what_belongs_to_nothing(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(safe_bytes(safe_state(), tail=b"1234"))
    refused(path, "belong to no tensor")
    path.write_bytes(safe_bytes(safe_state(), put("conv.weight", "dtype", "F8_E4M3")))
    refused(path, "F8_E4M3")
    path.write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    refused(path, "header")
    text = b'{"a":1,"a":2}'
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    refused(path, "twice")


# --- what is no checkpoint


@pytest.mark.parametrize(
    ("data", "match", "hint"),
    [
        (b"", "is empty", "publisher"),
        (b"<!DOCTYPE html><html>", "is not a checkpoint", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is not a checkpoint", "git lfs"),
        (b"\x08\x08\x12\x07pytorch", "is not a checkpoint", "publisher"),
        (b"PK\x03\x04", "cannot be read", "cut short"),
        (b"\x80\x04", "cannot be read", "cut short"),
    ],
)
def test_files_of_another_kind(tmp_path, data, match, hint):
    path = tmp_path / "a.pth"
    path.write_bytes(data)
    assert hint in refused(path, match).hint


def test_no_file(tmp_path):
    refused(tmp_path, "is no file")
    refused(tmp_path / "none.pth", "is no file")


def test_nothing_by_name(saved):
    refused(saved([torch.ones(2)]), "holds no tensors by name")
    refused(saved({"epoch": 3, "lr": 0.1}), "its keys are epoch, lr")
    loop: dict = {}
    loop["state_dict"] = loop
    refused(saved(loop), "holds no tensors by name")
    refused(saved({"w": torch.ones(3, 3).to_sparse()}), "layout")


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_SLACK", 1 << 20)
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + bytes(3_000_000) + b".")
    assert path.stat().st_size < 10_000
    refused(path, "unpacks to")


@pytest.fixture(scope="module")
def samples():
    """The bytes of a file of each kind."""
    state = made_state()
    made = _Shy()
    for new in (True, False):
        buffer = io.BytesIO()
        torch.save({"state_dict": state}, buffer, _use_new_zipfile_serialization=new)
        made[f"torch {new}"] = buffer.getvalue()
    made["numpy"] = pickle.dumps({"model": as_arrays(state)})
    made["safetensors"] = safe_bytes(safe_state())
    return made


class _Shy(dict):
    """Is not printed in whole where a test fails."""

    def __repr__(self):
        return "samples"


@pytest.mark.parametrize("kind", ["torch True", "torch False", "numpy", "safetensors"])
@CALM
@given(share=st.floats(0, 0.999))
def test_cut_short_it_is_an_error_of_the_input(samples, tmp_path, kind, share):
    data = samples[kind]
    path = tmp_path / "cut.pth"
    path.write_bytes(data[: int(len(data) * share)])
    refused(path)


@pytest.mark.parametrize("kind", ["torch True", "torch False", "numpy", "safetensors"])
@CALM
@given(places=st.lists(st.floats(0, 0.999), min_size=1, max_size=4), value=st.integers(0, 255))
def test_damaged_it_is_an_error_of_the_input_or_other_numbers(
    samples, tmp_path, kind, places, value
):
    data = bytearray(samples[kind])
    for place in places:
        data[int(place * len(data))] = value
    path = tmp_path / "damaged.pth"
    path.write_bytes(bytes(data))
    with contextlib.suppress(InputError):
        got = read_checkpoint(path)
        assert all(isinstance(tensor, torch.Tensor) for tensor in got.values())
