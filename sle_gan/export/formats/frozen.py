"""A generator as a graph of constants, in which all that does not depend on its inputs is worked out.

Other programs take neither variables nor TensorFlow's stateless random numbers. So the noise at rest and normalized
kernels are constants here, with the very bits that the generator uses.
"""

from collections.abc import Iterable, Mapping

import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from sle_gan.export.trained import TrainedGenerator

OUTPUT = "images"


def input_specs(trained: TrainedGenerator) -> list[tf.TensorSpec]:
    """Returns what an export takes: `z`, float32 `[batch, latent size]`, and with classes `label`, int32 `[batch]`."""
    labels = [tf.TensorSpec([None], tf.int32, "label")] if trained.class_names else []
    return [tf.TensorSpec([None, trained.latent_size], tf.float32, "z"), *labels]


def frozen_graph(trained: TrainedGenerator) -> tf.compat.v1.GraphDef:
    """Returns the generator as a graph.

    Args:
        trained: the `TrainedGenerator`.

    Returns:
        A graph whose placeholders are `input_specs`, and whose node `images` is float32 `[batch, height, width,
        channels]` in about [-1, 1].
    """

    def images(z: tf.Tensor, *label: tf.Tensor) -> tf.Tensor:
        one_hot = [tf.one_hot(part, len(trained.class_names)) for part in label]
        return trained.draw_inputs([z, *one_hot] if one_hot else z)

    traced = tf.function(images).get_concrete_function(*input_specs(trained))
    frozen = convert_variables_to_constants_v2(traced)
    (output,) = frozen.outputs
    folded = _folded(frozen.graph.as_graph_def(), output.op.name)
    folded.node.add(
        name=OUTPUT,
        op="Identity",
        input=[output.name],
        attr={"T": tf.compat.v1.AttrValue(type=output.dtype.as_datatype_enum)},
    )
    return folded


def _folded(graph: tf.compat.v1.GraphDef, output: str) -> tf.compat.v1.GraphDef:
    """Returns the part of a graph that depends on its placeholders; what goes into it from elsewhere is constant."""
    depending = _depending(graph, output)
    kept = [node for node in graph.node if node.name in depending]
    fixed = {
        name for node in kept for name in node.input if not name.startswith("^") and _node_of(name) not in depending
    }
    values = _evaluated(graph, sorted(fixed))
    folded = tf.compat.v1.GraphDef(versions=graph.versions)
    names = {name: f"constant/{name.replace(':', '/')}" for name in values}
    for name, value in values.items():
        constant = folded.node.add(name=names[name], op="Const")
        constant.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
        constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    for node in kept:
        copy = folded.node.add()
        copy.CopyFrom(node)
        del copy.input[:]
        copy.input.extend(names.get(name, name) for name in node.input if not name.startswith("^"))
    return folded


def _depending(graph: tf.compat.v1.GraphDef, output: str) -> set[str]:
    """Returns the names of the nodes on the way from a placeholder to the output, placeholders included."""
    nodes = {node.name: node for node in graph.node}
    users: dict[str, list[str]] = {}
    needed, waiting = set(), [output]
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed.add(name)
        for source in map(_node_of, nodes[name].input):
            users.setdefault(source, []).append(name)
            waiting.append(source)
    depending: set[str] = set()
    waiting = [name for name in needed if nodes[name].op == "Placeholder"]
    while waiting:
        name = waiting.pop()
        if name not in depending:
            depending.add(name)
            waiting += users.get(name, [])
    return depending


def _evaluated(graph: tf.compat.v1.GraphDef, names: Iterable[str]) -> Mapping[str, NDArray]:
    with tf.Graph().as_default() as whole:
        tf.import_graph_def(graph, name="")
        fetches = {name: whole.get_tensor_by_name(name if ":" in name else f"{name}:0") for name in names}
        with tf.compat.v1.Session(graph=whole) as session:
            return session.run(fetches)


def _node_of(name: str) -> str:
    return name.removeprefix("^").partition(":")[0]
