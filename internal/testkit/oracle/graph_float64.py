"""Runs a network in float64: graph_float64.py FILE.onnx IN.npy OUT.npy

The file's operators are those that bench/peers knows; batch norms are folded
there in float64 too. OUT.npy is rounded to float32 at the end.
"""
import pathlib
import sys

import numpy as np
import torch

bench = pathlib.Path(__file__).parents[3] / "bench"
sys.path[:0] = [str(bench / "peers"), str(bench / "peer")]
from torch_peer import Network  # noqa: E402

torch.set_default_dtype(torch.float64)
path, given, wanted = sys.argv[1:]
with torch.no_grad():
    x = torch.from_numpy(np.load(given)).double()
    np.save(wanted, Network(path, torch.float64)(x).numpy().astype(np.float32))
