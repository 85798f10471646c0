"""Sessions: loaded once, checked on both sides, and no foreign exception comes through."""

from __future__ import annotations

import os
import sys
import threading
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from nukki.errors import InputError, MissingExtra, ModelOutputError, NukkiError, ProviderError
from nukki.runtime import sessions
from nukki.runtime.sessions import KEPT, available_devices, get_session

SUBJECT = Path(str(files("nukki") / "zoo" / "weights" / "subject.onnx"))


def row(*values, dtype=np.float32):
    return np.array([values], dtype)


# --- what it gives


def test_a_session_says_what_it_is(relu):
    session = get_session(relu, device="cpu", threads=1)
    assert session.path == relu.resolve()
    assert (session.device, session.threads) == ("cpu", 1)
    assert session.inputs == {"x": (1, "n")}
    assert session.outputs == {"y": (1, "n")}


def test_run_gives_named_float32(relu):
    x = row(-1, 0, 2)
    x.flags.writeable = False
    answer = get_session(relu).run({"x": x})
    assert answer["y"].dtype == np.float32
    np.testing.assert_array_equal(answer["y"], row(0, 0, 2))


def test_only_the_outputs_that_were_asked_for(build):
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Neg", ["x"], ["z"])]
    path = build(nodes, {"x": [1, 2]}, {"y": [1, 2], "z": [1, 2]})
    session = get_session(path)
    assert set(session.run({"x": row(1, 2)})) == {"y", "z"}
    assert set(session.run({"x": row(1, 2)}, outputs=["z"])) == {"z"}
    with pytest.raises(InputError, match="has no output nope; it has y, z"):
        session.run({"x": row(1, 2)}, outputs=["nope"])


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        pytest.param(TensorProto.FLOAT16, np.float16, id="half"),
        pytest.param(TensorProto.FLOAT16, np.float32, id="half from float32"),
        pytest.param(TensorProto.DOUBLE, np.float64, id="double"),
        pytest.param(TensorProto.INT64, np.int64, id="int64"),
        pytest.param(TensorProto.UINT8, np.uint8, id="uint8"),
    ],
)
def test_every_number_comes_out_as_float32(build, kind, given):
    node = helper.make_node("Identity", ["x"], ["y"])
    path = build([node], {"x": [1, 2]}, {"y": [1, 2]}, kinds={"x": kind, "y": kind})
    answer = get_session(path).run({"x": row(3, 7, dtype=given)})["y"]
    assert answer.dtype == np.float32
    np.testing.assert_array_equal(answer, row(3, 7))


def test_the_embedded_network_gives_the_same_bytes_on_one_and_two_threads():
    """Rule 5.7 of the plan; it holds because no kernel of it sums in an order that threads set."""
    rng = np.random.default_rng(7)
    one = get_session(SUBJECT, device="cpu", threads=1)
    two = get_session(SUBJECT, device="cpu", threads=2)
    for size in ((288, 288), (64, 96), (352, 224)):
        image = rng.uniform(-1, 1, (1, 3, *size)).astype(np.float32)
        first, second = one.run({"image": image}), two.run({"image": image})
        assert first["alpha"].tobytes() == second["alpha"].tobytes()
        assert first["alpha"].std() > 0


# --- what it refuses


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        pytest.param({}, "takes the inputs x, got none", id="nothing"),
        pytest.param({"image": row(1)}, "takes the inputs x, got image", id="other name"),
        pytest.param({"x": row(1), "z": row(1)}, "takes the inputs x, got x, z", id="one too many"),
        pytest.param({"x": row(1, dtype=np.float64)}, r"float32 \(1, n\), got float64", id="dtype"),
        pytest.param({"x": np.zeros(3, np.float32)}, r"\(1, n\), got float32 \(3\)", id="rank"),
        pytest.param({"x": np.zeros((2, 3), np.float32)}, r"got float32 \(2, 3\)", id="size"),
    ],
)
def test_inputs_that_are_not_the_networks(relu, inputs, said):
    with pytest.raises(InputError, match=said) as caught:
        get_session(relu).run(inputs)
    assert "net.onnx" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("x", "bad"), [(row(-1, 1, 4), 1), (row(0, -1, -2), 3)], ids=["NaN", "NaN and infinity"]
)
def test_nan_and_infinity_name_the_file_and_the_tensor(build, x, bad):
    path = build([helper.make_node("Log", ["x"], ["y"])], {"x": [1, 3]}, {"y": [1, 3]})
    with pytest.raises(ModelOutputError, match=f"`y` of `net.onnx` .* got {bad} of 3"):
        get_session(path).run({"x": x})


