"""finetune_export.py FOLDER: onnx.checker accepts FOLDER/model.onnx, and
onnxruntime runs it on the images that FOLDER/images.txt names, each as it is:
uint8 RGB of its own size. Prints JSON: prob, a row for each image, and batch,
the largest difference of a probability when an image goes in with its mirror
images in one call instead of alone."""
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from PIL import Image

folder = Path(sys.argv[1])
path = str(folder / "model.onnx")
onnx.checker.check_model(path, full_check=True)
session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
(image,) = session.get_inputs()
assert (image.name, image.type, image.shape) == ("image", "tensor(uint8)", ["N", "H", "W", 3]), (image.name, image.type, image.shape)
assert [o.name for o in session.get_outputs()] == ["probability"]


def run(x):
    return session.run(None, {"image": np.ascontiguousarray(x)})[0]


prob, batch = [], 0.0
for i, name in enumerate((folder / "images.txt").read_text().splitlines()):
    x = np.asarray(Image.open(name).convert("RGB"))[None]
    prob.append(run(x)[0].tolist())
    if i < 8:
        several = np.concatenate([x, x[:, ::-1], x[:, :, ::-1]])
        alone = np.concatenate([run(v[None]) for v in several])
        batch = max(batch, float(np.abs(run(several) - alone).max()))
print(json.dumps({"prob": prob, "batch": batch}))
