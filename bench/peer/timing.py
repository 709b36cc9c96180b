"""How all peers measure."""
import time


def seconds(run, iterations):
    """Calls run that often; returns the seconds of each call."""
    taken = []
    for _ in range(iterations):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return taken
