"""Times a training step that `lower_step.py` wrote, on a machine that has JAX and no TensorFlow.

    python benchmarks/run_lowered.py lowered --steps 50 --peak-tflops 495

needs JAX, NumPy and this folder, nothing else of the project. XLA compiles for the first device that JAX finds the same
module that TensorFlow would compile, and each step is fed what the one before it returned, so the losses are those of a
training. With `--peer-script benchmarks/peers/torch_step.py` PyTorch makes the same step on the same device in turn, in
a process of its own. Written for JAX 0.10, whose private names it uses to run a module that JAX has not traced.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from peer_step import Worker

_SHOWN_STEPS = 3


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Time a lowered training step through JAX's runtime.")
    parser.add_argument("folder", type=Path, help="what lower_step.py wrote")
    parser.add_argument("--steps", type=int, default=20, help="steps that are timed")
    parser.add_argument("--warm-up", type=int, default=3, help="steps before them, whose losses are printed")
    parser.add_argument("--peak-tflops", type=float, help="of the device in the arithmetic of the step, for its share")
    parser.add_argument("--peer-script", type=Path, help="peers/torch_step.py, to time PyTorch beside it")
    parser.add_argument("--peer-python", default=sys.executable, metavar="FILE", help="a Python that has PyTorch")
    parser.add_argument("--peer", choices=("plain", "tuned"), default="plain", help="how the other step is written")
    arguments = parser.parse_args()
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # PyTorch needs memory too
    import jax

    jax.config.update("jax_enable_x64", True)  # the counters are int64
    device = jax.devices()[0]
    shape = json.loads((arguments.folder / "step.json").read_text(encoding="utf-8"))
    step = LoweredStep(arguments.folder, shape, device)
    images = shape["batch_size"] * shape["n_critic"]
    print(f"{device.device_kind}, jax {jax.__version__}, lowered by tensorflow {shape['tensorflow']}")
    print(
        f"{shape['model']}, {shape['resolution']} px, batch {shape['batch_size']}, width {shape['width']}, "
        f"{shape['mixed_precision'] or 'float32'}; compiled in {step.compile_seconds:.1f} s, "
        f"{step.flops / 1e9:.2f} GFLOP a step"
    )
    ours, peer = _timed(step, arguments, shape, device)
    for number, losses in enumerate(ours["losses"][:_SHOWN_STEPS], start=1):
        print(f"step {number}: " + ", ".join(f"{name} {value:.7g}" for name, value in losses.items()))
    print("\n| | step, s | images/s | TFLOP/s | share of peak |\n|---|---|---|---|---|")
    for name, seconds in (("lowered", ours["seconds"]), *([] if peer is None else [peer])):
        median = statistics.median(seconds)
        rate = step.flops / median / 1e12
        part = f"{rate / arguments.peak_tflops:.1%}" if arguments.peak_tflops else ""
        print(f"| {name} | {median:.4g} | {images / median:.4g} | {rate:.3g} | {part} |")
    if peer is not None:
        ratios = [theirs / own for theirs, own in zip(peer[1], ours["seconds"], strict=True)]
        told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {peer[0]} / lowered, of each pair | {told} | | | |")


def _timed(step, arguments, shape, device):
    """Makes steps in turn; returns seconds and losses of ours, and name and seconds of the peer or None."""
    count = arguments.warm_up + arguments.steps
    if arguments.peer_script is None:
        made = [step() for _ in range(count)]
        peer = None
    else:
        with Worker(_peer_command(arguments, shape, device)) as worker:
            pairs = [(step(), worker.step()["seconds"]) for _ in range(count)]
        made = [own for own, _ in pairs]
        peer = f"{worker.version}, {arguments.peer}", [seconds for _, seconds in pairs[arguments.warm_up :]]
    seconds = [seconds for seconds, _ in made[arguments.warm_up :]]
    return {"seconds": seconds, "losses": [losses for _, losses in made]}, peer


def _peer_command(arguments, shape, device):
    if shape["model"] != "fastgan":
        sys.exit(f"error: --peer-script needs a step of fastgan; this one is of {shape['model']}")
    words = [f"--{name.replace('_', '-')}={shape[name]}" for name in ("resolution", "batch_size", "width")]
    words += [f"--feature-weights={arguments.folder / 'features.pth'}"]
    words += [f"--device={'cpu' if device.platform == 'cpu' else 'cuda'}"]
    words += ["--tuned"] if arguments.peer == "tuned" else []
    words += [f"--mixed-precision={shape['mixed_precision']}"] if shape["mixed_precision"] else []
    return [arguments.peer_python, str(arguments.peer_script), *words]


class LoweredStep:
    """A compiled module and the arguments of its next call.

    Args:
        folder: what `lower_step.py` wrote.
        shape: what is in its `step.json`.
        device: a device of JAX.

    Attributes:
        compile_seconds: time that the compiler took.
        flops: of a step, as XLA counts those of the module before it is optimized.
    """

    def __init__(self, folder, shape, device):
        import jax
        from jax._src.lib import _jax, xla_client
        from jaxlib import _hlo

        hlo = (folder / "step.hlo").read_bytes()
        module = _hlo.HloModule.from_serialized_hlo_module_proto(hlo)
        self.flops = _jax.hlo_module_cost_analysis(device.client, module)["flops"]
        start = time.perf_counter()
        self._executable = device.client.compile_and_load(
            _jax.mlir.hlo_to_stablehlo(hlo), xla_client.DeviceList((device,)), xla_client.CompileOptions()
        )
        self.compile_seconds = time.perf_counter() - start
        with np.load(folder / "arguments.npz") as arrays:
            self._arguments = [jax.device_put(arrays[f"arr_{index}"], device) for index in range(len(arrays.files))]
        self._returned, self._next_arguments = shape["returned"], shape["next_arguments"]

    def __call__(self):
        """Makes a step; returns its seconds, and the losses by name."""
        start = time.perf_counter()
        results = self._executable.execute_sharded(self._arguments).disassemble_into_single_device_arrays()
        outputs = [parts[0] for parts in results]
        losses = {name: float(outputs[index]) for index, name in enumerate(self._returned)}  # waits for the step
        seconds = time.perf_counter() - start
        self._arguments = [
            old if place is None else outputs[place]
            for old, place in zip(self._arguments, self._next_arguments, strict=True)
        ]
        return seconds, losses


if __name__ == "__main__":
    main()
