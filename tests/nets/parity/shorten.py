"""Made the folders beside this file out of the whole golden data: a call of each, thinned out.

Input pictures are left out where weights.py makes them again to the last bit; their digests are
kept in the manifest.

python shorten.py WHOLE_FOLDER HERE
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np

CALLS = {
    "detectron2_maskrcnn": "detections",
    "torchvision_maskrcnn": "detections",
    "aotgan": "128x128",
    "aotgan_mmagic": "128x128",
    "deeplabv3_resnet101": "97x133",
    "deepfillv2": "128x192",
    "modnet": "160x256",
    "birefnet_swin_v1_t": "192x320",
    "lama": "136x200",
}
MOST = 4000  # values that are kept of an output


def used_arrays(call):
    for entry in call["inputs"]:
        for part in entry["parts"]:
            yield part["array"]
            if "hole" in part:
                yield part["hole"]["array"]


def thinned(spec, array):
    """The output with a larger stride along its last two axes, and what the manifest says of it."""
    stride = list(spec["stored_stride"] or [1] * array.ndim)
    times = [1] * array.ndim
    while array.ndim >= 3 and array[tuple(slice(None, None, t) for t in times)].size > MOST:
        axis = max(range(array.ndim - 2, array.ndim), key=lambda a: array.shape[a] / times[a])
        if array.shape[axis] / times[axis] <= 8:
            axis = array.ndim - 3
        times[axis] += 1
    short = array[tuple(slice(None, None, t) for t in times)]
    strides = [s * t for s, t in zip(stride, times, strict=True)]
    return short, {"stored_stride": strides, "stored_shape": list(short.shape)}


def shorten(folder, target):
    target.mkdir(exist_ok=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    wanted = CALLS.get(folder.name) or manifest["calls"][-1]["name"]
    call = next(call for call in manifest["calls"] if call["name"] == wanted)
    gold = np.load(folder / "golden_open.npz")
    arrays = {}
    inputs = {name: manifest["input_arrays"][name] for name in used_arrays(call)}
    for name, said in inputs.items():
        array = gold[f"in/{name}"]
        if said.get("made_by", "").startswith("weights.image("):
            said["sha256"] = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        else:
            arrays[f"in/{name}"] = array
    manifest["input_arrays"] = inputs
    for spec in call["outputs"]:
        name = f"{call['name']}/{spec['name']}"
        arrays[name] = gold[name]
        if not spec["packbits"] and "match" not in call:
            arrays[name], said = thinned(spec, gold[name])
            spec |= said
    manifest["calls"] = [call]
    manifest["trace_calls"] = []
    (target / "manifest.json").write_text(json.dumps(manifest, separators=(",", ":")) + "\n")
    for name in ("keys.json", "gains.json"):
        content = json.loads((folder / name).read_text())
        (target / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")
    if (folder / "constants.npz").exists():
        shutil.copyfile(folder / "constants.npz", target / "constants.npz")
    np.savez_compressed(target / "golden_open.npz", **arrays)


if __name__ == "__main__":
    whole, here = Path(sys.argv[1]), Path(sys.argv[2])
    for manifest in sorted(whole.glob("*/manifest.json")):
        shorten(manifest.parent, here / manifest.parent.name)
    for name in ("check.py", "weights.py"):
        shutil.copyfile(whole / name, here / name)
