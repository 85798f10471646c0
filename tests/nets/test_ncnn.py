"""Files of ncnn: every type of weights by hand, real files whole, and whatever is not one."""

from __future__ import annotations

import contextlib
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ncnn_files import param, plain, weight
from nukki.errors import InputError
from nukki.nets.ncnn import parse, read

INPUT = "Input data 0 1 a"


def one(line: str, data: bytes):
    """The second layer of a file that holds an input and this one."""
    return parse("n.param", param([INPUT, line], 2), data)[1]


# --- what is read


def test_a_line_says_all_of_a_layer():
    layer = one("Pooling pool 1 1 a b 0=1 1=2.5e+00 -23303=2,7,-8 4=0.5,1.5 -23305=0", b"")
    assert (layer.kind, layer.name, layer.inputs, layer.outputs) == (
        "Pooling",
        "pool",
        ("a",),
        ("b",),
    )
    assert layer.params == {0: 1, 1: 2.5, 3: (7, -8), 4: (0.5, 1.5), 5: ()}
    assert layer.weight is None
    assert layer.bias is None


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_floats_of_a_convolution(kind):
    """2 x 1 channels of 3 x 5, rows first; 30 halves are 15 words."""
    values = np.arange(30).reshape(2, 1, 3, 5) / 8
    line = "Convolution c 1 1 a b 0=2 1=5 11=3 5=1 6=30"
    layer = one(line, weight(values, kind) + plain([0.25, -1]))
    assert layer.weight.dtype == layer.bias.dtype == np.float32
    np.testing.assert_array_equal(layer.weight, values)
    np.testing.assert_array_equal(layer.bias, [0.25, -1])


@pytest.mark.parametrize(("term", "further"), [(1, 1), (2, 1), (101, 2), (102, 2)])
def test_int8_has_a_scale_for_each_channel_of_a_convolution(term, further):
    """Three weights fill a word; the scales of what goes in and comes out are passed over."""
    data = weight([127, -64, 3], "int8") + plain([1, 2, 3]) + plain([127, 64, 1.5])
    layer = one(f"Convolution c 1 1 a b 0=3 1=1 5=1 6=3 8={term}", data + plain([9] * further))
    np.testing.assert_array_equal(layer.weight.ravel(), [1, -1, 2])
    np.testing.assert_array_equal(layer.bias, [1, 2, 3])


@pytest.mark.parametrize(("term", "scales"), [(1, [2, 4]), (2, [2]), (101, [2, 4]), (102, [2])])
def test_int8_of_a_depthwise_convolution_has_a_scale_a_group_or_one(term, scales):
    data = weight([2, 4, 6, 8], "int8") + plain(scales) + plain([9] * (2 if term > 100 else 1))
    layer = one(f"ConvolutionDepthWise c 1 1 a b 0=4 1=1 6=4 7=2 8={term}", data)
    last = scales[-1]
    np.testing.assert_array_equal(layer.weight.ravel(), [1, 2, 6 / last, 8 / last])
    assert layer.weight.shape == (4, 1, 1, 1)
    assert layer.bias is None


def test_int8_of_an_inner_product():
    data = weight([[2, 4, 6], [3, 6, 9]], "int8") + plain([1, 2]) + plain([2, 3]) + plain([9])
    layer = one("InnerProduct c 1 1 a b 0=2 1=1 2=6 8=1", data)
    np.testing.assert_array_equal(layer.weight, [[1, 2, 3], [1, 2, 3]])
    np.testing.assert_array_equal(layer.bias, [1, 2])


@pytest.mark.parametrize("scale", [0.0, np.inf])
def test_a_channel_of_nothing(scale):
    """The file has 127 over the largest weight: of nothing that is 0, of 1e-38 infinity."""
    data = weight([5, 127], "int8") + plain([5, scale]) + plain([9])
    layer = one("Convolution c 1 1 a b 0=2 1=1 6=2 8=2", data)
    np.testing.assert_array_equal(layer.weight.ravel(), [1, 0])


def test_floats_may_have_scales_that_do_not_concern_them():
    data = weight([5, 6], "float32") + plain([2, 2]) + plain([9])
    layer = one("Convolution c 1 1 a b 0=2 1=1 6=2 8=2", data)
    np.testing.assert_array_equal(layer.weight.ravel(), [5, 6])


