"""OpenVINO: the file with its input shape fixed. float32 has to be asked for: by
itself it takes bfloat16 where the processor has it."""
import time

import numpy as np
import openvino as ov

from timing import seconds


class Peer:
    """Variant latency computes one batch at a time, variant throughput as many
    at once as the library asks for; the images of all of them count."""

    version = "OpenVINO " + ov.__version__.split("-")[0]

    def __init__(self, variant, load):
        core = ov.Core()
        model = core.read_model(load["network"])
        model.reshape([load["batch"], 3, load["size"], load["size"]])
        self.compiled = core.compile_model(model, "CPU", {
            "PERFORMANCE_HINT": variant.upper(),
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": load["threads"],
        })
        self.batch, x = load["batch"], ov.Tensor(np.load(load["input"]))
        requests = self.compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") if variant == "throughput" else 1
        self.queue = ov.AsyncInferQueue(self.compiled, requests)
        for request in self.queue:
            request.set_input_tensor(x)
        self.settings = f"float32, hint {variant}, {requests} at once"

    def run(self, iterations):
        if len(self.queue) == 1:
            return seconds(self.queue[0].infer, iterations), iterations * self.batch
        iterations = -(-iterations // len(self.queue)) * len(self.queue)  # whole turns of the queue
        start = time.perf_counter()
        for _ in range(iterations):
            self.queue.start_async()
        self.queue.wait_all()
        return [time.perf_counter() - start], iterations * self.batch

    def output(self):
        self.queue[0].infer()
        return self.queue[0].get_output_tensor().data.reshape(self.batch, -1)
