"""Check ONNX files and run them on one picture.

usage: weights_run.py FILE...
The picture is the same for all: (N,3,S,S) standard normal numbers of seed 1,
turned to NHWC where the file wants it. Prints JSON: for each file the output
(flat) and its largest absolute value.
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime as ort

results = []
for path in sys.argv[1:]:
    onnx.checker.check_model(path, full_check=True)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    shape = [d if isinstance(d, int) else 2 for d in given.shape]
    nhwc = shape[3] == 3
    size = shape[1] if nhwc else shape[2]
    x = np.random.default_rng(1).standard_normal((2, 3, size, size)).astype(np.float32)[: shape[0]]
    if nhwc:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    y = session.run(None, {given.name: x})[0]
    results.append([float(v) for v in y[0].ravel()])
print(json.dumps(results))
