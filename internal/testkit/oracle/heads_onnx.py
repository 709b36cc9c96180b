"""Runs model.onnx of a folder on its x.npy with onnxruntime, after
onnx.checker; writes the first output as logits.npy."""
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

folder = Path(sys.argv[1])
path = str(folder / "model.onnx")
onnx.checker.check_model(path, full_check=True)
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
feed = {session.get_inputs()[0].name: np.load(folder / "x.npy")}
np.save(folder / "logits.npy", session.run(None, feed)[0])
