"""Torch's side of a whole finetune: from PNG files to an exported model.

It repeats what tl has done: the same images in the same splits (tl's split.csv),
the same size and cut of ResNet50 (third stage, mean and maximum of each
channel), the same number of epochs with batches of 64, Adam at 1e-3 falling
along half a cosine, and an L2 penalty of 0.1 on the weights of the layer.

Variant plain is what torchvision's tutorials do: the frozen part computes every
image again in every epoch. Variant cached computes it once and keeps the
features in memory. Both decode with Pillow in workers of a DataLoader.
"""
import csv
import itertools
import math
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.data import DataLoader, Dataset

import torch_networks as networks

WORKERS = 2  # of a DataLoader
BATCH = 64
RATE, L2 = 1e-3, 0.1


class Cells(Dataset):
    def __init__(self, root, rows, size):
        self.root, self.rows, self.size = Path(root), rows, size

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        path, label = self.rows[i]
        with Image.open(self.root / path) as image:
            pixels = image.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(pixels)), label  # (S,S,3) uint8


class Frozen(nn.Module):
    """(N,S,S,3) uint8 -> (N,2048): ResNet50 up to its third stage, and pooling."""

    def __init__(self, net):
        super().__init__()
        self.stages = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3)
        self.pool = networks.MeanMax()
        self.register_buffer("mean", 255 * torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1))

    def forward(self, pixels):
        x = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        return self.pool(self.stages(x))


def folded(module):
    """Folds batch norms into the convolutions before them, in place."""
    before = None
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            conv = fuse_conv_bn_eval(getattr(module, before), child)
            setattr(module, before, conv)
            setattr(module, name, nn.Identity())
        else:
            folded(child)
        before = name
    return module


class Head(nn.Module):
    """Standardises features, then one layer. plain leaves them as they are."""

    def __init__(self, features):
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.dense = nn.Linear(features, 1)

    def standardise(self, x):
        self.mean, self.std = x.mean(0), x.std(0, unbiased=False)
        self.std[self.std == 0] = 1

    def forward(self, x):
        return self.dense((x - self.mean) / self.std)


class Peer:
    version = "torch " + torch.__version__.split("a")[0]

    def __init__(self, variant, load):
        torch.set_num_threads(load["threads"])
        self.cached, self.load, self.whole = variant == "cached", load, load["whole"]
        w = self.whole
        with open(Path(w["dir"]) / "runs" / "run" / "split.csv") as f:
            rows = list(csv.DictReader(itertools.islice(f, 2, None)))
        positive = sorted({r["label"] for r in rows})[0]
        self.parts = {
            split: Cells(w["data"], [(r["path"], float(r["label"] == positive)) for r in rows if r["split"] == split], load["size"])
            for split in ("train", "val", "test")
        }
        how = "folded batch norms, jit.freeze, optimize_for_inference, features in memory" if self.cached else "eval, no_grad"
        self.settings = f"{'' if self.cached else 'frozen forward each epoch, '}{WORKERS} DataLoader workers, channels last, {how}, Adam foreach, {networks.blas()}"

    def run(self, iterations):
        seconds = []
        for _ in range(iterations):
            start = time.perf_counter()
            more = self.finetune()
            seconds.append(time.perf_counter() - start + more)
        return seconds, iterations * sum(len(p) for p in self.parts.values())

    def output(self):
        """The epochs that were computed, the AUC of the test images, and how many images there are."""
        return np.array([self.computed, self.auc, sum(len(p) for p in self.parts.values())], np.float32)

    def finetune(self):
        """Trains and exports; returns the seconds of the epochs left out."""
        torch.manual_seed(1)
        self.frozen = Frozen(networks.resnet50(self.load["backbone"])).eval().requires_grad_(False)
        self.head = Head(2048)
        self.optimiser = torch.optim.Adam(
            [{"params": self.head.dense.weight, "weight_decay": L2}, {"params": self.head.dense.bias}], lr=RATE, foreach=True)
        epochs = self.whole["epochs"]
        steps = epochs * math.ceil(len(self.parts["train"]) / BATCH)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, lambda t: 0.5 * (1 + math.cos(math.pi * min(1, t / steps))))
        self.computed, left = epochs, 0
        if self.cached:
            self.train_cached(epochs)
        else:
            self.computed = min(epochs, self.whole["plain"] or epochs)
            start = time.perf_counter()
            self.train_plain(self.computed)
            left = (time.perf_counter() - start) * (epochs - self.computed) / self.computed
            self.test_plain()
        self.auc = roc_auc_score(*self.test)
        model = nn.Sequential(self.frozen, self.head, nn.Sigmoid())
        image = torch.zeros(1, self.load["size"], self.load["size"], 3, dtype=torch.uint8)
        torch.onnx.export(model, image, str(Path(self.whole["dir"]) / "torch.onnx"), input_names=["image"],
                          output_names=["probability"], dynamic_axes={"image": {0: "N"}, "probability": {0: "N"}})
        return left

    def batches(self, split, shuffle=False):
        return DataLoader(self.parts[split], BATCH, shuffle, num_workers=WORKERS)

    def step(self, x, y):
        self.optimiser.zero_grad(set_to_none=True)
        F.binary_cross_entropy_with_logits(self.head(x)[:, 0], y).backward()
        self.optimiser.step()
        self.schedule.step()

    @torch.no_grad()
    def loss(self, x, y):
        return F.binary_cross_entropy_with_logits(self.head(x)[:, 0], y, reduction="sum").item()

    def keep(self, loss):
        """Keeps the weights of the best epoch by the loss of validation."""
        if loss < self.best:
            self.best, self.kept = loss, {n: v.clone() for n, v in self.head.state_dict().items()}

    def train_cached(self, epochs):
        net = folded(Frozen(networks.resnet50(self.load["backbone"])).eval()).requires_grad_(False).to(memory_format=torch.channels_last)
        example = torch.zeros(BATCH, self.load["size"], self.load["size"], 3, dtype=torch.uint8)
        with torch.no_grad():
            fast = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, example, check_trace=False)))
            features = {}
            for split in self.parts:
                got = [(fast(x), y.float()) for x, y in self.batches(split)]
                features[split] = torch.cat([x for x, _ in got]), torch.cat([y for _, y in got])
        x, y = features["train"]
        self.head.standardise(x)
        self.best = math.inf
        for _ in range(epochs):
            for indices in torch.randperm(len(y)).split(BATCH):
                self.step(x[indices], y[indices])
            self.keep(self.loss(*features["val"]))
        self.head.load_state_dict(self.kept)
        with torch.no_grad():
            self.test = features["test"][1].numpy(), self.head(features["test"][0])[:, 0].numpy()

    def train_plain(self, epochs):
        net = self.frozen.to(memory_format=torch.channels_last)
        self.best = math.inf
        for _ in range(epochs):
            for pixels, y in self.batches("train", shuffle=True):
                with torch.no_grad():
                    x = net(pixels)
                self.step(x, y.float())
            with torch.no_grad():
                self.keep(sum(self.loss(net(pixels), y.float()) for pixels, y in self.batches("val")))
        self.head.load_state_dict(self.kept)

    @torch.no_grad()
    def test_plain(self):
        """Once, whatever the number of epochs."""
        got = [(y, self.head(self.frozen(pixels))[:, 0]) for pixels, y in self.batches("test")]
        self.test = torch.cat([y for y, _ in got]).numpy(), torch.cat([z for _, z in got]).numpy()
