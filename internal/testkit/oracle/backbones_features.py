"""Features of pictures by onnxruntime.

usage: backbones_features.py FILE CUT PREPROCESS PICTURES.npy FEATURES.npy
PICTURES is (N,3,S,S) RGB 0…255; FEATURES gets the value CUT of the network.
The preprocessing is written down here again, in double precision.
"""
import sys

import numpy as np
import onnx
import onnxruntime as ort

path, cut, preprocess, pictures, features = sys.argv[1:]
x = np.load(pictures).astype(np.float64)


def channels(values):
    return np.array(values).reshape(1, 3, 1, 1)


if preprocess == "torch":
    x = (x / 255 - channels([0.485, 0.456, 0.406])) / channels([0.229, 0.224, 0.225])
elif preprocess == "caffe":
    x = x[:, ::-1] - channels([103.939, 116.779, 123.68])
elif preprocess == "tf":
    x = x / 127.5 - 1
elif preprocess == "rescale":
    x = x / 255
x = np.ascontiguousarray(x, dtype=np.float32)

model = onnx.load(path)
graph = model.graph
needed, kept = {cut}, []
for node in reversed(graph.node):
    if needed & set(node.output):
        needed |= set(node.input)
        kept.insert(0, node)
weights = [t for t in graph.initializer if t.name in needed]
given = graph.input[0]
nhwc = given.type.tensor_type.shape.dim[3].dim_value == 3
if nhwc:
    x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
inputs = [onnx.helper.make_tensor_value_info(given.name, 1, list(x.shape))]
outputs = [onnx.helper.make_tensor_value_info(cut, 1, None)]
small = onnx.helper.make_model(
    onnx.helper.make_graph(kept, "cut", inputs, outputs, weights),
    opset_imports=list(model.opset_import), ir_version=model.ir_version)
session = ort.InferenceSession(small.SerializeToString(), providers=["CPUExecutionProvider"])
np.save(features, session.run([cut], {given.name: x})[0])
