"""ncnn: the file as pnnx converts it. It has no batches: images run one by one."""
import os
import shutil
import subprocess
import sys

import ncnn
import numpy as np

from timing import seconds


class Peer:
    version = "ncnn " + ncnn.__version__
    settings = "float32, packing, Winograd, sgemm and memory pools on, images one by one"

    def __init__(self, variant, load):
        param = convert(load["network"], load["size"])
        self.net = ncnn.Net()
        options = self.net.opt
        options.num_threads = load["threads"]
        for reduced in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
            setattr(options, "use_" + reduced, False)
        for fast in ("packing_layout", "winograd_convolution", "sgemm_convolution"):
            setattr(options, "use_" + fast, True)
        # Memory is kept between runs, as in the project's own benchmark.
        self.pools = options.blob_allocator, options.workspace_allocator = ncnn.UnlockedPoolAllocator(), ncnn.PoolAllocator()
        if self.net.load_param(param) or self.net.load_model(param.removesuffix("param") + "bin"):
            raise RuntimeError(f"ncnn does not load {param}")
        self.images = [ncnn.Mat(image).clone() for image in np.load(load["input"])]

    def infer(self):
        return [self.features(image) for image in self.images]

    def features(self, image):
        extractor = self.net.create_extractor()
        extractor.input(self.net.input_names()[0], image)
        code, features = extractor.extract(self.net.output_names()[0])
        if code:
            raise RuntimeError(f"ncnn ends with code {code}")
        return features

    def run(self, iterations):
        return seconds(self.infer, iterations), iterations * len(self.images)

    def output(self):
        return np.stack([np.array(f).reshape(-1) for f in self.infer()])


def convert(network, size):
    """Writes the network in ncnn's format beside the file, once for each size."""
    folder = f"{os.path.splitext(network)[0]}-ncnn-{size}"
    param = os.path.join(folder, "network.ncnn.param")
    if not os.path.exists(param):
        os.makedirs(folder, exist_ok=True)
        copy = shutil.copy(network, os.path.join(folder, "network.onnx"))  # pnnx writes beside what it reads
        pnnx = os.path.join(os.path.dirname(sys.executable), "pnnx")
        subprocess.run([pnnx, copy, f"inputshape=[1,3,{size},{size}]", "fp16=0"], cwd=folder, check=True, stdout=sys.stderr)
    return param
