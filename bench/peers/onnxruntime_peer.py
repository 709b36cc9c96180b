"""onnxruntime: the file as it is."""
import numpy as np
import onnxruntime as ort

from timing import seconds


class Peer:
    version = "onnxruntime " + ort.__version__
    settings = "all graph optimisations, sequential, threads between operators off"

    def __init__(self, variant, load):
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.intra_op_num_threads = load["threads"]
        options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(load["network"], options, providers=["CPUExecutionProvider"])
        self.feed = {self.session.get_inputs()[0].name: np.load(load["input"])}
        self.batch = load["batch"]

    def infer(self):
        return self.session.run(None, self.feed)[0]

    def run(self, iterations):
        return seconds(self.infer, iterations), iterations * self.batch

    def output(self):
        return self.infer().reshape(self.batch, -1)
