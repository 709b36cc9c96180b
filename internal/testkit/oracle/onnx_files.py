"""onnx_files.py DIR: writes small ONNX files of every form that onnx.Read must
take, with golden.json: what Python's onnx finds in them. DIR is
onnx/testdata; run again only when a form is added."""
import copy
import json
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
rng = np.random.default_rng(7)


def value(name, shape, t=T.FLOAT):
    return h.make_tensor_value_info(name, t, shape)


def model(nodes, inputs, outputs, weights=(), opset=13, ir=8, **kw):
    g = h.make_graph(nodes, "g", inputs, outputs, list(weights))
    m = h.make_model(g, opset_imports=[h.make_opsetid("", opset)], producer_name="oracle", ir_version=ir, **kw)
    onnx.checker.check_model(m)
    return m


def typed(name, t, shape, vals, raw=False):
    return h.make_tensor(name, t, shape, vals, raw=raw)


models = {}
w = rng.standard_normal((2, 3)).astype("f")
x, y = value("x", ["N", 3]), value("y", ["N", 2])
gemm = h.make_node("Gemm", ["x", "w"], ["y"], name="fc", transB=1, alpha=0.5)

# weights in each store and type
models["raw"] = model([gemm], [x], [y], [nh.from_array(w, "w")])
models["float_data"] = model([gemm], [x], [y], [typed("w", T.FLOAT, [2, 3], w.ravel())])
models["double_data"] = model([h.make_node("Cast", ["w"], ["c"], to=T.FLOAT), h.make_node("Add", ["x", "c"], ["y"])],
                              [value("x", [2, 3])], [value("y", [2, 3])], [typed("w", T.DOUBLE, [2, 3], w.ravel().astype("d"))])
models["double_raw"] = model([h.make_node("Cast", ["w"], ["y"], to=T.FLOAT)], [], [value("y", [2, 3])],
                             [nh.from_array(w.astype("d"), "w")])
half = np.array([1, -2.5, 65504, 6e-8, 0, np.inf], "e")
cast = h.make_node("Cast", ["w"], ["y"], to=T.FLOAT)
models["half_raw"] = model([cast], [], [value("y", [6])], [nh.from_array(half, "w")])
models["half_int32"] = model([cast], [], [value("y", [6])], [typed("w", T.FLOAT16, [6], half)])
models["bfloat_raw"] = model([cast], [], [value("y", [3])], [typed("w", T.BFLOAT16, [3], np.array([0x3FC0, 0xC000, 0x0001], "<u2").tobytes(), raw=True)])
models["bfloat_int32"] = model([cast], [], [value("y", [3])], [typed("w", T.BFLOAT16, [3], [1.5, -2.0, 3.0])])
models["integers"] = model(
    [h.make_node("Cast", [k], ["y" + k], to=T.FLOAT) for k in "abcde"], [], [value("y" + k, [3]) for k in "abcde"],
    [typed("a", T.INT64, [3], [1, -2, 2**62]), nh.from_array(np.array([1, -2, 3], "i8"), "b"),
     typed("c", T.INT32, [3], [1, -2, -2**31]), nh.from_array(np.array([1, -2, 3], "i4"), "d"),
     typed("e", T.BOOL, [3], [True, False, True])])
models["bool_raw"] = model([cast], [], [value("y", [2])], [nh.from_array(np.array([True, False]), "w")])
models["empty"] = model([h.make_node("Reshape", ["x", "s"], ["y"])], [value("x", [])], [value("y", [])],
                        [typed("s", T.INT64, [0], [])])

# forms of graphs
models["ir3"] = model([h.make_node("Mul", ["x", "w"], ["y"])], [value("x", [2, 3]), value("w", [2, 3])], [value("y", [2, 3])], [nh.from_array(w, "w")], opset=7, ir=3)
models["dynamic"] = model([h.make_node("Relu", ["x"], ["y"])], [value("x", ["N", None, 224, "width"])], [value("y", ["N", None, 224, "width"])])
models["same_input"] = model([h.make_node("Add", ["x", "x"], ["y"])], [value("x", [2])], [value("y", [2])])
models["omitted_input"] = model([h.make_node("Clip", ["x", "", "w"], ["y"], name="clip")], [value("x", [2])], [value("y", [2])],
                                [nh.from_array(np.array(6, "f"), "w")])