def test_a_double_beyond_float32_is_infinite_too(build):
    kinds = {"x": TensorProto.DOUBLE, "y": TensorProto.DOUBLE}
    node = helper.make_node("Identity", ["x"], ["y"])
    path = build([node], {"x": [1, 1]}, {"y": [1, 1]}, kinds=kinds)
    with pytest.raises(ModelOutputError, match="1 of 1"):
        get_session(path).run({"x": row(1e300, dtype=np.float64)})


def test_an_output_that_is_no_tensor(build):
    kinds = {"y": TensorProto.STRING}
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.STRING)
    path = build([node], {"x": [1, 1]}, {"y": [1, 1]}, kinds=kinds)
    with pytest.raises(ModelOutputError, match="must be a tensor of numbers"):
        get_session(path).run({"x": row(1)})


def test_a_network_that_fails_while_running_keeps_the_cause(build, capfd):
    """A Reshape that cannot be; ONNX Runtime's own text goes into the message, not to stderr."""
    shape = helper.make_tensor("s", TensorProto.INT64, [2], [2, 2])
    node = helper.make_node("Reshape", ["x", "s"], ["y"])
    path = build([node], {"x": [1, "n"]}, {"y": [2, 2]}, initialisers=[shape])
    with pytest.raises(ModelOutputError, match=r"`net\.onnx` did not run: .*reshape") as caught:
        get_session(path).run({"x": row(1, 2, 3)})
    assert caught.value.__cause__ is not None
    assert "ONNXRuntimeError" not in caught.value.message
    assert "the card's input size" in caught.value.hint
    assert caught.value.hint.endswith("it was given `x` (1, 3)")
    assert capfd.readouterr() == ("", "")


def test_a_network_that_finds_no_memory_is_not_told_of_its_size(build):
    """A tensor of 2^50 values."""
    shape = helper.make_tensor("s", TensorProto.INT64, [2], [1 << 25, 1 << 25])
    nodes = [
        helper.make_node("Expand", ["x", "s"], ["large"]),
        helper.make_node("ReduceMax", ["large"], ["y"], keepdims=0),
    ]
    path = build(nodes, {"x": [1, 1]}, {"y": []}, initialisers=[shape])
    with pytest.raises(ModelOutputError, match=r"`net\.onnx` did not run: ") as caught:
        get_session(path).run({"x": row(1)})
    assert caught.value.hint == "free memory, or give the network less at once"


# --- files


def _corrupt(kind, relu, folder):
    if kind == "empty":
        relu.write_bytes(b"")
    elif kind == "a picture":
        relu.write_bytes(b"\x89PNG\r\n\x1a\n" * 40)
    elif kind == "cut off":
        relu.write_bytes(SUBJECT.read_bytes()[:40_000])
    elif kind == "missing":
        relu.unlink()
    elif kind == "a folder":
        return folder
    return relu


@pytest.mark.parametrize("kind", ["empty", "a picture", "cut off", "missing", "a folder"])
def test_a_file_that_is_no_network_is_named(kind, relu, tmp_path, capfd):
    path = _corrupt(kind, relu, tmp_path)
    with pytest.raises(InputError, match="must be an ONNX") as caught:
        get_session(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert caught.value.__cause__ is not None
    assert capfd.readouterr() == ("", "")


def test_a_name_that_no_file_can_have():
    with pytest.raises(InputError):
        get_session(Path("a\0b.onnx"))


def test_operators_that_need_code_are_refused(build):
    """A network is data: libraries of custom operators are never registered."""
    node = helper.make_node("Run", ["x"], ["y"], domain="com.example")
    path = build([node], {"x": [1, 1]}, {"y": [1, 1]}, domain="com.example")
    with pytest.raises(InputError, match=r"com\.example"):
        get_session(path)


@pytest.fixture
def with_weights_at(build):
    """A function: a network beside `inside.bin` whose weights lie at a place it names."""

    def write(location):
        weights = helper.make_tensor("w", TensorProto.FLOAT, [1, 2], b"\0" * 8, raw=True)
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "8")):
            entry = weights.external_data.add()
            entry.key, entry.value = key, value
        node = helper.make_node("Add", ["x", "w"], ["y"])
        shapes = {"x": [1, 2]}, {"y": [1, 2]}
        path = build([node], *shapes, initialisers=[weights], name="model/net.onnx")
        (path.parent / "inside.bin").write_bytes(row(5, 6).tobytes())
        (path.parent.parent / "outside.bin").write_bytes(row(7, 8).tobytes())
        return path

    return write


