from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from net_files import near, noise, settled  # noqa: E402
from nukki.errors import InputError  # noqa: E402
from nukki.nets import build, convert, parity_run  # noqa: E402
from nukki.nets.maskrcnn import DETECTRON2, TORCHVISION, MaskRCNN  # noqa: E402
from nukki.nets.operators import translations  # noqa: E402

PARITY = Path(__file__).parent / "parity"
FORMS = {"detectron2_maskrcnn": DETECTRON2, "torchvision_maskrcnn": TORCHVISION}
names = pytest.mark.parametrize("name", FORMS)


@torch.no_grad()
def small(name, seed=0):
    form = FORMS[name]
    form = replace(form, regions=replace(form.regions, classes=3))
    net = settled(MaskRCNN(form, (1, 1, 1, 1), width=4, channels=8, hidden=16), seed)
    for conv in net.backbone.fpn.layer_blocks:
        conv.weight.mul_(0.02)  # so that the heads are not too sure
    return net


def official(name):
    """The official state dict, without values."""
    keys = json.loads((PARITY / name / "keys.json").read_text())
    return {key: torch.empty(shape, device="meta") for key, shape, _ in keys}


@names
def test_keys_and_shapes_are_those_of_the_checkpoint(name):
    with torch.device("meta"):
        ours = build(name).state_dict()
    theirs = convert(name, official(name))
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_a_key_of_detectron2_is_renamed_to_the_layer_it_is():
    renamed = convert("detectron2_maskrcnn", official("detectron2_maskrcnn"))
    before = list(official("detectron2_maskrcnn"))
    after = dict(zip(before, renamed, strict=True))
    table = {
        "backbone.bottom_up.stem.conv1.norm.running_var": "backbone.body.bn1.running_var",
        "backbone.bottom_up.stem.conv1.weight": "backbone.body.conv1.weight",
        "backbone.bottom_up.res4.5.conv3.norm.bias": "backbone.body.layer3.5.bn3.bias",
        "backbone.bottom_up.res2.0.shortcut.weight": "backbone.body.layer1.0.downsample.0.weight",
        "backbone.fpn_lateral5.bias": "backbone.fpn.inner_blocks.3.bias",
        "backbone.fpn_output2.weight": "backbone.fpn.layer_blocks.0.weight",
        "proposal_generator.rpn_head.conv.weight": "rpn.head.conv.weight",
        "roi_heads.box_head.fc2.weight": "roi_heads.box_head.fc7.weight",
        "roi_heads.mask_head.predictor.bias": "roi_heads.mask_predictor.mask_fcn_logits.bias",
    }
    assert {key: after[key] for key in table} == table


def test_constants_in_older_files_are_left_out():
    one = torch.ones(1)
    extra = {"pixel_mean": one, "proposal_generator.anchor_generator.cell_anchors.3": one}
    assert convert("detectron2_maskrcnn", extra) == {}
    extra = {"module.backbone.body.bn1.num_batches_tracked": one, "module.rpn.head.conv.bias": one}
    assert convert("torchvision_maskrcnn", extra) == {"rpn.head.conv.bias": one}


@torch.no_grad()
@names
@pytest.mark.parametrize("grid", [(64, 96), (160, 32)])
def test_what_is_found_lies_in_the_picture(name, grid):
    net = small(name)
    size = torch.tensor([grid[0] - 9, grid[1] - 20])
    found = net(noise(1, 3, *grid), size)
    count = len(found.boxes)
    assert 0 < count <= 100
    assert found.scores.shape == found.classes.shape == (count,)
    assert found.masks.shape == (count, 28, 28)
    assert bool((found.boxes >= 0).all())
    assert bool((found.boxes <= size.flip(0).repeat(2)).all())
    assert bool((found.scores[1:] <= found.scores[:-1]).all())
    assert found.scores[-1] > 0.05
    first = int(net.form.regions.background_first)
    assert set(found.classes.tolist()) <= {first, first + 1, first + 2}
    assert 0 <= found.masks.min() < found.masks.max() <= 1


@torch.no_grad()
@names
def test_a_batch_of_two_pictures_has_the_body_of_each(name):
    net, x = small(name), noise(2, 3, 64, 32)
    both, first, second = (net.body(part) for part in (x, x[:1], x[1:]))
    for level in range(5):
        for kind in range(3):
            joined = torch.cat([first[kind][level], second[kind][level]])
            assert near(both[kind][level], joined)


def test_two_pictures_at_once_are_refused():
    with pytest.raises(InputError, match="batch of 2") as caught:
        small("detectron2_maskrcnn")(noise(2, 3, 32, 32), torch.tensor([32, 32]))
    assert caught.value.hint


@torch.no_grad()
@names
def test_a_photo_of_odd_sides_gives_masks_of_its_size(name):
    net = small(name)
    draw = torch.Generator().manual_seed(1)
    photo = torch.randint(0, 256, (37, 51, 3), dtype=torch.uint8, generator=draw)
    boxes, scores, classes, masks = parity_run(net, name, "full", {"image": photo})
    assert len(boxes) == len(scores) == len(classes) == len(masks) > 0
    assert masks.shape[-2:] == (37, 51)
    assert bool((boxes <= torch.tensor([51, 37, 51, 37])).all())


@names
@pytest.mark.parametrize(
    ("call", "sides", "longs"), [("", (256, 480), (341, 341)), ("_800", (800, 1333), (1067, 1066))]
)
def test_a_photo_is_shown_with_the_shortest_side_given(name, call, sides, longs):
    call = ("preprocess" if name == "detectron2_maskrcnn" else "transform") + call
    net = small(name)
    photo = torch.randint(0, 256, (60, 45, 3), dtype=torch.uint8)
    tensor, size = parity_run(net, name, call, {"image": photo})
    assert size.tolist() == [longs[name == "torchvision_maskrcnn"], sides[0]]
    assert tensor.shape[2] % 32 == tensor.shape[3] % 32 == 0
    assert not bool(tensor[:, :, size[0] :].any())
    assert not bool(tensor[..., size[1] :].any())
    long, _ = parity_run(net, name, call, {"image": photo[:, :15]})
    assert max(long.shape) <= -(-sides[1] // 32) * 32


@pytest.mark.slow
@pytest.mark.timeout(900)
@torch.no_grad()
@names
def test_the_whole_network_is_one_graph_at_any_size(name, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net, path, side = small(name), tmp_path / "net.onnx", torch.export.Dim
    sides = {2: 32 * side("h", min=2, max=128), 3: 32 * side("w", min=2, max=128)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecated calls
        torch.onnx.export(
            net,
            (noise(1, 3, 128, 192), torch.tensor([120, 180])),
            path,
            input_names=["image", "size"],
            output_names=["boxes", "scores", "classes", "masks"],
            dynamic_shapes={"image": sides, "size": None},
            opset_version=18,
            dynamo=True,
            custom_translation_table=translations(),
        )
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    # 288 and 352 are odd multiples of 32: the coarsest level rounds up.
    for grid, size in (((160, 96), (150, 90)), ((64, 288), (64, 251)), ((320, 352), (301, 352))):
        image, inner = noise(1, 3, *grid), torch.tensor(size)
        found = session.run(None, {"image": image.numpy(), "size": inner.numpy()})
        for ours, wanted in zip(found, net(image, inner), strict=True):
            assert near(torch.from_numpy(ours), wanted, 1e-4)