models["constants"] = model(
    [h.make_node("Constant", [], ["a"], value_float=1.5), h.make_node("Constant", [], ["b"], value_floats=[1.0, 2.0]),
     h.make_node("Constant", [], ["c"], value_int=-7), h.make_node("Constant", [], ["d"], value_ints=[1, 2, 3]),
     h.make_node("Constant", [], ["e"], value=nh.from_array(w, "inner")),
     h.make_node("ConstantOfShape", ["d"], ["f"], name="fill", value=typed("v", T.FLOAT, [1], [2.0])),
     h.make_node("Add", ["a", "f"], ["y"])], [], [value("y", [1, 2, 3])])
models["attributes"] = model(
    [h.make_node("Conv", ["x", "w"], ["c"], name="conv", kernel_shape=[1, 1], pads=[0, 1, 2, 3], auto_pad="NOTSET", strides=[2, 1]),
     h.make_node("LRN", ["c"], ["y"], alpha=1e-4, size=5, bias=0.0)],
    [value("x", [1, 3, 5, 5])], [value("y", [1, 2, 4, 9])], [nh.from_array(w.reshape(2, 3, 1, 1), "w")])
models["shared_bias"] = model([h.make_node("Identity", ["w"], ["v"]), h.make_node("Add", ["x", "v"], ["y"])],
                              [value("x", [2, 3])], [value("y", [2, 3])], [nh.from_array(w, "w")])
models["two_outputs"] = model([h.make_node("MaxPool", ["x"], ["y", "i"], kernel_shape=[2, 2])],
                              [value("x", [1, 1, 4, 4])], [value("y", [1, 1, 3, 3]), value("i", [1, 1, 3, 3], T.INT64)])
meta = model([h.make_node("Relu", ["x"], ["y"])], [value("x", [2])], [value("y", [2])])
meta.doc_string, meta.producer_version = "a model", "1.2"
h.set_model_props(meta, {"classes": "Parasitized,Uninfected", "empty": ""})
models["metadata"] = meta
unsorted = model([h.make_node("Relu", ["x"], ["t"]), h.make_node("Neg", ["t"], ["y"])], [value("x", [2])], [value("y", [2])])
nodes = list(unsorted.graph.node)
del unsorted.graph.node[:]
unsorted.graph.node.extend(nodes[::-1])
models["unsorted"] = unsorted

for name, m in models.items():
    onnx.save(m, os.path.join(out, name + ".onnx"))
two = model([gemm, h.make_node("Add", ["y", "b"], ["z"])], [x], [value("z", ["N", 2])],
            [nh.from_array(w, "w"), nh.from_array(w[:, 0].copy(), "b")])
models["external"] = two
onnx.save(copy.deepcopy(two), os.path.join(out, "external.onnx"), save_as_external_data=True, all_tensors_to_one_file=True,
          location="external.data", size_threshold=0)
golden = {}
for name, m in models.items():
    consts = {n.output[0]: h.get_attribute_value(n.attribute[0]) for n in m.graph.node if n.op_type == "Constant"}
    weights = {t.name: nh.to_array(t) for t in m.graph.initializer}
    for k, v in consts.items():
        weights[k] = nh.to_array(v) if isinstance(v, T) else np.array(v)
    golden[name] = {
        "Nodes": [n.op_type for n in m.graph.node if n.op_type != "Constant"],
        "Weights": {k: {"Shape": list(v.shape), "Values": [str(i) for i in v.astype("i8" if v.dtype.kind in "ib" else "d").ravel()]}
                    for k, v in weights.items()},
    }
with open(os.path.join(out, "golden.json"), "w") as f:
    json.dump(golden, f, indent=1, sort_keys=True)