def test_weights_beside_the_network_are_read(with_weights_at):
    answer = get_session(with_weights_at("inside.bin")).run({"x": row(0, 0)})["y"]
    np.testing.assert_array_equal(answer, row(5, 6))


@pytest.mark.parametrize("how", ["upwards", "absolute", "link", "memory"])
def test_weights_outside_the_networks_folder_are_refused(with_weights_at, tmp_path, how):
    """Else a network could read any file of the user's into its answer."""
    location = {
        "upwards": "../outside.bin",
        "absolute": str(tmp_path / "outside.bin"),
        "link": "link.bin",
        "memory": "*/_ORT_MEM_ADDR_/*",
    }[how]
    path = with_weights_at(location)
    (path.parent / "link.bin").symlink_to("../outside.bin")
    with pytest.raises(InputError):
        get_session(path)


def test_every_exception_of_the_engine_is_mapped():
    """A release that adds one fails here, not in front of a user."""
    state = onnxruntime.capi.onnxruntime_pybind11_state
    own = {
        name
        for name, value in vars(state).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    }
    assert own, "the engine's exceptions have moved"
    assert own <= set(sessions._FOREIGN_NAMES)


@pytest.mark.parametrize("name", [*sessions._FOREIGN_NAMES, "MemoryError", "RuntimeError"])
def test_whatever_the_engine_raises_arrives_as_ours(relu, name, monkeypatch):
    state = onnxruntime.capi.onnxruntime_pybind11_state
    kind = getattr(state, name, {"MemoryError": MemoryError}.get(name, RuntimeError))
    session = get_session(relu)

    class Failing:
        def run(self, *_):
            raise kind("[ONNXRuntimeError] : 1 : FAIL : out of order")

    monkeypatch.setattr(session, "_engine", Failing())
    with pytest.raises(ModelOutputError, match=r"`net\.onnx` did not run: out of order") as caught:
        session.run({"x": row(1)})
    assert isinstance(caught.value.__cause__, kind)


# --- devices


def test_auto_runs_on_what_is_there(relu):
    session = get_session(relu)
    assert session.device in available_devices()


def test_the_environment_decides_where_the_caller_does_not(relu, monkeypatch):
    monkeypatch.setenv("NUKKI_DEVICE", "openvino")
    monkeypatch.setenv("NUKKI_THREADS", "3")
    if "openvino" in available_devices():
        pytest.skip("OpenVINO is installed")
    with pytest.raises(ProviderError, match="openvino"):
        get_session(relu)
    assert get_session(relu, device="cpu").threads == 3


@pytest.mark.parametrize("failure", ["falls back", "raises"])
def test_a_device_that_does_not_load_is_never_a_silent_cpu(relu, failure, monkeypatch):
    """An engine built for CUDA on a machine without its driver does one or the other."""
    real = onnxruntime.InferenceSession
    state = onnxruntime.capi.onnxruntime_pybind11_state

    def without_driver(path, sess_options, providers, **_):
        if providers == ["CUDAExecutionProvider"] and failure == "raises":
            raise state.EPFail("[ONNXRuntimeError] : 11 : EP_FAIL : no driver")
        return real(path, sess_options=sess_options, providers=["CPUExecutionProvider"])

    built_with = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: built_with)
    monkeypatch.setattr(onnxruntime, "InferenceSession", without_driver)
    with pytest.raises(ProviderError, match="`device` cuda did not load") as caught:
        get_session(relu, device="cuda")
    assert "offers cpu, cuda" in caught.value.message
    assert 'pip install "nukki[gpu]"' in caught.value.hint
    assert get_session(relu, device="auto").device == "cpu"


