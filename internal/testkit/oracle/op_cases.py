"""Single-node ONNX models with random attributes, run by onnxruntime.

usage: op_cases.py FOLDER SEED COUNT [SMALL]

Writes FOLDER/cases.json and FOLDER/data.bin. A case holds the node (operator,
opset, attributes), its inputs and the output; arrays are shapes with an offset,
counted in numbers, into data.bin (little-endian float32). Integer inputs are
written into the JSON. Cases that onnxruntime refuses are left out and counted.
internal/op/golden_test.go reads both.
"""

import json
import os
import random
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

OPSETS = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22]


class Case:
    """One node: constants are inputs that must be known when importing."""

    def __init__(self, op, opset, inputs, attrs=None, constants=()):
        self.op, self.opset, self.attrs = op, opset, attrs or {}
        self.inputs = inputs  # arrays, None when omitted
        self.constants = set(constants)

    def run(self):
        names = ["" if x is None else f"x{i}" for i, x in enumerate(self.inputs)]
        node = helper.make_node(self.op, names, ["y"], **self.attrs)
        feeds, weights, declared = {}, [], []
        for i, (name, x) in enumerate(zip(names, self.inputs)):
            if x is None:
                continue
            if i in self.constants:
                weights.append(onnx.numpy_helper.from_array(x, name))
            else:
                feeds[name] = x
                declared.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape))
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        graph = helper.make_graph([node], "case", declared, [out], weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return session.run(None, feeds)[0]


class Draw:
    def __init__(self, seed, small):
        self.r = random.Random(seed)
        self.n = np.random.default_rng(seed)
        self.small = small

    def floats(self, *shape):
        return self.n.standard_normal(shape, dtype=np.float32)

    def int(self, lo, hi):
        return self.r.randint(lo, hi)

    def flag(self):
        return self.r.random() < 0.5

    def pick(self, values):
        return self.r.choice(values)

    def image(self, channels=None):
        if self.small:
            return self.floats(1, channels or self.int(1, 2), self.int(4, 6), self.int(4, 6))
        return self.floats(self.int(1, 2), channels or self.int(1, 4), self.int(7, 13), self.int(7, 13))

    def shape(self, least=1, most=4):
        return [self.int(1, 3 if self.small else 5) for _ in range(self.int(least, most))]

    def narrowed(self, shape):
        s = [1 if self.r.random() < 0.35 else n for n in shape]
        return s[self.int(0, len(s)):] if self.flag() else s

    def window(self, kernel, pad_limit, dilation=2):
        attrs = {}
        if self.flag():
            attrs["strides"] = [self.int(1, 3), self.int(1, 3)]
        if dilation > 1 and self.flag():
            attrs["dilations"] = [self.int(1, dilation), self.int(1, dilation)]
        auto = self.pick([None, None, None, "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
        if auto:
            attrs["auto_pad"] = auto
        if auto in (None, "NOTSET") and self.flag():
            attrs["pads"] = [self.int(0, pad_limit[i % 2]) for i in range(4)]
        return attrs


def conv(d, opset):
    group = d.pick([1, 1, 2, 3])
    cg, kg = d.pick([1, 2, 3]), d.pick([1, 2] if d.small else [1, 2, 4])
    kernel = [d.int(1, 3), d.int(1, 3)] if d.small else [d.int(1, 5), d.int(1, 5)]
    attrs = d.window(kernel, kernel)
    if attrs.get("auto_pad", "").startswith("SAME"):
        attrs.pop("dilations", None)
    if group > 1:
        attrs["group"] = group
    if d.flag():
        attrs["kernel_shape"] = kernel
    inputs = [d.image(cg * group), d.floats(kg * group, cg, *kernel)]
    if d.flag():
        inputs.append(d.floats(kg * group))
    return Case("Conv", opset, inputs, attrs, constants=[1, 2])


def pool(op):
    def make(d, opset):
        kernel = [d.int(1, 3), d.int(1, 3)]
        dilated = opset >= (10 if op == "MaxPool" else 19)
        attrs = d.window(kernel, [k - 1 for k in kernel], 2 if dilated else 1)
        if attrs.get("auto_pad", "NOTSET") != "NOTSET":
            attrs.pop("dilations", None)
        if attrs.get("auto_pad", "").startswith("SAME"):  # onnxruntime's pools pad by a negative number else
            attrs["strides"] = [min(s, k) for s, k in zip(attrs.get("strides", [1, 1]), kernel)]
        attrs["kernel_shape"] = kernel
        if opset >= 10 and d.flag() and attrs.get("auto_pad", "NOTSET") == "NOTSET":
            attrs["ceil_mode"] = 1
        if op == "AveragePool" and d.flag():
            attrs["count_include_pad"] = 1
        x = d.image()
        if any(short(x, attrs, i) for i in (0, 1)):  # onnxruntime answers with an empty image, or rounds towards zero
            attrs.pop("dilations")
        return Case(op, opset, [x], attrs)

    return make


def short(x, attrs, i):
    """Whether spatial axis i has no room for a dilated window, not even for one that ceil_mode lets hang over."""
    pads, stride = attrs.get("pads", [0] * 4), attrs.get("strides", [1, 1])[i]
    extent = (attrs["kernel_shape"][i] - 1) * attrs.get("dilations", [1, 1])[i] + 1
    room = x.shape[2 + i] + pads[i] + pads[i + 2] - extent
    return room <= -(stride if attrs.get("ceil_mode") else 1)


def unary(op, **ranges):
    def make(d, opset):
        attrs = {k: round(d.r.uniform(*v), 3) for k, v in ranges.items() if d.flag()}
        return Case(op, opset, [3 * d.floats(*d.shape())], attrs)

    return make


def prelu(d, opset):
    x = d.image()
    return Case("PRelu", opset, [x, d.floats(*d.pick([x.shape, (x.shape[1], 1, 1), (1,)]))], constants=[1] if d.flag() else ())


def whole_image(op):
    return lambda d, opset: Case(op, opset, [d.image()])


def broadcast(op):
    def make(d, opset):
        shape = d.shape()
        a, b = d.floats(*d.narrowed(shape)), d.floats(*d.narrowed(shape))
        if op == "Div":
            b = np.asarray(np.sign(b) * (np.abs(b) + np.float32(0.5)))
        return Case(op, opset, [a, b])

    return make


def total(d, opset):
    shape = d.shape()
    return Case("Sum", opset, [d.floats(*d.narrowed(shape)) for _ in range(d.int(1, 4))])


def clip(d, opset):
    x = 2 * d.floats(*d.shape())
    lo, hi = (np.float32(-0.7) if d.flag() else None), (np.float32(1.25) if d.flag() else None)
    if opset < 11:
        attrs = {k: float(v) for k, v in (("min", lo), ("max", hi)) if v is not None}
        return Case("Clip", opset, [x], attrs)
    inputs = [x, None if lo is None else np.array(lo), None if hi is None else np.array(hi)]
    while inputs[-1] is None:
        inputs.pop()
    return Case("Clip", opset, inputs, constants=[1, 2])


def batch_norm(d, opset):
    x = d.image() if d.flag() else d.floats(*d.shape(2, 4))
    c = x.shape[1]
    attrs = {"epsilon": 1e-3} if d.flag() else {}
    inputs = [x, d.floats(c), d.floats(c), d.floats(c), d.floats(c) ** 2 + np.float32(0.05)]
    return Case("BatchNormalization", opset, inputs, attrs, constants=[1, 2, 3, 4])


def reduce_mean(d, opset):
    x = d.floats(*d.shape())
    attrs = {} if d.flag() else {"keepdims": d.int(0, 1)}
    axes = None
    if d.flag():
        axes = d.r.sample(range(x.ndim), d.int(1, x.ndim))
        if opset >= 11 and d.flag():
            axes = [a - x.ndim for a in axes]
    if opset < 18:
        if axes is not None:
            attrs["axes"] = axes
        return Case("ReduceMean", opset, [x], attrs)
    if d.flag():
        attrs["noop_with_empty_axes"] = 1
    return Case("ReduceMean", opset, [x] + ([np.array(axes, np.int64)] if axes is not None else []), attrs, constants=[1])


def lrn(d, opset):
    attrs = {"size": d.pick([1, 3, 5])}  # onnxruntime knows odd sizes only
    if d.flag():
        attrs.update(alpha=0.05, beta=0.6, bias=1.5)
    return Case("LRN", opset, [d.image(d.int(1, 7))], attrs)


def gemm(d, opset):
    m, k, n = d.int(1, 6), d.int(1, 9), d.int(1, 7)
    attrs = {}
    if d.flag():
        attrs["transA"] = d.int(0, 1)
    if d.flag():
        attrs["transB"] = d.int(0, 1)
    if d.flag():
        attrs.update(alpha=0.5, beta=1.5)
    a = d.floats(*((k, m) if attrs.get("transA") else (m, k)))
    b = d.floats(*((n, k) if attrs.get("transB") else (k, n)))
    inputs = [a, b]
    if opset < 11 or d.flag():
        inputs.append(d.floats(*d.pick([(n,), (1, n), (m, 1), (m, n), (1,), (), (1, 1)])))
    return Case("Gemm", opset, inputs, attrs, constants=[1, 2])


def matmul(d, opset):
    m, k, n, p, q = d.int(1, 5), d.int(1, 6), d.int(1, 5), d.int(1, 3), d.int(1, 3)
    a, b = d.pick([
        ((m, k), (k, n)), ((p, m, k), (k, n)), ((m, k), (p, k, n)), ((p, q, m, k), (q, k, n)),
        ((p, 1, m, k), (1, q, k, n)), ((k,), (k, n)), ((m, k), (k,)), ((k,), (k,)), ((k,), (p, k, n)), ((p, m, k), (k,)),
    ])
    return Case("MatMul", opset, [d.floats(*a), d.floats(*b)])


def flatten(d, opset):
    x = d.floats(*d.shape())
    attrs = {"axis": d.int(-x.ndim if opset >= 11 else 0, x.ndim)} if d.flag() else {}
    return Case("Flatten", opset, [x], attrs)


def reshape(d, opset):
    x = d.floats(*[d.pick([1, 2, 3, 4]) for _ in range(d.int(2, 4))])
    size, rank = x.size, x.ndim
    to = d.pick([[-1], [0, -1], [size], [0] * rank, [1, -1], [size, 1, 1], list(x.shape[::-1]), [-1, x.shape[-1]], [0, 0, -1]])
    attrs = {"allowzero": 1} if opset >= 14 and 0 not in to else {}
    return Case("Reshape", opset, [x, np.array(to, np.int64)], attrs, constants=[1])


def squeeze(d, opset):
    shape = [d.pick([1, 1, 2, 3]) for _ in range(d.int(1, 5))]
    ones = [i for i, n in enumerate(shape) if n == 1]
    axes = d.r.sample(ones, d.int(1, len(ones))) if ones and d.flag() else None
    if axes and opset >= 11 and d.flag():
        axes = [a - len(shape) for a in axes]
    return with_axes("Squeeze", d, opset, shape, axes)


def unsqueeze(d, opset):
    shape = d.shape(0, 3)
    count = d.int(1, 2)
    rank = len(shape) + count
    axes = d.r.sample(range(rank), count)
    if opset >= 11 and d.flag():
        axes = [a - rank for a in axes]
    return with_axes("Unsqueeze", d, opset, shape, axes)


def with_axes(op, d, opset, shape, axes):
    x = d.floats(*shape)
    if axes is None:
        return Case(op, opset, [x])
    if opset < 13:
        return Case(op, opset, [x], {"axes": axes})
    return Case(op, opset, [x, np.array(axes, np.int64)], constants=[1])


def transpose(d, opset):
    x = d.floats(*d.shape())
    attrs = {"perm": d.r.sample(range(x.ndim), x.ndim)} if d.flag() else {}
    return Case("Transpose", opset, [x], attrs)


def pad(d, opset):
    x = d.floats(*[d.int(3, 5) for _ in range(d.int(1, 4))])
    mode = d.pick(["constant", "reflect", "edge"] + (["wrap"] if opset >= 19 else []))
    least = -1 if mode == "constant" else 0
    attrs = {"mode": mode} if mode != "constant" or d.flag() else {}
    if opset < 11:
        attrs["pads"] = [d.int(least, 2) for _ in range(2 * x.ndim)]
        if d.flag():
            attrs["value"] = 1.5
        return Case("Pad", opset, [x], attrs)
    axes = d.r.sample(range(x.ndim), d.int(1, x.ndim)) if opset >= 18 and d.flag() else None
    pads = [d.int(least, 2) for _ in range(2 * (len(axes) if axes else x.ndim))]
    inputs = [x, np.array(pads, np.int64), np.array(-2.5, np.float32) if d.flag() else None]
    if axes:
        inputs.append(np.array([a - x.ndim if d.flag() else a for a in axes], np.int64))
    while inputs[-1] is None:
        inputs.pop()
    return Case("Pad", opset, inputs, attrs, constants=[1, 2, 3])


def concat(d, opset):
    shape = d.shape()
    axis = d.int(-len(shape) if opset >= 11 else 0, len(shape) - 1)
    inputs = []
    for _ in range(d.int(1, 4)):
        s = list(shape)
        s[axis] = d.int(1, 4)
        inputs.append(d.floats(*s))
    return Case("Concat", opset, inputs, {"axis": axis})


def softmax(op):
    def make(d, opset):
        x = 4 * d.floats(*d.shape(2, 4))
        attrs = {"axis": d.int(-x.ndim if opset >= 11 else 0, x.ndim - 1)} if d.flag() else {}
        return Case(op, opset, [x], attrs)

    return make


def dropout(d, opset):
    x = d.floats(*d.shape())
    if opset < 12:
        return Case("Dropout", opset, [x], {"ratio": 0.3} if d.flag() else {})
    inputs = [x]
    if d.flag():
        inputs.append(np.array(0.3, np.float32))
        if d.flag():
            inputs.append(np.array(False))
    return Case("Dropout", opset, inputs, constants=[1, 2])


MAKERS = {
    "Add": (broadcast("Add"), 7), "Sub": (broadcast("Sub"), 7), "Mul": (broadcast("Mul"), 7), "Div": (broadcast("Div"), 7),
    "Sum": (total, 8), "Conv": (conv, 7), "MaxPool": (pool("MaxPool"), 7), "AveragePool": (pool("AveragePool"), 7),
    "GlobalAveragePool": (whole_image("GlobalAveragePool"), 7), "GlobalMaxPool": (whole_image("GlobalMaxPool"), 7),
    "BatchNormalization": (batch_norm, 7), "Relu": (unary("Relu"), 7), "Sigmoid": (unary("Sigmoid"), 7), "Tanh": (unary("Tanh"), 7),
    "LeakyRelu": (unary("LeakyRelu", alpha=(0, 0.5)), 7), "HardSigmoid": (unary("HardSigmoid", alpha=(0.1, 0.4), beta=(0.3, 0.6)), 7),
    "HardSwish": (unary("HardSwish"), 14), "Clip": (clip, 7), "ReduceMean": (reduce_mean, 7), "LRN": (lrn, 7), "Gemm": (gemm, 7),
    "MatMul": (matmul, 7), "Flatten": (flatten, 7), "Reshape": (reshape, 7), "Squeeze": (squeeze, 7), "Unsqueeze": (unsqueeze, 7),
    "Transpose": (transpose, 7), "Pad": (pad, 7), "Concat": (concat, 7), "Softmax": (softmax("Softmax"), 7),
    "LogSoftmax": (softmax("LogSoftmax"), 7), "Dropout": (dropout, 7), "Identity": (unary("Identity"), 7),
    "Elu": (unary("Elu", alpha=(0.2, 2)), 7), "Exp": (unary("Exp"), 7), "Neg": (unary("Neg"), 7), "Softplus": (unary("Softplus"), 7),
    "Sqrt": (unary("Sqrt"), 7), "PRelu": (prelu, 7),
}

HEAVY = {"Conv": 6, "MaxPool": 4, "AveragePool": 6, "Gemm": 2, "Pad": 3, "ReduceMean": 2, "Softmax": 2, "Clip": 2}


class Writer:
    def __init__(self, folder):
        self.data, self.offset, self.cases = open(os.path.join(folder, "data.bin"), "wb"), 0, []
        self.folder = folder

    def array(self, x):
        if x is None:
            return None
        if x.dtype == np.int64 or x.dtype == np.bool_:
            return {"shape": x.shape, "ints": [int(v) for v in x.ravel()]}
        at = self.offset
        self.data.write(np.ascontiguousarray(x, "<f4").tobytes())
        self.offset += x.size
        return {"shape": x.shape, "at": at}

    def case(self, c, y):
        inputs = [self.array(x) for x in c.inputs]
        for i, x in enumerate(inputs):
            if x and i in c.constants:
                x["constant"] = True
        self.cases.append({"op": c.op, "opset": c.opset, "attrs": c.attrs, "inputs": inputs, "output": self.array(y)})

    def close(self, refused):
        self.data.close()
        with open(os.path.join(self.folder, "cases.json"), "w") as f:
            lines = ",\n".join(json.dumps(c) for c in self.cases)
            f.write('{"refused": %s, "cases": [\n%s\n]}\n' % (json.dumps(refused), lines))


def main():
    folder, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    d, w, refused = Draw(seed, len(sys.argv) > 4), Writer(folder), []
    names = [n for n in sorted(MAKERS) for _ in range(HEAVY.get(n, 1))]
    for i in range(count):
        make, since = MAKERS[names[i % len(names)]]
        c = make(d, d.pick([o for o in OPSETS if o >= since]))
        try:
            w.case(c, c.run())
        except Exception as e:  # onnxruntime's own classes derive from it
            refused.append(f"{c.op} opset {c.opset} {c.attrs} {[None if x is None else list(x.shape) for x in c.inputs]}: {str(e)[:200]}")
    w.close(refused)


if __name__ == "__main__":
    main()
