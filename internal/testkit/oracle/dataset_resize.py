"""Resizes pictures with Pillow and with onnxruntime.

dataset_resize.py pillow|ort SIZE FILE...  -> (n,3,S,S) float32 on standard output
dataset_resize.py golden FOLDER            -> FOLDER/resize_{16,64}.npy of a computed picture

ort is Resize of opset 18: linear, half_pixel, antialias=1, exclude_outside=1, on
float32. Without exclude_outside, the edges differ from Pillow by up to 18 levels:
weights outside the picture then count for the edge pixel.
"""
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from PIL import Image


def ort(pixels, size):
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode="linear",
                            coordinate_transformation_mode="half_pixel", antialias=1, exclude_outside=1)
    graph = helper.make_graph(
        [node], "resize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor("sizes", TensorProto.INT64, [4], [1, 3, size, size])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None].astype(np.float32))
    return session.run(None, {"x": x})[0][0]


def pillow(pixels, size):
    im = Image.fromarray(pixels).resize((size, size), Image.BILINEAR)
    return np.asarray(im).transpose(2, 0, 1).astype(np.float32)


def computed(w=37, h=53):
    """The picture that resize_test.go computes, too."""
    y, x = np.mgrid[0:h, 0:w]
    return np.stack([(x * 7 + y * 13) % 256, (x * x + y) % 256, (x * y) % 256], 2).astype(np.uint8)


if sys.argv[1] == "golden":
    for size in (16, 64):
        np.save(f"{sys.argv[2]}/resize_{size}.npy", ort(computed(), size).astype("<f4"))
else:
    resize, size = {"ort": ort, "pillow": pillow}[sys.argv[1]], int(sys.argv[2])
    for path in sys.argv[3:]:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        sys.stdout.buffer.write(np.ascontiguousarray(resize(pixels, size), dtype="<f4").tobytes())
