"""The schema of model cards: what is wrong in one is told by file and key."""

from __future__ import annotations

import tomllib
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukki.errors import CardError
from nukki.types import (
    BoxesSpec,
    ClassSpec,
    DetectionSpec,
    InpaintingSpec,
    InputSpec,
    MattingSpec,
    OutputSpec,
    PromptSpec,
)
from nukki.zoo.cards import ModelFile, is_web_address, load_card, parse_card
from nukki.zoo.labels import labels_of

MINIMAL = 'task = "saliency"\ninput.size = [320, 320]\noutput.range = "absolute"\n'
FULL = """
name = "net"
title = "A net"
task = "saliency"
commercial_use = "yes"
origin = "https://example.org/net"
paper = "Somebody, 2020"
limits = ["small things"]
notes = ["made up"]
[licence]
code = "MIT"
weights = "Apache-2.0"
data = "research only"
[[files]]
name = "net.onnx"
urls = ["https://example.org/net.onnx", "http://example.net:8080/net.onnx"]
size_bytes = 10
size_stated = "10 bytes"
digest = "md5:00000000000000000000000000000000"
[[files]]
name = "net.onnx.data"
[input]
name = "x"
size = [320, 256]
fit = "letterbox"
multiple = 32
rounding = "down"
scale = "own-maximum"
mean = [0.5, 0, 1]
std = [1, 2.5, 3]
channels = "bgr"
antialias = false
resample = "lanczos"
pad_value = 114
pad_after = true
[output]
name = "y"
index = -1
activation = "sigmoid"
range = "min-max"
[scores.published]
"DUTS-TE, MAE" = ".044"
[scores.ours]
"ECSSD, MAE" = ".0330"
"""


def parse(text, **options):
    return parse_card(text, source="net.toml", **options)


def test_every_key_arrives():
    card = parse(FULL)
    assert (card.name, card.title, card.task) == ("net", "A net", "saliency")
    assert card.input == InputSpec(
        size=(320, 256),
        fit="letterbox",
        multiple=32,
        rounding="down",
        scale="own-maximum",
        mean=(0.5, 0.0, 1.0),
        std=(1.0, 2.5, 3.0),
        channels="bgr",
        antialias=False,
        resample="lanczos",
        pad_value=114.0,
        pad_after=True,
        name="x",
    )
    assert card.output == OutputSpec(name="y", index=-1, activation="sigmoid", range="min-max")
    assert card.files[0] == ModelFile(
        "net.onnx",
        ("https://example.org/net.onnx", "http://example.net:8080/net.onnx"),
        10,
        "md5:" + "0" * 32,
        "10 bytes",
    )
    licences = (card.code_licence, card.weights_licence, card.data_terms)
    assert licences == ("MIT", "Apache-2.0", "research only")
    assert card.published_scores == (("DUTS-TE, MAE", ".044"),)
    assert card.our_scores == (("ECSSD, MAE", ".0330"),)
    assert (card.limits, card.notes, card.paper) == (
        ("small things",),
        ("made up",),
        "Somebody, 2020",
    )
    assert all(isinstance(number, float) for number in card.input.mean + card.input.std)
    hash(card)


def test_the_size_is_known_only_if_that_of_each_file_is():
    card = parse(FULL)
    assert card.size_bytes is None
    alone = FULL.replace('[[files]]\nname = "net.onnx.data"\n', "")
    assert parse(alone).size_bytes == 10


def test_a_brief_card_needs_only_task_input_and_output():
    card = parse_card(MINIMAL, source="/somewhere/My Net.toml", brief=True)
    assert (card.name, card.title, card.files) == ("my-net", "My Net", ())
    assert card.commercial_use == "unclear"
    assert card.input == InputSpec(size=(320, 320))
    with pytest.raises(CardError, match="`name` is missing"):
        parse(MINIMAL)


@pytest.mark.parametrize("key", ["task", "input", "output"])
def test_a_brief_card_needs_each_of_them(key):
    lines = [line for line in MINIMAL.splitlines() if not line.startswith(key)]
    with pytest.raises(CardError, match=f"`net.toml`: `{key}` is missing"):
        parse("\n".join(lines), brief=True)


