"""The networks of torch's side, written as in torchvision."""
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn


def blas():
    """The library behind dense layers; Debian's torch takes what the system has."""
    with open("/proc/self/maps") as maps:
        loaded = maps.read()
    for name in ("mkl", "openblas", "blis"):
        if name in loaded:
            return name
    raise RuntimeError("torch computes with the reference BLAS, which is no match: internal/testkit/oracle/setup installs OpenBLAS")


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride > 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


def stage(inputs, width, blocks, stride):
    return nn.Sequential(Bottleneck(inputs, width, stride), *(Bottleneck(4 * width, width, 1) for _ in range(blocks - 1)))


class ResNet50(nn.Module):
    """ResNet50 without its classifier."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        self.layer1, self.layer2 = stage(64, 64, 3, 1), stage(256, 128, 4, 2)
        self.layer3, self.layer4 = stage(512, 256, 6, 2), stage(1024, 512, 3, 2)


def resnet50(path):
    """ResNet50 with the weights of an ONNX file that torchvision's was exported to."""
    net = ResNet50()
    tensors = {w.name: numpy_helper.to_array(w) for w in onnx.load(path).graph.initializer}
    net.load_state_dict({n: torch.from_numpy(tensors[n].copy()) if n in tensors else v for n, v in net.state_dict().items()})
    missing = [n for n, _ in net.named_parameters() if n not in tensors]
    if missing:
        raise ValueError(f"{path}: no weight {missing[0]}: want the names of torchvision's ResNet50")
    return net


def vgg16_block5(path):
    """The last block of an ONNX file's VGG16: its last three convolutions and a pool."""
    graph = onnx.load(path).graph
    tensors = {w.name: w for w in graph.initializer}
    layers = []
    for node in [n for n in graph.node if n.op_type == "Conv"][-3:]:
        weight, bias = (torch.from_numpy(numpy_helper.to_array(tensors[name]).copy()) for name in node.input[1:])
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
        conv.weight.data, conv.bias.data = weight, bias
        layers += [conv, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def baseline(size):
    """tl's baseline CNN, see heads.Head.buildBaseline."""
    left = ((size - 2) // 2 - 2) // 2
    return nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(0.2),
        nn.Conv2d(16, 16, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(0.2),
        nn.Flatten(), nn.Linear(16 * left * left, 128), nn.ReLU(inplace=True), nn.Linear(128, 1),
    )


class MeanMax(nn.Module):
    """(N,C,H,W) -> (N,2C): the mean and the maximum of each channel."""

    def forward(self, x):
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


def read(folder, name):
    return torch.from_numpy(np.load(Path(folder) / f"{name}.npy"))


def load_dense(layer, folder, name):
    """Gives a layer the kernel and the bias that all contenders begin with."""
    layer.weight.data, layer.bias.data = read(folder, name + ".kernel"), read(folder, name + ".bias")
