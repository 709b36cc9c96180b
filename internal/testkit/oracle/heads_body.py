"""Trains an unfrozen part of an ONNX network with a Dense layer on it, in torch.

Argument: a folder with spec.json, x.npy (steps*batch,C,H,W), labels.npy
(steps*batch) and one .npy a parameter. The part's operators are run from the
file itself; batch norms are affine maps of their running statistics. Writes the
gradients of the first step as <parameter>.grad.npy; prints the losses as JSON.
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

torch.set_num_threads(2)
folder = Path(sys.argv[1])
spec = json.loads((folder / "spec.json").read_text())
model = onnx.load(spec["file"])
constants = {t.name: torch.tensor(numpy_helper.to_array(t).copy()) for t in model.graph.initializer}
nodes = {n.output[0]: n for n in model.graph.node}
w = {n: torch.tensor(np.load(folder / (n.replace("/", ".") + ".npy")), requires_grad=True) for n in spec["params"]}
for name, p in w.items():
    if name.startswith("body/"):
        constants[name.removeprefix("body/")] = p
x = torch.tensor(np.load(folder / "x.npy"))
labels = torch.tensor(np.load(folder / "labels.npy"))


def attributes(n):
    return {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute}


def compute(name, known):
    if name in constants:
        return constants[name]
    if name not in known:
        n = nodes[name]
        v = [compute(i, known) for i in n.input]
        a = attributes(n)
        pads = a.get("pads", [0, 0, 0, 0])
        if n.op_type == "Conv":
            y = F.conv2d(F.pad(v[0], (pads[1], pads[3], pads[0], pads[2])), v[1], v[2] if len(v) > 2 else None,
                         a.get("strides", [1, 1]), 0, a.get("dilations", [1, 1]), a.get("group", 1))
        elif n.op_type == "BatchNormalization":
            y = F.batch_norm(v[0], v[3], v[4], v[1], v[2], False, 0, a.get("epsilon", 1e-5))
        elif n.op_type == "Relu":
            y = F.relu(v[0])
        elif n.op_type == "Add":
            y = v[0] + v[1]
        elif n.op_type == "MaxPool":
            y = F.max_pool2d(F.pad(v[0], (pads[1], pads[3], pads[0], pads[2]), value=-np.inf), a["kernel_shape"], a["strides"])
        else:
            sys.exit(f"no operator {n.op_type}")
        known[name] = y
    return known[name]


def net(x):
    y = compute(spec["to"], {spec["from"]: x})
    if spec["pool"] == "mean":
        y = y.mean((2, 3))
    if spec["pool"] == "mean+max":
        y = torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1)
    return F.linear(y.flatten(1), w["logits/kernel"], w["logits/bias"])[:, 0]


opt = torch.optim.Adam([{"params": [p], "lr": spec["rate"] * (spec["body_rate"] if n.startswith("body/") else 1)} for n, p in w.items()])
losses = []
for step, i in enumerate(range(0, len(x), spec["batch"])):
    opt.zero_grad()
    loss = F.binary_cross_entropy_with_logits(net(x[i:i + spec["batch"]]), labels[i:i + spec["batch"]])
    loss.backward()
    if step == 0:
        for n, p in w.items():
            np.save(folder / (n.replace("/", ".") + ".grad.npy"), p.grad.numpy())
    torch.nn.utils.clip_grad_norm_(w.values(), spec["clip"])
    opt.step()
    losses.append(loss.item())
print(json.dumps(losses))
