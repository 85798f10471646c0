"""What converting the field's networks costs, and what they cost then: docs/networks.md.

    python benchmarks/networks.py FOLDER [NAME ...] --write

FOLDER holds golden data of the networks (tests/nets/parity does), of which the made-up weights are
taken, at full size; those of networks that transformers defines are drawn. Each network is
converted in a process of its own, so that its peak memory is its own; then PyTorch and ONNX Runtime
take turns at the network's usual size, on all cores. Rows of networks that are not named stay.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "networks.md"
MARKS = "<!-- networks -->", "<!-- /networks -->"
TURNS = 3
USUAL = {
    "u2net": (320, 320),
    "u2netp": (320, 320),
    "isnet": (1024, 1024),
    "deeplabv3_resnet101": (520, 704),
    "detectron2_maskrcnn": (800, 1088),
    "torchvision_maskrcnn": (800, 1088),
    "indexnet_official": (512, 512),
    "deepfillv2": (512, 512),
    "aotgan": (512, 512),
    "lama": (512, 512),
    "modnet": (512, 672),
    "birefnet_swin_v1_t": (1024, 1024),
    "mask2former-swin-t": (384, 384),
    "mask2former-swin-s": (384, 384),
    "mask2former-swin-b": (384, 384),
    "mask2former-swin-l": (384, 384),
    "vitmatte-s": (512, 512),
    "vitmatte-b": (512, 512),
    "sam-vit-b": (1024, 1024),
}
COLUMNS = (
    "network",
    "converted in",
    "peak memory",
    "file",
    "size",
    "PyTorch",
    "ONNX Runtime",
    "PyTorch / ONNX Runtime",
)
HEAD = f"| {' | '.join(COLUMNS)} |\n|---|--:|--:|--:|---|--:|--:|--:|\n"


def made_up(folder: Path, name: str, target: Path) -> None:
    """A checkpoint with the golden data's weights, or with weights that are drawn."""
    import torch

    if not (folder / name).is_dir():
        torch.save(drawn(name), target)
        return
    spec = importlib.util.spec_from_file_location("parity_weights", folder / "weights.py")
    if spec is None or spec.loader is None:
        sys.exit(f"{folder} has no weights.py")
    weights = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(weights)
    state = weights.state_dict(str(folder / name))
    torch.save({key: torch.from_numpy(array) for key, array in state.items()}, target)


def drawn(name: str) -> dict[str, Any]:
    """A state dict of a network of transformers as the library begins it, no tensor all zeros."""
    import torch

    from nukki.nets import registry

    torch.manual_seed(0)
    net: Any = registry.build(name)
    state = {}
    for key, value in net.net.state_dict().items():
        if value.is_floating_point() and value.ndim > 1 and value.std() < 1e-6:
            value.normal_(std=0.02)
        state[key] = value
    if name != "sam-vit-b":
        return state
    places = {"proj_in": "layers.0", "layers.0": "layers.1", "proj_out": "layers.2"}
    heads = r"(iou_prediction_head|output_hypernetworks_mlps\.\d+)"
    pattern = re.compile(rf"{heads}\.({'|'.join(map(re.escape, places))})\.")
    return {
        pattern.sub(lambda found: f"{found[1]}.{places[found[2]]}.", key): value
        for key, value in state.items()
    }


def converted(folder: Path, name: str, work: Path) -> dict[str, Any]:
    """Convert in a process of its own; what it measured."""
    checkpoint = work / f"{name}.pth"
    made_up(folder, name, checkpoint)
    words = ["convert", str(checkpoint), "--as", name, "--json", "--quiet", "--overwrite"]
    done = subprocess.run(
        [sys.executable, "-m", "nukki", *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{name}: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def timed(name: str, work: Path) -> tuple[float, float]:
    """Seconds of PyTorch and of ONNX Runtime at the usual size, the best of some turns each.

    Of a network that is asked, those of seeing the photo.
    """
    import torch

    from nukki.convert import _loaded
    from nukki.nets.shipped import card_of, inputs_for, made_photo, parts_of
    from nukki.runtime.sessions import get_session

    net = _loaded(work / f"{name}.pth", name, lambda _: None)
    part = next(parts_of(name, net, made_photo()))
    session = get_session(work / f"{name}{card_of(name).endings[0]}", device="cpu")
    inputs = inputs_for(name, made_photo(), USUAL[name], scattered=False)
    tensors = [torch.from_numpy(array) for array in inputs.values()]
    best = [float("inf"), float("inf")]
    for _ in range(TURNS):
        with torch.inference_mode():
            began = time.perf_counter()
            part.module(*tensors)
            best[0] = min(best[0], time.perf_counter() - began)
        began = time.perf_counter()
        session.run(inputs)
        best[1] = min(best[1], time.perf_counter() - began)
    return best[0], best[1]


def row(name: str, cost: dict[str, Any], seconds: tuple[float, float]) -> str:
    """A line of the table."""
    size = " × ".join(map(str, USUAL[name]))
    theirs, ours = seconds
    megabytes = sum(made["size_bytes"] for made in cost["files"]) / 1e6
    return (
        f"| {name} | {cost['seconds']:.0f} s | {cost['peak_bytes'] / 1e9:.1f} GB "
        f"| {megabytes:.0f} MB | {size} | {theirs * 1e3:.0f} ms "
        f"| {ours * 1e3:.0f} ms | {theirs / ours:.2f} |"
    )


def main() -> None:
    """Convert, time, print, and write the page's table if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--write", action="store_true", help="write the table to docs/networks.md")
    options = parser.parse_args()
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(MARKS[0])
    table, after = rest.split(MARKS[1])
    rows = {line.split("|")[1].strip(): line for line in table.splitlines()[3:]}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names or USUAL:
            cost = converted(options.folder, name, Path(folder))
            rows[name] = row(name, cost, timed(name, Path(folder)))
            print(rows[name], flush=True)
            for file in Path(folder).glob(f"{name}.*"):
                file.unlink()
            if options.write:
                lines = [rows[each] for each in USUAL if each in rows]
                table = f"{MARKS[0]}\n{HEAD}" + "\n".join(lines) + f"\n{MARKS[1]}"
                PAGE.write_text(before + table + after, encoding="utf-8")


if __name__ == "__main__":
    main()
