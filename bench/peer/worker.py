"""One peer as a process: worker.py MODULE.py VARIANT

Requests come on standard input, answers go to standard output, one line of
JSON each, always in this order:

    {"load": WHAT}      -> {"version": "…", "settings": "…", "peak": BYTES}
    {"run": ITERATIONS} -> {"seconds": [of each iteration], "images": ALL_TOGETHER, "peak": BYTES}
    {"output": NPY}     -> {"peak": BYTES}, once the float32 array is written that all are compared by

Between requests it sleeps. peak is the largest resident memory so far. WHAT is
the contest's own. A peer is a module with a class Peer: Peer(variant, load),
run(iterations) -> (seconds, images), output() -> array, and the texts version
and settings.
"""
import importlib
import json
import os
import sys

import numpy as np


def peak():
    """Bytes of the largest resident memory of this process so far."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def answers(peer_class, variant):
    """Yields the answer to each request."""
    peer = None
    for line in sys.stdin:
        request = json.loads(line)
        if "load" in request:
            peer = peer_class(variant, request["load"])
            yield {"version": peer.version, "settings": peer.settings}
        elif "run" in request:
            seconds, images = peer.run(request["run"])
            yield {"seconds": seconds, "images": images}
        else:
            np.save(request["output"], peer.output())
            yield {}


def main():
    # Only answers may reach standard output; what libraries print goes to standard error.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    path, variant = sys.argv[1:]
    folder, name = os.path.split(path)
    sys.path.insert(0, folder)
    module = importlib.import_module(name.removesuffix(".py"))
    for answer in answers(module.Peer, variant):
        print(json.dumps({**answer, "peak": peak()}), file=out)


if __name__ == "__main__":
    main()