@pytest.mark.parametrize("key", ["name", "title", "commercial_use", "origin"])
def test_a_full_card_needs_what_people_ask_for(key):
    lines = [line for line in FULL.splitlines() if not line.startswith(f"{key} =")]
    text = "\n".join(lines)
    if key == "name":
        text = FULL.replace('\nname = "net"\n', "\n")
    with pytest.raises(CardError, match=f"`{key}` is missing"):
        parse(text)


@pytest.mark.parametrize(
    ("line", "key", "hint"),
    [
        ("input.antialas = false", "input.antialas", "write `antialias`"),
        ("output.activaton = 'sigmoid'", "output.activaton", "write `activation`"),
        ("licences = 1", "licences", "write `licence`"),
        ("zzz = 1", "zzz", "use one of name"),
    ],
)
def test_unknown_keys(line, key, hint):
    with pytest.raises(CardError, match=f"`net.toml`: `{key}` is not a key") as caught:
        parse(MINIMAL + line + "\n", brief=True)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("input.std = [1, 0, 1]", "input.std"),
        ("input.std = [1, -1, 1]", "input.std"),
        ("input.mean = [0.5, 0.5]", "input.mean"),
        ("input.mean = 0.5", "input.mean"),
        ("input.mean = ['a', 'b', 'c']", r"input.mean\[0\]"),
        ("input.mean = [nan, 0, 0]", r"input.mean\[0\]"),
        ("input.std = [inf, 1, 1]", r"input.std\[0\]"),
        (f"input.pad_value = 1{'0' * 400}", "input.pad_value"),
        ("input.pad_value = 256", "input.pad_value"),
        ("input.scale = 0", "input.scale"),
        ("input.scale = 'own'", "input.scale"),
        ("input.scale = true", "input.scale"),
        ("input.multiple = 0", "input.multiple"),
        ("input.multiple = 33", "input.size"),
        ("input.multiple = 1.0", "input.multiple"),
        ("input.fit = 'crop'", "input.fit"),
        ("input.channels = 'RGB'", "input.channels"),
        ("input.antialias = 1", "input.antialias"),
        ("input.name = 1", "input.name"),
        ("output.index = true", "output.index"),
        ("output.activation = 'softmax'", "output.activation"),
        ("name = 'Net'", "name"),
        ("name = '../net'", "name"),
        ("limits = 'one'", "limits"),
        ("scores.ours = {mae = 0.1}", "scores.ours.mae"),
    ],
)
def test_impossible_values(line, key):
    with pytest.raises(CardError, match=f"`net.toml`: `{key}` must be .*, got "):
        parse(MINIMAL + line + "\n", brief=True)


@pytest.mark.parametrize("size", ["[0, 320]", "[-1, 1]", "[320]", "320", "[1e3, 320]", "[9999, 1]"])
def test_impossible_sizes(size):
    with pytest.raises(CardError, match=r"`input\.size"):
        parse(MINIMAL.replace("[320, 320]", size), brief=True)


def test_a_padded_size_need_not_be_a_multiple():
    text = MINIMAL + "input.fit = 'pad'\ninput.multiple = 33\n"
    assert parse(text, brief=True).input.multiple == 33


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"net.onnx"\nurls', '"../net.onnx"\nurls', r"files\[0\].name"),
        ('"net.onnx"\nurls', '"net.onnx.part"\nurls', r"files\[0\].name"),
        ('"net.onnx.data"', '"NET.onnx"', r"files\[1\].name"),
        ("https://example.org/net.onnx", "file:///etc/passwd", r"files\[0\].urls\[0\]"),
        ("size_bytes = 10", "size_bytes = 0", r"files\[0\].size_bytes"),
        ("md5:0", "md5:", r"files\[0\].digest"),
        ("md5:0", "crc:0", r"files\[0\].digest"),
        ("md5:0", "MD5:0", r"files\[0\].digest"),
        ("size_bytes = 10", "embedded = true", r"files\[0\].urls"),
        ('origin = "https://example.org/net"', 'origin = " "', "origin"),
    ],
)
def test_impossible_files(old, new, key):
    assert old in FULL
    with pytest.raises(CardError, match=f"`{key}` must be"):
        parse(FULL.replace(old, new, 1))


