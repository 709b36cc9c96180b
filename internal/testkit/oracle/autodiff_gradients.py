"""Loss and gradients of small residual networks by torch, in float64.

usage: autodiff_gradients.py FOLDER...

Each folder holds spec.json and a .npy for each leaf, as network.write of
internal/autodiff/oracle_test.go makes them. Writes the gradients beside them as
<parameter>.grad.npy and prints the losses as a JSON list.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

DATA = {"x", "labels", "rows", "bn.mean", "bn.variance"}
torch.set_num_threads(1)


def loss_of(spec, w):
    x = F.conv2d(w["x"], w["conv1.w"], w["conv1.b"], spec["Stride"], 1)
    skip = F.max_pool2d(F.relu(x), 2)
    d = spec["Dilation"]
    x = F.conv2d(skip, w["conv2.w"], w["conv2.b"], 1, d, d, spec["Group"])
    x = F.batch_norm(x, w["bn.mean"], w["bn.variance"], w["bn.scale"], w["bn.bias"], False, eps=float(np.float32(1e-5)))
    x = F.relu(x + skip).mean((2, 3))
    x = F.relu(F.linear(x, w["dense.w"], w["dense.b"]))
    z = F.linear(x, w["logits.w"], w["logits.b"])
    return (F.cross_entropy(z, w["labels"].long(), reduction="none") * w["rows"]).sum() / w["rows"].sum()


losses = []
for folder in map(Path, sys.argv[1:]):
    spec = json.loads((folder / "spec.json").read_text())
    w = {}
    for path in folder.glob("*.npy"):
        w[path.stem] = torch.tensor(np.load(path).astype(np.float64), requires_grad=path.stem not in DATA)
    loss = loss_of(spec, w)
    loss.backward()
    losses.append(loss.item())
    for name, p in w.items():
        if name not in DATA:
            np.save(folder / (name + ".grad.npy"), p.grad.numpy().astype(np.float32))
print(json.dumps(losses))
