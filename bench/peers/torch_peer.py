"""torch: the file's nodes as modules, batch norm folded into convolutions."""
import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils import mkldnn

from timing import seconds


class Network(nn.Module):
    """The graph of an ONNX file whose operators are in MODULES below. A value
    is let go after its last use, as a program written by hand would."""

    def __init__(self, path, dtype=torch.float32):
        super().__init__()
        graph = onnx.load(path).graph
        weights = {w.name: torch.from_numpy(numpy_helper.to_array(w).copy()).to(dtype) for w in graph.initializer}
        self.source, self.result = graph.input[0].name, graph.output[0].name
        steps, self.wires, maker = [], [], {}  # maker: the step that makes a value
        for node in graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            inputs, out = [name for name in node.input if name not in weights], node.output[0]
            module = MODULES[node.op_type](attributes, *(weights[name] for name in node.input if name in weights))
            if isinstance(module, nn.BatchNorm2d):
                at = maker[out] = maker[inputs[0]]
                steps[at], self.wires[at] = fuse_conv_bn_eval(steps[at].eval(), module.eval()), (self.wires[at][0], out)
                continue
            maker[out] = len(steps)
            steps.append(module)
            self.wires.append((inputs, out))
        self.steps = nn.ModuleList(steps)
        self.last = {name: i for i, (inputs, _) in enumerate(self.wires) for name in inputs}
        self.eval()

    def forward(self, x):
        values = {self.source: x}
        for i, (step, (inputs, out)) in enumerate(zip(self.steps, self.wires)):
            values[out] = step(*(values[name] if self.last[name] > i else values.pop(name) for name in inputs))
        return values[self.result]


class Add(nn.Module):
    def forward(self, x, y):
        return x + y


def convolution(a, weight, bias=None):
    k, c, r, s = weight.shape
    group = a.get("group", 1)
    conv = nn.Conv2d(c * group, k, (r, s), a["strides"], padding(a), a.get("dilations", 1), group, bias is not None)
    conv.weight.data = weight
    if bias is not None:
        conv.bias.data = bias
    return conv


def norm(a, scale, shift, mean, variance):
    bn = nn.BatchNorm2d(len(scale), a.get("epsilon", 1e-5))
    bn.weight.data, bn.bias.data, bn.running_mean, bn.running_var = scale, shift, mean, variance
    return bn


def padding(a):
    """The padding (top, left), which must be that at the bottom and right too."""
    pads = a.get("pads", [0, 0, 0, 0])
    if pads[:2] != pads[2:]:
        raise ValueError(f"want the same padding on both sides, found {pads}")
    return tuple(pads[:2])


MODULES = {
    "Conv": convolution,
    "BatchNormalization": norm,
    "Relu": lambda a: nn.ReLU(inplace=True),
    "MaxPool": lambda a: nn.MaxPool2d(a["kernel_shape"], a["strides"], padding(a), ceil_mode=bool(a.get("ceil_mode"))),
    "Add": lambda a: Add(),
    "GlobalAveragePool": lambda a: nn.AdaptiveAvgPool2d(1),
}


class Peer:
    """Variant mkldnn keeps weights and activations in oneDNN's blocked
    layouts; variant jit freezes a trace in the layout channels last."""

    version = "torch " + torch.__version__.split("a")[0]

    def __init__(self, variant, load):
        torch.set_num_threads(load["threads"])
        torch.set_grad_enabled(False)
        self.batch, network, x = load["batch"], Network(load["network"]), torch.from_numpy(np.load(load["input"]))
        if variant == "mkldnn":
            blocked = mkldnn.to_mkldnn(network)
            self.infer = lambda: blocked(x.to_mkldnn()).to_dense()
            self.settings = "batch norm folded, to_mkldnn (oneDNN's blocked layouts)"
        else:
            x = x.to(memory_format=torch.channels_last)
            traced = torch.jit.trace(network.to(memory_format=torch.channels_last), x)
            frozen = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
            self.infer = lambda: frozen(x)
            self.settings = "batch norm folded, channels last, jit.freeze, optimize_for_inference"

    def run(self, iterations):
        return seconds(self.infer, iterations), iterations * self.batch

    def output(self):
        return self.infer().numpy().reshape(self.batch, -1)