def test_wrong_words_have_near_ones():
    with pytest.raises(CardError) as caught:
        parse(MINIMAL.replace("saliency", "salency"), brief=True)
    assert caught.value.hint == 'write "saliency"'


@pytest.mark.parametrize(
    "address",
    [
        "https://",
        "http:///x",
        "ftp://example.org/x",
        "https://a b/",
        "https://user@example.org/x",
        "//example.org/x",
        "https://example.org:port/x",
        "https://exämple.org/x",
    ],
)
def test_addresses_that_are_none(address):
    assert not is_web_address(address)


def test_text_that_is_not_toml():
    with pytest.raises(CardError, match=r"`net.toml` must be TOML.*line 2"):
        parse("\nname = = 1")
    with pytest.raises(CardError):
        parse("x = " + "[" * 100_000)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(CardError, match="cannot be read"):
        load_card(tmp_path / "none.toml")
    with pytest.raises(CardError, match="cannot be read"):
        load_card(tmp_path)
    path = tmp_path / "latin.toml"
    path.write_bytes(b"title = '\xe9'")
    with pytest.raises(CardError, match="UTF-8"):
        load_card(path)


SEGMENTING = """
task = "instances"
input.size = [800, 1333]
input.fit = "shortest-edge"
[classes]
labels = ["", "cat", "dog"]
min_score = 0.7
[detections]
masks = "patches"
paste = "expanded"
"""


def test_a_card_of_a_network_that_tells_things_apart():
    card = parse(SEGMENTING, brief=True)
    assert card.classes == ClassSpec(labels=("", "cat", "dog"), min_score=0.7)
    assert card.detections == DetectionSpec(masks="patches", paste="expanded")
    assert (card.queries, card.prompts, card.output) == (None, None, OutputSpec())
    hash(card)


def test_a_card_of_a_network_that_gives_boxes_alone():
    text = """
    task = "detection"
    input.size = [416, 416]
    classes.labels = "coco-80"
    boxes.form = "yolox"
    boxes.overlap = 0.5
    """
    card = parse(text, brief=True)
    assert card.boxes == BoxesSpec(form="yolox", overlap=0.5)
    assert (card.detections, card.output) == (None, OutputSpec())
    for old, new, said in (
        ("0.5", "1.5", "`boxes.overlap` must be 0 to 1"),
        ("boxes.overlap = 0.5", "boxes.min_score = -0.1", "`boxes.min_score` must be 0 to 1"),
        ('"yolox"', '"yolov5"', "`boxes.form` must be one of"),
        ("classes.labels", "# classes.labels", "`classes` is missing"),
        ("boxes.overlap = 0.5", "detections.paste = 'aligned'", "`detections` is not a table"),
        ("boxes.overlap = 0.5", "boxes.form = 'decoded'", "must be TOML"),
    ):
        with pytest.raises(CardError, match=said):
            parse(text.replace(old, new, 1), brief=True)


def test_lists_of_labels_go_by_name():
    card = parse(SEGMENTING.replace('["", "cat", "dog"]', '"coco-91"'), brief=True)
    labels = labels_of(card.classes)
    assert len(labels) == 91
    # The numbers of COCO's annotations.
    assert (labels[0], labels[1], labels[12], labels[13], labels[90]) == (
        "", "person", "", "stop sign", "toothbrush",
    )  # fmt: skip
    assert tuple(filter(None, labels)) == labels_of(ClassSpec("coco-80"))
    assert labels_of(ClassSpec("voc-21"))[15] == "person"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('masks = "patches"', 'mask = "patches"', "`detections.mask` is not a key"),
        ('"expanded"', '"stretched"', "`detections.paste` must be one of"),
        ('["", "cat", "dog"]', '["", ""]', "`classes.labels` must be at least one label"),
        ('["", "cat", "dog"]', '"coco"', "`classes.labels` must be a list or one of"),
        ("0.7", "1.1", "`classes.min_score` must be 0 to 1"),
        ("[800, 1333]", "[1333, 800]", "the shortest side, then the longest"),
        ("[detections]", "[queries]\n[detections]", "`queries` is not a table of a network for"),
        ("[detections]", "[output]\n[detections]", "`output` is not a table of a network for"),
        ("[detections]", "[prompts]", "`prompts.paste` is not a key"),
        ('task = "instances"', 'task = "saliency"', "`output` is missing"),
        ('task = "instances"', 'task = "prompted"', "`prompts` is missing"),
    ],
)
def test_tables_that_do_not_fit(old, new, said):
    assert old in SEGMENTING
    with pytest.raises(CardError) as caught:
        parse(SEGMENTING.replace(old, new), brief=True)
    assert said in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("table", ["classes", "detections"])
