"""A generator as ONNX, which onnxruntime and most else draw with."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from sle_gan.export.formats.exporting import Drawn, Source
from sle_gan.export.formats.frozen import OUTPUT, frozen_graph, input_specs
from sle_gan.export.formats.guide import write_guide
from sle_gan.quiet import quiet_start

FILE = "generator.onnx"
_OPSET = 17
_HOW_TO = f"""import onnxruntime

generator = onnxruntime.InferenceSession("{FILE}")
(images,) = generator.run(None, inputs)"""


def write(source: Source, folder: Path) -> None:
    """Writes `generator.onnx` of opset 17, `codes.npz`, `generator.json` and `README.md`."""
    write_model(source, folder)
    write_guide(source, folder, _HOW_TO)


def write_model(source: Source, folder: Path) -> None:
    """Writes `generator.onnx` of opset 17 alone."""
    import tf2onnx

    names = [f"{spec.name}:0" for spec in input_specs(source.trained)]
    with _quiet():
        model, _ = tf2onnx.convert.from_graph_def(
            frozen_graph(source.trained),
            name="generator",
            input_names=names,
            output_names=[f"{OUTPUT}:0"],
            opset=_OPSET,
        )
    # tf2onnx names them as TensorFlow does, and calls the batch of each by another unknown.
    shorter = {f"{name}:0": name for name in (*(spec.name for spec in input_specs(source.trained)), OUTPUT)}
    for value in (*model.graph.input, *model.graph.output):
        value.name = shorter[value.name]
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for node in model.graph.node:
        node.input[:] = [shorter.get(name, name) for name in node.input]
        node.output[:] = [shorter.get(name, name) for name in node.output]
    (folder / FILE).write_bytes(model.SerializeToString())


def draw(source: Source, folder: Path) -> dict[str, Drawn]:
    """Draws with onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / FILE, providers=["CPUExecutionProvider"])
    (images,) = session.run([OUTPUT], source.checked)
    return {FILE: Drawn(images)}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what tf2onnx and TensorFlow say of functions that tf2onnx should no longer use off the terminal."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with quiet_start():
            yield
    finally:
        logger.setLevel(level)
