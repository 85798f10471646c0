"""Store a network's weights in half precision: `python scripts/store_half.py IN.onnx OUT.onnx`.

Large weights become float16 with a Cast to float32 in front of their use, so that the network still
computes in float32 (ONNX Runtime folds the casts when it loads the file). Layers that react to the
rounding keep float32: those that do most harm for each byte they save, one after the other, until
the outputs hold within the tolerance on pictures. Needs the packages onnx and onnxruntime.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SMALLEST = 64  # tensors up to this many values are not worth a Cast


def halved(model: onnx.ModelProto, keep: set[str]) -> onnx.ModelProto:
    """The model with all large weights in float16, but for those named in `keep`."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.initializer[:]
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size <= SMALLEST or tensor.name in keep:
            result.graph.initializer.append(tensor)
            continue
        half = numpy_helper.from_array(values.astype(np.float16), tensor.name + ".half")
        result.graph.initializer.append(half)
        casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
    nodes = list(result.graph.node)
    del result.graph.node[:]
    result.graph.node.extend(casts + nodes)
    onnx.checker.check_model(result)
    return result


def outputs(
    model: onnx.ModelProto, tensors: list[NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    """The model's first output for every tensor."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return [session.run(None, {name: tensor})[0] for tensor in tensors]


def worst(found: list[NDArray[np.float32]], truth: list[NDArray[np.float32]]) -> float:
    """Largest mean absolute difference over the pictures."""
    return max(float(np.abs(a - b).mean()) for a, b in zip(found, truth, strict=True))


def tensor_of(path: Path, side: int) -> NDArray[np.float32]:
    """A picture as the embedded network's input."""
    image = Image.open(path).convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    values = np.asarray(image, np.float32) / 127.5 - 1
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def main() -> None:
    """Read, halve, check, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--side", type=int, default=288)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    arguments = parser.parse_args()
    model = onnx.load(str(arguments.source))
    tensors = [tensor_of(path, arguments.side) for path in arguments.photos]
    truth = outputs(model, tensors)
    large = {
        t.name: numpy_helper.to_array(t).size
        for t in model.graph.initializer
        if t.data_type == TensorProto.FLOAT and numpy_helper.to_array(t).size > SMALLEST
    }
    # What one layer alone does to the outputs when only it is halved, for each value in it.
    harm = {
        name: worst(outputs(halved(model, set(large) - {name}), tensors), truth) / size
        for name, size in large.items()
    }
    order = sorted(large, key=lambda name: -harm[name])
    for count in range(len(order) + 1):
        result = halved(model, set(order[:count]))
        error = worst(outputs(result, tensors), truth)
        print(f"{count:3d} layers kept, worst mean difference {error:.2e}")
        if error <= arguments.tolerance:
            break
    onnx.save(result, str(arguments.target))
    print(f"{arguments.target}: {arguments.target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
