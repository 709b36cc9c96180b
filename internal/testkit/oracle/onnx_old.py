"""onnx_old.py DIR: writes small networks of old operator sets that hold every
operator which onnx.Upgrade rewrites; names end in the operator set."""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

out = sys.argv[1]
rng = np.random.default_rng(3)


def value(name, shape, t=T.FLOAT):
    return h.make_tensor_value_info(name, t, shape)


def save(name, opset, nodes, inputs, outputs, weights=()):
    ir = {7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 7, 13: 7}.get(opset, 8)
    weights = [nh.from_array(np.asarray(v), k) for k, v in weights]
    listed = [value(w.name, list(w.dims), w.data_type) for w in weights] if ir < 4 else []
    g = h.make_graph(nodes, name, inputs + listed, outputs, weights)
    m = h.make_model(g, opset_imports=[h.make_opsetid("", opset)], ir_version=ir)
    onnx.checker.check_model(m)
    onnx.save(m, os.path.join(out, f"{name}_{opset}.onnx"))


N = h.make_node
x = value("x", ["N", 4, 6, 6])
f = lambda *s: rng.standard_normal(s).astype("f")
bn = [("s", f(4)), ("b", f(4)), ("m", f(4)), ("v", np.abs(f(4)) + 1)]
for o in (7, 8):
    save("batchnorm", o, [N("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], **({"spatial": 1} if o < 9 else {}))], [x], [value("y", ["N", 4, 6, 6])], bn)
save("batchnorm", 13, [N("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], epsilon=1e-3)], [x], [value("y", ["N", 4, 6, 6])], bn)
for o in (7, 9, 10):
    save("clip", o, [N("Clip", ["x"], ["a"], min=0.0, max=6.0), N("Clip", ["a"], ["b"], max=3.0), N("Clip", ["b"], ["c"]), N("Clip", ["c"], ["y"], min=1.0)],
         [x], [value("y", ["N", 4, 6, 6])])
    save("pad", o, [N("Pad", ["x"], ["a"], pads=[0, 0, 1, 2, 0, 0, 3, 0], value=1.5), N("Pad", ["a"], ["y"], pads=[0, 0, 1, 1, 0, 0, 1, 1], mode="reflect")],
         [x], [value("y", ["N", 4, 12, 10])])
for o in (7, 10):
    save("dropout", o, [N("Dropout", ["x"], ["a", "mask"], ratio=0.3), N("Dropout", ["a"], ["y"])], [x], [value("y", ["N", 4, 6, 6])])
for o in (7, 11, 12):
    ax = [-2, -1] if o > 10 else [2, 3]
    save("squeeze", o, [N("ReduceMean", ["x"], ["a"], axes=ax, keepdims=1), N("Squeeze", ["a"], ["b"], axes=[2, 3]), N("Unsqueeze", ["b"], ["c"], axes=[0, 3]),
                        N("Squeeze", ["c"], ["d"], axes=[0]), N("ReduceSum", ["d"], ["e"], axes=[1], keepdims=0), N("ReduceMax", ["e"], ["y"])], [x], [value("y", [1, 1])])
    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        save(op.lower() + "4d", o, [N(op, ["x"], ["y"])], [x], [value("y", ["N", 4, 6, 6])])
        save(op.lower() + "last", o, [N("Flatten", ["x"], ["a"]), N("Relu", ["a"], ["b"]), N(op, ["b"], ["y"])], [x], [value("y", ["N", 144])])
        save(op.lower() + "axis", o, [N("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]), N(op, ["t"], ["y"], axis=2)], [x], [value("y", ["N", 6, 6, 4])])
    save("split", o, [N("Split", ["x"], ["a", "b"], axis=1, split=[1, 3]), N("Split", ["b"], ["c", "d"], axis=2), N("Concat", ["a", "b"], ["e"], axis=1),
                      N("Add", ["c", "d"], ["y"])], [x], [value("y", ["N", 3, 3, 6]), value("e", ["N", 4, 6, 6])])
    save("reduce", o, [N("Abs", ["x"], ["p"])] + [N("Reduce" + k, ["p"], [k], axes=[1]) for k in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")],
         [x], [value(k, ["N", 1, 6, 6]) for k in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")])
for o in (7, 9):
    save("slice", o, [N("Slice", ["x"], ["a"], starts=[1, 0], ends=[9, -1], axes=[1, 2]), N("Slice", ["a"], ["y"], starts=[0], ends=[1])], [x], [value("y", [1, 3, 5, 6])])
save("network", 7, [
    N("Conv", ["x", "k"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]), N("LeakyRelu", ["a"], ["b0"], alpha=0.1),
    N("MaxPool", ["b0"], ["c"], kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1]), N("AveragePool", ["c"], ["d"], kernel_shape=[2, 2], pads=[0, 0, 1, 1]),
    N("LRN", ["d"], ["e"], size=3), N("HardSigmoid", ["e"], ["g"]), N("Mul", ["e", "g"], ["i"]), N("Sum", ["i", "d", "c"], ["j"]), N("GlobalAveragePool", ["j"], ["l"]),
    N("Flatten", ["l"], ["n"]), N("Gemm", ["n", "w", "b"], ["o"], transB=1), N("Softmax", ["o"], ["y"])], [x], [value("y", ["N", 3])],
    [("k", f(5, 4, 3, 3)), ("w", f(3, 5)), ("b", f(3))])
