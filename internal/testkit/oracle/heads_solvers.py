"""Prints as JSON what torch's optimisers and losses do, for internal/autodiff.

solvers: two parameters (a kernel and a bias) over six steps of given
gradients; decay acts on the kernel only. averages: their moving averages by
torch.optim.swa_utils. losses: logits up to ±100, labels,
row weights, torch's weighted mean and its gradient.
"""
import json

import numpy as np
import torch
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel

rng = np.random.default_rng(7)
STEPS, RATE = 6, 0.01


def run(make, **kernel_only):
    """Weights after each step; kernel_only options do not act on the bias."""
    w = [torch.tensor(a) for a in start]
    groups = [dict(params=[w[0]], **kernel_only), dict(params=[w[1]], weight_decay=0)]
    opt = make(groups)
    out = []
    for step in grads:
        for p, g in zip(w, step):
            p.grad = torch.tensor(g)
        opt.step()
        out.append([p.numpy().tolist() for p in w])
    return out


averages = {}


def clipped(name, make, clip, decay, **kernel_only):
    """run with torch's clipping and a moving average that warms up."""
    net = torch.nn.ParameterList([torch.nn.Parameter(torch.tensor(a)) for a in start])
    ema = AveragedModel(net, avg_fn=lambda a, p, n: a + (1 - min(decay, (1 + n) / (10 + n))) * (p - a))
    ema.update_parameters(net)  # the first call copies: step 0
    opt = make([dict(params=[net[0]], **kernel_only), dict(params=[net[1]], weight_decay=0)])
    out, averages[name] = [], []
    for step in grads:
        for p, g in zip(net, step):
            p.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
        opt.step()
        ema.update_parameters(net)
        out.append([p.detach().numpy().tolist() for p in net])
        averages[name].append([p.detach().numpy().tolist() for p in ema.module])
    solvers[name] = out


start = [rng.normal(size=12).astype("f"), rng.normal(size=4).astype("f")]
grads = [[rng.normal(size=12).astype("f"), rng.normal(size=4).astype("f")] for _ in range(STEPS)]
solvers = {
    "adam": run(lambda g: torch.optim.Adam(g, lr=RATE)),
    "adam l2": run(lambda g: torch.optim.Adam(g, lr=RATE), weight_decay=0.1),
    "adamw": run(lambda g: torch.optim.AdamW(g, lr=RATE), weight_decay=0.5),
    "sgd": run(lambda g: torch.optim.SGD(g, lr=RATE)),
    "sgd momentum l2": run(lambda g: torch.optim.SGD(g, lr=RATE, momentum=0.9), weight_decay=0.1),
}

clipped("adamw groups clip", lambda g: torch.optim.AdamW(g, lr=RATE), 1.5, 0.6, lr=RATE / 10, weight_decay=0.5)
clipped("adam l2 clip", lambda g: torch.optim.Adam(g, lr=RATE), 0.01, 0.2, weight_decay=0.1)
clipped("sgd momentum l2 clip", lambda g: torch.optim.SGD(g, lr=RATE, momentum=0.9), 3, 0.9, weight_decay=0.1)


def loss(z, y, w, f):
    z = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    w = torch.tensor(w, dtype=torch.float64)
    value = (f(z) * w).sum() / w.sum()
    value.backward()
    return {"z": z.detach().numpy().ravel().tolist(), "y": y, "w": w.tolist(),
            "loss": value.item(), "dz": z.grad.numpy().ravel().tolist()}


y = [0, 1, 0, 1, 1, 0, 1]
z = [[-100.0], [-100.0], [100.0], [100.0], [0.0], [0.3], [-2.5]]
w = [1, 1, 1, 0.5, 2, 1, 1]
yt = torch.tensor(y, dtype=torch.float64)
bce = loss(z, y, w, lambda z: F.binary_cross_entropy_with_logits(z[:, 0], yt, reduction="none"))
y3 = [0, 2, 1, 1, 2]
z3 = [[100.0, -100.0, 0.0], [100.0, 0.0, -100.0], [0.1, 0.2, 0.3], [5.0, 6.0, 5.5], [-1.0, 1.0, 0.0]]
w3 = [1, 0.25, 1, 1, 0.25]
ce = loss(z3, y3, w3, lambda z: F.cross_entropy(z, torch.tensor(y3), reduction="none"))

print(json.dumps({"rate": RATE, "start": [a.tolist() for a in start],
                  "grads": [[a.tolist() for a in s] for s in grads],
                  "solvers": solvers, "averages": averages, "bce": bce, "softmax": ce, "torch": torch.__version__}))
