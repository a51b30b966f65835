"""What a timed process and the one that times it say to each other: lines of JSON over the standard streams.

Imports neither TensorFlow nor PyTorch, and nothing of this project: PyTorch has an environment of its own.
"""

import json
import resource
import sys
import time


def add_shape_arguments(parser):
    """Adds the flags of the shape of a step."""
    parser.add_argument("--resolution", type=int, default=256, choices=(64, 128, 256), help="side of the images")
    parser.add_argument("--batch-size", type=int, default=8, help="images in a step")
    parser.add_argument("--width", type=int, default=64, help="width of the networks")


def serve(step, parameter_counts, version):
    """Says what is there, then makes a step for each line that comes in, until they end.

    Args:
        step: function of nothing that makes a step, waits for it and returns a loss.
        parameter_counts: of the generator and the discriminator with its decoders.
        version: of the library, as text.
    """
    print(json.dumps({"parameters": parameter_counts, "version": version}), flush=True)
    for _ in sys.stdin:
        start, cpu_start = time.perf_counter(), time.process_time()
        loss = step()
        told = {
            "loss": loss,
            "seconds": time.perf_counter() - start,
            "cpu_seconds": time.process_time() - cpu_start,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        print(json.dumps(told), flush=True)
