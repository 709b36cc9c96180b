"""onnx_suite.py: prints the paths of the ONNX project's test networks.
onnx_suite.py LIST: LIST holds paths in pairs of lines, a network and what
onnx.Write made of it. Prints the pairs whose nodes, weights, inputs, outputs
or operator sets differ, Constant nodes being weights; operator sets before 7 are left out."""
import glob
import os
import sys

import numpy as np
import onnx
from onnx import helper as h
from onnx import numpy_helper as nh


def array(t):
    a = nh.to_array(t)
    return str(t.data_type), a.shape, a.tobytes()


def attribute(a):
    v = h.get_attribute_value(a)
    return array(v) if isinstance(v, onnx.TensorProto) else list(v) if not isinstance(v, (int, float, bytes)) else v


def constant(a):
    v = h.get_attribute_value(a)
    if not isinstance(v, onnx.TensorProto):
        v = nh.from_array(np.array(v, "f4" if "float" in a.name else "i8"))
    return array(v)


def value(v):
    t = v.type.tensor_type
    dims = [d.dim_value if d.dim_value > 0 else d.dim_param for d in t.shape.dim] if t.HasField("shape") else None
    return v.name, t.elem_type, dims


def facts(path):
    m = onnx.load(path)
    g = m.graph
    weights = {t.name: array(t) for t in g.initializer}
    weights.update({n.output[0]: constant(n.attribute[0]) for n in g.node if n.op_type == "Constant"})
    return {
        "nodes": [(n.name, n.op_type, list(n.input), list(n.output), sorted((a.name, attribute(a)) for a in n.attribute))
                  for n in g.node if n.op_type != "Constant"],
        "weights": weights,
        "inputs": [value(v) for v in g.input if v.name not in weights],
        "outputs": [value(v) for v in g.output],
        "opset": [o.version for o in m.opset_import if o.domain in ("", "ai.onnx")],
        "metadata": {p.key: p.value for p in m.metadata_props},
    }


if len(sys.argv) < 2:
    print("\n".join(sorted(glob.glob(os.path.join(os.path.dirname(onnx.__file__), "**", "*.onnx"), recursive=True))))
else:
    lines = open(sys.argv[1]).read().split("\n")
    for old, new in zip(lines[::2], lines[1::2]):
        a, b = facts(old), facts(new)
        if a["opset"] and min(a["opset"]) < 7:  # rewritten; bench/onnxsuite compares what such files compute
            continue
        for k in a:
            if repr(a[k]) != repr(b[k]) and not (isinstance(a[k], dict) and a[k] == b[k]):
                print(f"{old}: {k}: {str(a[k])[:300]} became {str(b[k])[:300]}")
