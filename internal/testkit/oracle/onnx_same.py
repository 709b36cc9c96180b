"""onnx_same.py OLD NEW [OLD NEW]...: onnx.checker accepts each NEW, and
onnxruntime gives the same outputs for OLD and NEW on seeded inputs. Prints, a
line for each pair, the largest relative L2 difference of an output, or what
went wrong."""
import sys

import numpy as np
import onnx
import onnxruntime as ort

ort.set_default_logger_severity(3)
TYPES = {"tensor(float)": "f4", "tensor(double)": "f8", "tensor(float16)": "f2", "tensor(int64)": "i8",
         "tensor(int32)": "i4", "tensor(uint8)": "u1", "tensor(bool)": "?"}


def run(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    feeds = {}
    for v in session.get_inputs():
        shape = [d if isinstance(d, int) and d > 0 else 2 for d in v.shape]
        feeds[v.name] = np.asarray(4 * rng.standard_normal(shape)).astype(TYPES[v.type])
    names = [v.name for v in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds)))


def compare(old_path, new_path):
    onnx.checker.check_model(new_path)
    old, new = run(old_path), run(new_path)
    assert old.keys() == new.keys(), (list(old), list(new))
    worst = 0.0
    for name, a in old.items():
        b = new[name]
        assert a.shape == b.shape and a.dtype == b.dtype, (name, a.shape, b.shape, a.dtype, b.dtype)
        a, b = a.astype("d"), b.astype("d")
        assert np.array_equal(np.isfinite(a), np.isfinite(b)), name
        a, b = np.nan_to_num(a, posinf=1, neginf=-1), np.nan_to_num(b, posinf=1, neginf=-1)
        worst = max(worst, float(np.linalg.norm(a - b) / (np.linalg.norm(a) or 1)))
    return worst


for old, new in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        print(compare(old, new))
    except Exception as e:
        print(" ".join(f"{type(e).__name__}: {e}".split()))
