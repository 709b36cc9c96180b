"""Gradients of single operators by torch, in float64.

usage: op_gradients.py FOLDER SEED COUNT

Draws cases as op_cases.py does, and writes in the same form, with the gradient
by the output that was fed back (dy) and the gradients that came of it (one for
each input, null for integers). internal/op/oracle_test.go reads them.
"""

import json
import sys

import numpy as np
import torch
import torch.nn.functional as F

import op_cases

OPSET = 13


def same_pads(x, kernel, attrs, i):
    """Padding before and after along spatial axis i."""
    auto = attrs.get("auto_pad", "NOTSET")
    if auto.startswith("SAME"):
        stride = attrs.get("strides", [1, 1])[i]
        extent = (kernel[i] - 1) * attrs.get("dilations", [1, 1])[i] + 1
        n = x.shape[2 + i]
        total = max(0, ((n + stride - 1) // stride - 1) * stride + extent - n)
        less, more = total // 2, total - total // 2
        return (more, less) if auto == "SAME_LOWER" else (less, more)
    pads = attrs.get("pads", [0, 0, 0, 0]) if auto == "NOTSET" else [0, 0, 0, 0]
    return pads[i], pads[i + 2]


def padded(x, kernel, attrs, value=0.0):
    (top, bottom), (left, right) = (same_pads(x, kernel, attrs, i) for i in (0, 1))
    return F.pad(x, (left, right, top, bottom), value=value)


def conv(a, x, w, b=None):
    return F.conv2d(padded(x, w.shape[2:], a), w, b, a.get("strides", 1), 0, a.get("dilations", 1), a.get("group", 1))


def max_pool(a, x):
    k = a["kernel_shape"]
    return F.max_pool2d(padded(x, k, a, -1e300), k, a.get("strides", [1, 1]), 0, a.get("dilations", 1))


def average_pool(a, x):
    k, s = a["kernel_shape"], a.get("strides", [1, 1])
    y = F.avg_pool2d(padded(x, k, a), k, s)
    if a.get("count_include_pad"):
        return y
    return y / F.avg_pool2d(padded(torch.ones_like(x), k, a), k, s)


def gemm(a, x, w, c=None):
    x, w = x.T if a.get("transA") else x, w.T if a.get("transB") else w
    y = a.get("alpha", 1.0) * (x @ w)
    return y if c is None else y + a.get("beta", 1.0) * c


def batch_norm(a, x, scale, bias, mean, variance):
    return F.batch_norm(x, mean.detach(), variance.detach(), scale, bias, False, eps=a.get("epsilon", 1e-5))


def pad(a, x, pads, value=None):
    pads = [int(p) for p in pads]
    mode = a.get("mode", "constant")
    if mode != "constant":  # torch knows these for images only: pick elements as NumPy does
        before_after = list(zip(pads, pads[x.ndim :]))
        places = np.pad(np.arange(x.numel()).reshape(tuple(x.shape)), before_after, mode=mode)
        return x.flatten()[torch.from_numpy(places)]
    pairs = [p for i in reversed(range(x.ndim)) for p in (pads[i], pads[i + x.ndim])]
    return F.pad(x, pairs, value=0.0 if value is None else float(value))


def transpose(a, x):
    return x.permute(a.get("perm", list(range(x.ndim))[::-1]))


def mean(a, x):
    axes = a.get("axes", list(range(x.ndim)))
    return x.mean(axes, keepdim=bool(a.get("keepdims", 1)))


def flatten(a, x):
    axis = a.get("axis", 1)
    rows = int(np.prod(x.shape[: axis if axis >= 0 else axis + x.ndim]))
    return x.reshape(rows, -1)


def squeeze(a, x, axes=None):
    axes = [i for i in range(x.ndim) if x.shape[i] == 1] if axes is None else [int(i) % x.ndim for i in axes]
    return x.reshape([n for i, n in enumerate(x.shape) if i not in axes])


def unsqueeze(a, x, axes):
    rank = x.ndim + len(axes)
    for i in sorted(int(i) % rank for i in axes):
        x = x.unsqueeze(i)
    return 1 * x


def reshape(a, x, to):
    return x.reshape([x.shape[i] if n == 0 else int(n) for i, n in enumerate(to)])


TORCH = {
    "Add": lambda a, x, y: x + y,
    "AveragePool": average_pool,
    "BatchNormalization": batch_norm,
    "Clip": lambda a, x, lo=None, hi=None: x.clamp(*(None if v is None else float(v) for v in (lo, hi))) if (lo is not None or hi is not None) else 1 * x,
    "Concat": lambda a, *x: torch.cat(x, a["axis"]),
    "Conv": conv,
    "Dropout": lambda a, x, ratio=None, training=None: 1 * x,  # at inference
    "Flatten": flatten,
    "Gemm": gemm,
    "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True),
    "GlobalMaxPool": lambda a, x: x.amax((2, 3), keepdim=True),
    "HardSigmoid": lambda a, x: (a.get("alpha", 0.2) * x + a.get("beta", 0.5)).clamp(0, 1),
    "HardSwish": lambda a, x: F.hardswish(x),
    "Identity": lambda a, x: 1 * x,
    "LeakyRelu": lambda a, x: F.leaky_relu(x, a.get("alpha", 0.01)),
    "LogSoftmax": lambda a, x: F.log_softmax(x, a.get("axis", -1)),
    "MatMul": lambda a, x, y: x @ y,
    "MaxPool": max_pool,
    "Mul": lambda a, x, y: x * y,
    "Pad": pad,
    "ReduceMean": mean,
    "Relu": lambda a, x: F.relu(x),
    "Reshape": reshape,
    "Sigmoid": lambda a, x: torch.sigmoid(x),
    "Softmax": lambda a, x: F.softmax(x, a.get("axis", -1)),
    "Squeeze": squeeze,
    "Sub": lambda a, x, y: x - y,
    "Sum": lambda a, *x: sum(x),
    "Elu": lambda a, x: F.elu(x, a.get("alpha", 1.0)),
    "Exp": lambda a, x: torch.exp(x),
    "Neg": lambda a, x: -x,
    "PRelu": lambda a, x, slope: torch.where(x < 0, slope * x, x),
    "Softplus": lambda a, x: F.softplus(x, threshold=1e9),
    "Sqrt": lambda a, x: torch.sqrt(x),
    "Tanh": lambda a, x: torch.tanh(x),
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}


def usable(c):
    """Whether torch and the drawing agree on what the case means."""
    return not c.attrs.get("ceil_mode")


def inside(c):
    """The case, with inputs where its function has a slope."""
    if c.op == "Sqrt":
        c.inputs[0] = np.abs(c.inputs[0]) + np.float32(0.5)
    return c


def run(c, rng):
    x = []
    for v in c.inputs:
        if v is None or v.dtype != np.float32:
            x.append(v)
        else:
            x.append(torch.tensor(v.astype(np.float64), requires_grad=True))
    y = TORCH[c.op](c.attrs, *x)
    dy = rng.standard_normal(tuple(y.shape)).astype(np.float32)
    y.backward(torch.tensor(dy.astype(np.float64)))
    grads = [v.grad.numpy().astype(np.float32) if isinstance(v, torch.Tensor) and v.grad is not None else None for v in x]
    return y.detach().numpy().astype(np.float32), dy, grads


def main():
    folder, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    d, w, refused = op_cases.Draw(seed, False), op_cases.Writer(folder), []
    names = [n for n in sorted(TORCH) for _ in range(op_cases.HEAVY.get(n, 1))]
    for i in range(count):
        make, since = op_cases.MAKERS[names[i % len(names)]]
        c = inside(make(d, max(OPSET, since)))
        if not usable(c):
            continue
        try:
            y, dy, grads = run(c, d.n)
        except (RuntimeError, ValueError) as e:
            refused.append(f"{c.op} {c.attrs}: {str(e)[:200]}")
            continue
        w.case(c, y)
        w.cases[-1].update(dy=w.array(dy), grads=[w.array(g) for g in grads])
    w.close(refused)


if __name__ == "__main__":
    main()