@pytest.mark.parametrize(
    ("stem", "kind"),
    [("nanodet-plus-m_416", np.float16), ("nanodet-plus-m-1.5x_416_int8", np.int8)],
)
def test_real_files_are_used_up_to_their_last_byte(shared, stem, kind):
    layers = read(shared / "weights" / f"{stem}.param")
    assert len(layers) == 208
    filled = [layer for layer in layers if layer.weight is not None]
    assert len(filled) == 110
    assert filled[0].weight.shape == (24, 3, 3, 3)
    assert all(layer.bias.shape == (len(layer.weight),) for layer in filled)
    # What was in the file: halves, or whole numbers in 127ths of each channel's largest.
    for layer in filled:
        values = layer.weight.reshape(len(layer.weight), -1)
        if kind is np.float16:
            assert np.array_equal(values, values.astype(np.float16))
        else:
            steps = values * (127 / np.maximum(np.abs(values).max(axis=1, keepdims=True), 1e-30))
            np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


# --- what is refused

GOOD = "Convolution c 1 1 a b 0=2 1=1 5=1 6=2 8=102"
DATA = weight([1, 2], "int8") + plain([1, 2]) + plain([2, 3]) + plain([9, 9])


@given(st.integers(0, len(DATA) - 1))
def test_a_truncated_file_is_refused(length):
    with pytest.raises(InputError, match=r"ends at byte|has the flag"):
        one(GOOD, DATA[:length])


def test_a_file_with_more_is_refused():
    with pytest.raises(InputError, match=f"must end at byte {len(DATA)}, has {len(DATA) + 4}"):
        one(GOOD, DATA + bytes(4))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (b"", "magic number 7767517"),
        (b"\x93\xff\x00", "not a text"),
        (b"7767518\n1 1\nInput data 0 1 a", "magic number"),
        (b"7767517", "second line"),
        (b"7767517\n1\n", "second line"),
        (b"7767517\n2 1\nInput data 0 1 a", "must have 2 layers, has 1"),
        (b"7767517\n1 2\nInput data 0 1 a", "must have 2 blobs, has 1"),
        (b"7767517\n1 1\nInput data 0 2 a", "no layer: Input data 0 2 a"),
        (b"7767517\n1 1\nInput data -1 1 a", "no layer"),
        (b"7767517\n1 1\nInput data 0 1 a 0", "no layer"),
        (b"7767517\n1 1\nInput data 0 1 a 0=x", "no layer"),
        (b"7767517\n1 1\nInput data 0 1 a -23300=2,1", "no layer"),
        (b"7767517\n1 1\nReLU r 1 1 z a", "`r` takes `z`, which none gives"),
    ],
)
def test_a_text_that_is_no_graph(text, match):
    with pytest.raises(InputError, match=re.escape(match)) as info:
        parse("n.param", text, b"")
    assert "n.param" in info.value.message
    assert info.value.hint


@pytest.mark.parametrize(
    ("line", "data", "match"),
    [
        (GOOD.replace("Convolution", "BatchNorm"), DATA, "`c` is a `BatchNorm`, which is not read"),
        (GOOD.replace(" 8=102", ""), DATA, "int8 weights without scales"),
        (GOOD, bytes([7, 7, 7, 7]) + DATA[4:], "flag 0x07070707 at byte 0"),
        (GOOD.replace("6=2", "6=3"), DATA, "do not fit each other"),
        (GOOD.replace("1=1", "1=0"), DATA, "do not fit each other"),
        (GOOD.replace("0=2", "0=2.0"), DATA, "0=2.0 must be a whole number"),
        (GOOD + " 19=1", DATA, "do not fit each other"),
        (GOOD.replace("Convolution", "ConvolutionDepthWise") + " 7=3", DATA, "do not fit"),
        (GOOD.replace("6=2", f"6={2**70}"), DATA, "ends at byte"),
        (
            "Convolution c 1 1 a b 0=1 1=1 6=1",
            weight([np.nan], "float32"),
            "`c` has weights that are not finite",
        ),
        (
            "Convolution c 1 1 a b 0=1 1=1 6=1 5=1",
            weight([1], "float32") + plain([np.inf]),
            "`c` has weights that are not finite",
        ),
    ],
)
def test_weights_that_do_not_fit(line, data, match):
    with pytest.raises(InputError, match=re.escape(match)):
        one(line, data)


@given(st.binary(max_size=80), st.binary(max_size=40))
@settings(max_examples=200)
def test_whatever_comes_is_told_in_words(tail, data):
    """Never another error, whatever follows a good beginning."""
    text = b"7767517\n2 2\nInput data 0 1 a\nConvolution c 1 1 a b " + tail
    with contextlib.suppress(InputError):
        parse("n.param", text, data)


def test_a_missing_bin_file_is_named(tmp_path):
    path = tmp_path / "n.param"
    path.write_bytes(param([INPUT], 1))
    with pytest.raises(InputError, match=re.escape("n.bin` does not exist")):
        read(path)
