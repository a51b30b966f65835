"""A generator for LiteRT, in float32 and with weights in 16 bits."""

from pathlib import Path

import tensorflow as tf

from sle_gan.export.formats.exporting import Drawn, Source
from sle_gan.export.formats.frozen import OUTPUT, frozen_graph, input_specs
from sle_gan.export.formats.guide import write_guide
from sle_gan.quiet import quiet_start

_FILES = {"generator.tflite": False, "generator-float16.tflite": True}  # and whether their weights have 16 bits
_HOW_TO = """from ai_edge_litert.interpreter import Interpreter

generator = Interpreter("generator.tflite")  # or generator-float16.tflite, half as large
for part in generator.get_input_details():  # made for one picture at a time
    generator.resize_tensor_input(part["index"], inputs[part["name"]].shape)
generator.allocate_tensors()
for part in generator.get_input_details():
    generator.set_tensor(part["index"], inputs[part["name"]])
generator.invoke()
images = generator.get_tensor(generator.get_output_details()[0]["index"])"""


def write(source: Source, folder: Path) -> None:
    """Writes `generator.tflite`, `generator-float16.tflite`, `codes.npz`, `generator.json` and `README.md`."""
    graph, specs = frozen_graph(source.trained), input_specs(source.trained)

    def images(*inputs: tf.Tensor) -> list[tf.Tensor]:
        fed = {f"{spec.name}:0": given for spec, given in zip(specs, inputs, strict=True)}
        return tf.import_graph_def(graph, fed, [f"{OUTPUT}:0"], name="")

    function = tf.compat.v1.wrap_function(images, specs)
    for name, is_rounded in _FILES.items():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
        if is_rounded:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        with quiet_start():
            (folder / name).write_bytes(converter.convert())
    write_guide(source, folder, _HOW_TO)


def draw(source: Source, folder: Path) -> dict[str, Drawn]:
    """Draws with LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    drawn = {}
    for name, is_rounded in _FILES.items():
        with quiet_start():
            interpreter = Interpreter(str(folder / name))
            for part in interpreter.get_input_details():
                interpreter.resize_tensor_input(part["index"], source.checked[part["name"]].shape)
            interpreter.allocate_tensors()
            for part in interpreter.get_input_details():
                interpreter.set_tensor(part["index"], source.checked[part["name"]])
            interpreter.invoke()
            drawn[name] = Drawn(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), is_rounded)
    return drawn