def test_tables_that_a_task_needs(table):
    head, _, rest = SEGMENTING.partition(f"[{table}]")
    rest = rest.partition("[detections]")
    with pytest.raises(CardError, match=f"`{table}` is missing"):
        parse(head + rest[1] + rest[2], brief=True)


def test_a_network_that_is_asked_needs_two_files():
    start, end = FULL.index("[output]"), FULL.index("[scores.published]")
    asked = FULL.replace('"saliency"', '"prompted"')
    asked = asked.replace(FULL[start:end], "[prompts]\nscores = 'quality'\n")
    card = parse(asked)
    assert card.prompts == PromptSpec(scores="quality")
    with pytest.raises(CardError, match="`files` must be two files"):
        parse(asked.replace('[[files]]\nname = "net.onnx.data"\n', ""))


FILLING = """
task = "inpainting"
input.size = [256, 256]
input.fit = "pad"
input.multiple = 8
output.index = -1
[inpainting]
mask = [1, 0]
mask_name = "mask"
ones = false
hole = -1
padding = "reflect"
least = 72
dtype = "float32"
range = [-1, 1]
limit = 512
"""


def test_a_card_of_a_network_that_fills_holes():
    card = parse(FILLING, brief=True)
    assert card.inpainting == InpaintingSpec(
        mask=(1.0, 0.0),
        mask_name="mask",
        hole=-1.0,
        padding="reflect",
        least=72,
        range=(-1.0, 1.0),
        limit=512,
    )
    assert (card.input.fit, card.input.multiple, card.matting) == ("pad", 8, None)
    hash(card)
    for field in fields(InpaintingSpec):
        assert f"\n{field.name} = " in FILLING, f"the test card lacks {field.name}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("least = 72", "least = 0", "`inpainting.least` must be 1 to the limit"),
        ("least = 72", "least = 600", "`inpainting.least` must be 1 to the limit"),
        ("limit = 512", "limit = 63", "`inpainting.limit` must be 64 to 8192"),
        ("limit = 512", "limit = 516", "`inpainting.limit` must be a multiple of 8"),
        ("mask = [1, 0]", "mask = [1, 1]", "`inpainting.mask` must be two values"),
        ("range = [-1, 1]", "range = [0, 0]", "`inpainting.range` must be two values"),
        ('"float32"', '"uint8"', "`inpainting.mask` must be 0 to 255"),
        ("ones = false", "ones = true", "`inpainting.ones` must be false"),
        ("hole = -1", "holes = -1", "`inpainting.holes` is not a key"),
        ("hole = -1", "hole = nan", "`inpainting.hole` must be a finite number"),
        ('"reflect"', '"wrap"', "`inpainting.padding` must be one of"),
        ('task = "inpainting"', 'task = "matting"', "`matting` is missing"),
    ],
)
def test_holes_that_cannot_be_shown(old, new, said):
    assert old in FILLING
    with pytest.raises(CardError) as caught:
        parse(FILLING.replace(old, new), brief=True)
    assert said in str(caught.value)
    assert caught.value.hint


MATTING = MINIMAL.replace("saliency", "matting")


