"""Torch's side of an epoch: forward, backward and Adam on items in memory."""
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import torch_networks as networks


def network(load):
    """The network and its groups of parameters with their rates."""
    if load["net"] == "baseline":
        net = networks.baseline(load["size"])
        for i, name in {0: "conv1", 4: "conv2", 9: "dense", 11: "logits"}.items():
            networks.load_dense(net[i], load["params"], name)
        return net, [{"params": net.parameters(), "lr": load["rate"]}]
    if load["net"] == "resnet50":
        body = networks.resnet50(load["backbone"]).layer4
    else:
        body = networks.vgg16_block5(load["backbone"])
    for m in body.modules():  # batch norms keep statistics, scale and shift
        if isinstance(m, nn.BatchNorm2d):
            m.requires_grad_(False)
    weight = networks.read(load["params"], "logits.kernel")
    head = nn.Linear(weight.shape[1], 1)
    networks.load_dense(head, load["params"], "logits")
    learning = [p for p in body.parameters() if p.requires_grad]
    groups = [{"params": learning, "lr": load["body_rate"]}, {"params": head.parameters(), "lr": load["rate"]}]
    return nn.Sequential(body, networks.MeanMax(), head), groups


class Peer:
    """Variant planes keeps items (N,C,H,W), variant channels_last (N,H,W,C)."""

    version = "torch " + torch.__version__.split("a")[0]

    def __init__(self, variant, load):
        torch.set_num_threads(load["threads"])
        torch.manual_seed(1)
        self.load, self.last = load, variant == "channels_last"
        self.x, self.y = torch.from_numpy(np.load(load["items"])), torch.from_numpy(np.load(load["labels"]))
        if self.last:  # in this order in memory, so that a batch is one copy
            self.x = self.x.permute(0, 2, 3, 1).contiguous()
        self.net, self.optimiser = self.begin()
        self.settings = f"{'channels last' if self.last else 'planes'}, Adam foreach, zero_grad to None, oneDNN {torch.backends.mkldnn.is_available()}, {networks.blas()}"
        for _ in range(2):  # oneDNN compiles what it needs
            self.step(self.net, self.optimiser, torch.arange(min(load["batch"], len(self.y))))

    def begin(self):
        net, groups = network(self.load)
        if self.last:
            net = net.to(memory_format=torch.channels_last)
        net.train(self.load["net"] == "baseline")  # for dropout; batch norms are frozen
        return net, torch.optim.Adam(groups, foreach=True)

    def step(self, net, optimiser, indices):
        x, y = self.x[indices], self.y[indices]
        if self.last:
            x = x.permute(0, 3, 1, 2)
        optimiser.zero_grad(set_to_none=True)
        loss = F.binary_cross_entropy_with_logits(net(x)[:, 0], y)
        loss.backward()
        optimiser.step()
        return loss.item()

    def run(self, iterations):
        seconds = []
        for _ in range(iterations):
            start = time.perf_counter()
            for indices in torch.randperm(len(self.y)).split(self.load["batch"]):
                self.step(self.net, self.optimiser, indices)
            seconds.append(time.perf_counter() - start)
        return seconds, iterations * len(self.y)

    def output(self):
        """The first losses without dropout, the items in their order."""
        net, optimiser = self.begin()
        net.eval()
        n, size = len(self.y), self.load["batch"]
        starts = [i * size % n for i in range(3)]
        return np.array([self.step(net, optimiser, torch.arange(lo, min(lo + size, n))) for lo in starts], np.float32)
