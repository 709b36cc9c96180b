"""Runs networks in ONNX Runtime: graph_run.py FILE.onnx IN.npy OUT.npy [...]

Reads the one input of each network from IN.npy and writes its first output to
OUT.npy. Graph optimisations of the peer are off: it is the reference.
"""
import sys

import numpy as np
import onnxruntime as ort

options = ort.SessionOptions()
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
options.intra_op_num_threads = 2
args = sys.argv[1:]
for path, given, wanted in zip(args[::3], args[1::3], args[2::3]):
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: np.load(given)}
    np.save(wanted, session.run([session.get_outputs()[0].name], feed)[0])