def test_without_the_engine_the_pip_line_is_named(relu, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for call in (lambda: get_session(relu), available_devices):
        with pytest.raises(MissingExtra) as caught:
            call()
        assert caught.value.hint == 'run: pip install "nukki[cpu]"'


def test_threads_must_be_at_least_one(relu):
    with pytest.raises(InputError, match="`threads` must be at least 1, got 0"):
        get_session(relu, threads=0)


# --- the cache


@pytest.fixture
def loads(monkeypatch):
    """Every load that really happens, by path."""
    seen = []
    load = sessions._load

    def counted(path, device, threads, *, one_shape):
        seen.append(path)
        return load(path, device, threads, one_shape=one_shape)

    monkeypatch.setattr(sessions, "_load", counted)
    return seen


def test_the_same_network_is_loaded_once(relu, loads, monkeypatch):
    monkeypatch.chdir(relu.parent)
    assert get_session(relu) is get_session(Path("net.onnx"))
    assert len(loads) == 1
    assert get_session(relu, threads=1) is not get_session(relu, threads=2)
    assert get_session(relu, one_shape=True) is not get_session(relu)


def test_a_replaced_file_is_loaded_anew(relu, build):
    first = get_session(relu)
    build([helper.make_node("Neg", ["x"], ["y"])], {"x": [1, "n"]}, {"y": [1, "n"]})
    os.utime(relu, ns=(1, 1))
    np.testing.assert_array_equal(get_session(relu).run({"x": row(2)})["y"], row(-2))
    np.testing.assert_array_equal(first.run({"x": row(2)})["y"], row(2))


def test_first_requests_at_the_same_time_load_once(relu, loads):
    start = threading.Barrier(8)
    got = []

    def request():
        start.wait()
        got.append(get_session(relu))

    workers = [threading.Thread(target=request) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(got) == 8
    assert len(set(map(id, got))) == 1
    assert len(loads) == 1


def test_a_slow_load_holds_up_no_other(relu, tmp_path, monkeypatch):
    """One lock for each network: a second is given out while the first still loads."""
    slow = tmp_path / "slow.onnx"
    slow.write_bytes(relu.read_bytes())
    load, release, entered = sessions._load, threading.Event(), threading.Event()

    def held(path, device, threads, *, one_shape):
        if path.name == "slow.onnx":
            entered.set()
            assert release.wait(30)
        return load(path, device, threads, one_shape=one_shape)

    monkeypatch.setattr(sessions, "_load", held)
    worker = threading.Thread(target=get_session, args=(slow,))
    worker.start()
    try:
        assert entered.wait(30)
        assert get_session(relu).path.name == "net.onnx"
        assert worker.is_alive()
    finally:
        release.set()
        worker.join()


def test_the_cache_has_a_limit_and_forgets_the_oldest(relu, loads, tmp_path):
    paths = [tmp_path / f"{number}.onnx" for number in range(KEPT + 1)]
    for path in paths:
        path.write_bytes(relu.read_bytes())
    for path in paths[:KEPT]:
        get_session(path)
    get_session(paths[0])  # used again, so 1 is now the oldest
    get_session(paths[KEPT])
    assert len(sessions._CACHE._slots) == KEPT
    loads.clear()
    get_session(paths[0])
    assert loads == []
    get_session(paths[1])
    assert [path.name for path in loads] == ["1.onnx"]


def test_a_failed_load_is_tried_again(relu):
    good = relu.read_bytes()
    relu.write_bytes(b"not yet")
    with pytest.raises(NukkiError):
        get_session(relu)
    relu.write_bytes(good)
    assert get_session(relu).run({"x": row(1)})["y"].shape == (1, 1)


def test_many_threads_share_one_session():
    """Run is safe to call at once: every thread gets the answer to its own input."""
    session = get_session(SUBJECT, threads=1)
    rng = np.random.default_rng(3)
    images = [rng.uniform(-1, 1, (1, 3, 64, 64)).astype(np.float32) for _ in range(4)]
    expected = [session.run({"image": image})["alpha"] for image in images]
    equal = {}

    def work(number):
        for _ in range(5):
            alpha = session.run({"image": images[number]})["alpha"]
            equal[number] = equal.get(number, True) and np.array_equal(alpha, expected[number])

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert equal == dict.fromkeys(range(4), True)


# --- memory


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's own account")
def test_large_runs_give_their_memory_back():
    """ONNX Runtime's arena else keeps the largest run's memory for ever (measured: 330 MB more)."""

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    session = get_session(SUBJECT, threads=1)
    session.run({"image": np.zeros((1, 3, 288, 288), np.float32)})
    before = resident()
    session.run({"image": np.zeros((1, 3, 1024, 1024), np.float32)})
    grown = (resident() - before) / 2**20
    assert grown < 150, f"{grown:.0f} MB were kept"