def test_a_card_of_a_network_that_gets_a_trimap():
    card = parse(MATTING + "matting.limit = 512\nmatting.overlap = 64\n", brief=True)
    assert card.matting == MattingSpec(limit=512, overlap=64)
    assert parse(MATTING + "[matting]", brief=True).matting == MattingSpec()
    hash(card)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "`matting` is missing"),
        ("matting.limit = 9000", "`matting.limit` must be 64 to 8192"),
        ("matting.overlap = 0", "`matting.overlap` must be 1 to half of the limit"),
        ("matting.overlap = 513", "`matting.overlap` must be 1 to half of the limit"),
        ("matting.tile = 8", "`matting.tile` is not a key"),
        ("[matting]\n[inpainting]", "`inpainting` is not a table of a network for matting"),
    ],
)
def test_trimaps_that_cannot_be_shown(lines, said):
    with pytest.raises(CardError) as caught:
        parse(MATTING + lines, brief=True)
    assert said in str(caught.value)
    assert caught.value.hint


CHECKPOINT = FULL.replace('"net.onnx"', '"net.pth"\nconvert = "net_official"', 1)


def test_a_checkpoint_is_named_beside_the_graphs_that_are_made_of_it():
    plain, card = parse(FULL), parse(CHECKPOINT)
    assert (plain.convert, plain.graphs) == (None, ("net.onnx", "net.onnx.data"))
    assert (card.convert, card.graphs) == ("net_official", ("net.onnx",))
    assert card.files[0].name == "net.pth"
    start, end = CHECKPOINT.index("[output]"), CHECKPOINT.index("[scores.published]")
    asked = CHECKPOINT.replace('"saliency"', '"prompted"').replace(CHECKPOINT[start:end], "")
    asked = asked.replace('[[files]]\nname = "net.onnx.data"\n', "") + "[prompts]\n"
    assert parse(asked).graphs == ("net.encoder.onnx", "net.decoder.onnx")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"net_official"', '"net official"', r"files\[0\].convert"),
        ('"net_official"', '""', r"files\[0\].convert"),
        ('"net.pth"', '"net.onnx"', r"files\[0\].name"),
        ('"net.onnx.data"', '"b.pth"\nconvert = "b"', r"files\[1\].convert"),
    ],
)
def test_checkpoints_that_cannot_be(old, new, key):
    assert old in CHECKPOINT
    with pytest.raises(CardError, match=f"`{key}` must be"):
        parse(CHECKPOINT.replace(old, new, 1))


def test_softmax_goes_with_classes():
    with pytest.raises(CardError, match=r"`output\.activation` must be"):
        parse(MINIMAL + 'output.activation = "softmax"', brief=True)
    text = MINIMAL.replace("saliency", "semantic") + 'output.activation = "softmax"\n'
    card = parse(text + 'classes.labels = "voc-21"', brief=True)
    assert card.output.activation == "softmax"


def test_the_schema_is_the_dataclasses():
    """A field added to InputSpec is a key of a card without another line of code."""
    for spec in (InputSpec, OutputSpec):
        for field in fields(spec):
            assert f"\n{field.name} = " in FULL, f"the test card lacks {field.name}"


VALUES = st.recursive(
    st.none().map(lambda _: "x")
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "size", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)
PATHS = st.sampled_from(
    [(key,) for key in tomllib.loads(FULL)]
    + [("input", field.name) for field in fields(InputSpec)]
    + [("output", field.name) for field in fields(OutputSpec)]
    + [("licence", "code"), ("scores", "ours")]
)


def written(value):
    """TOML of a value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, str):
        kept = "".join(letter for letter in value if letter.isprintable() and letter not in '"\\')
        return f'"{kept}"'
    return repr(value)


@settings(deadline=None)
@given(PATHS, VALUES)
def test_any_value_anywhere_is_a_card_or_a_card_error(path, value):
    table = tomllib.loads(FULL)
    inner = table
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    text = "\n".join(f"{key} = {written(each)}" for key, each in table.items())
    try:
        card = parse(text)
    except CardError as error:
        card, problem = None, error
    if card is None:
        assert "`net.toml`" in str(problem)
        assert problem.hint
    else:
        assert min(card.input.std) > 0
        assert min(card.input.size) > 0


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_card_error(text):
    with pytest.raises(CardError):
        parse(text, brief=True)
