"""Times a network in ONNX Runtime: graph_bench.py FILE.onnx BATCH THREADS RUNS

Prints the seconds of each run as a JSON list, after one that is not counted.
All of the peer's optimisations are on.
"""
import json
import sys
import time

import numpy as np
import onnxruntime as ort

path, batch, threads, runs = sys.argv[1], *map(int, sys.argv[2:])
options = ort.SessionOptions()
options.intra_op_num_threads = threads
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
given = session.get_inputs()[0]
x = np.random.default_rng(1).standard_normal([batch, *given.shape[1:]]).astype(np.float32)
session.run(None, {given.name: x})
seconds = []
for _ in range(runs):
    start = time.perf_counter()
    session.run(None, {given.name: x})
    seconds.append(time.perf_counter() - start)
print(json.dumps(seconds))
