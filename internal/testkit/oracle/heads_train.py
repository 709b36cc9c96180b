"""Trains a network of package heads with torch. Argument: a folder with
spec.json, x.npy (steps*batch, ...), labels.npy (steps*batch) and one .npy a
parameter; for mixup also shares.npy (steps) and partners.npy (steps*batch), the
place in its batch of what an item is mixed with. Writes the gradients of the
first step as <parameter>.grad.npy, the trained parameters as
<parameter>.trained.npy and their moving averages (the parameters themselves
where none are asked for) as <parameter>.averaged.npy; prints the losses as JSON.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel

torch.set_num_threads(1)
folder = Path(sys.argv[1])
spec = json.loads((folder / "spec.json").read_text())
names = spec["params"]
w = {n: torch.tensor(np.load(folder / (n.replace("/", ".") + ".npy")), requires_grad=True) for n in names}
x = torch.tensor(np.load(folder / "x.npy"))
labels = torch.tensor(np.load(folder / "labels.npy")).long()
shares = partners = None
if (folder / "shares.npy").exists():
    shares = torch.tensor(np.load(folder / "shares.npy"))
    partners = torch.tensor(np.load(folder / "partners.npy")).long()


def net(x):
    if spec["model"] == "baseline":
        for i in "12":
            x = F.max_pool2d(F.relu(F.conv2d(x, w[f"conv{i}/kernel"], w[f"conv{i}/bias"])), 2)
        x = F.relu(F.linear(x.flatten(1), w["dense/kernel"], w["dense/bias"]))
    else:
        if spec["head"] == "gap":
            x = x.mean((2, 3), keepdim=True)
        if spec["mean"]:
            shape = (1, -1) + (1,) * (x.dim() - 2)
            x = (x - torch.tensor(spec["mean"]).reshape(shape)) / torch.tensor(spec["std"]).reshape(shape)
        x = x.flatten(1)
        if spec["hidden"]:
            x = F.relu(F.linear(x, w["hidden/kernel"], w["hidden/bias"]))
    return F.linear(x, w["logits/kernel"], w["logits/bias"])


def sums_of(z, y):
    """Sum of weighted losses and sum of weights."""
    rows = torch.tensor(spec["class_weights"] or [1.0] * spec["classes"])[y]
    if spec["classes"] == 2:
        l = F.binary_cross_entropy_with_logits(z[:, 0], y.float(), reduction="none")
    else:
        l = F.cross_entropy(z, y, reduction="none")
    return (l * rows).sum(), rows.sum()


def batch_loss(step, x, y):
    """The loss of a batch; of mixtures as in mixup's paper, algorithm 1."""
    if shares is None:
        l, weight = sums_of(net(x), y)
        return l / weight
    s, k = shares[step], partners[step * len(x):][:len(x)]
    z = net(s * x + (1 - s) * x[k])
    (l1, weight1), (l2, weight2) = sums_of(z, y), sums_of(z, y[k])
    return (s * l1 + (1 - s) * l2) / (s * weight1 + (1 - s) * weight2)


groups = [{"params": [p], "weight_decay": spec["decay"] if p.dim() > 1 else 0, "lr": lr} for p, lr in zip(w.values(), spec["rates"])]
opt = {
    "adam": lambda: torch.optim.Adam(groups, lr=spec["rate"]),
    "adamw": lambda: torch.optim.AdamW(groups, lr=spec["rate"]),
    "sgd": lambda: torch.optim.SGD(groups, lr=spec["rate"], momentum=spec["momentum"]),
}[spec["optimiser"]]()
model = torch.nn.ParameterList()
model.extend(torch.nn.Parameter(p.detach()) for p in w.values())  # shares w's memory
decay = spec["ema"]
ema = AveragedModel(model, avg_fn=lambda a, p, n: a + (1 - min(decay, (1 + n) / (10 + n))) * (p - a))
ema.update_parameters(model)  # the first call copies: step 0
losses = []
for step, i in enumerate(range(0, len(x), spec["batch"])):
    opt.zero_grad()
    loss = batch_loss(step, x[i:i + spec["batch"]], labels[i:i + spec["batch"]])
    loss.backward()
    if step == 0:
        for n, p in w.items():
            np.save(folder / (n.replace("/", ".") + ".grad.npy"), p.grad.numpy())
    if spec["clip"]:
        torch.nn.utils.clip_grad_norm_(w.values(), spec["clip"])
    opt.step()
    ema.update_parameters(model)
    losses.append(loss.item())
for n, p in w.items():
    np.save(folder / (n.replace("/", ".") + ".trained.npy"), p.detach().numpy())
for n, p, a in zip(w, w.values(), ema.module):
    np.save(folder / (n.replace("/", ".") + ".averaged.npy"), (a if decay else p).detach().numpy())
print(json.dumps(losses))
