"""Which weights of a network can be masked, by name."""

from collections.abc import Container, Iterator

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2


@needs_keras_2
def prunable_kernels(network: keras.Model, scope: str = "kernels") -> dict[str, tf.Variable]:
    """Finds the weights of a network that can be masked.

    Args:
        network: a `keras.Model`; models and layers within it are included. One that was not called yet may have none.
        scope: `kernels` for the kernels of convolutions; `all` for every trainable weight; `all-but-rgb` for those of
            layers without "rgb" among the words of their names, in which networks name what makes colors.

    Returns:
        Variables by name, in the order of the layers. The name of a kernel is that of its layer, after the names of the
        models and layers that it is nested in, joined by `/`. Other weights have a dot and their own name after that.
    """
    trainable = {id(weight) for weight in network.trainable_weights}
    return {name: weight for name, weight in weights_by_name(network, scope).items() if id(weight) in trainable}


@needs_keras_2
def weights_by_name(network: keras.Model, scope: str) -> dict[str, tf.Variable]:
    """Returns the weights of a scope, whether or not they are trained, by the names of `prunable_kernels`.

    Args:
        network: as there.
        scope: as there.
    """
    named: dict[str, tf.Variable] = {}
    paths: set[str] = set()
    seen: set[int] = set()  # a layer that stands in two places has its weights once
    for place, layer, owned in _owners(network, ""):
        weights = [weight for weight in owned if id(weight) not in seen]
        if not weights or (scope == "all-but-rgb" and "rgb" in layer.name.split("_")):
            continue
        seen |= {id(weight) for weight in weights}
        paths.add(path := _unused(place, paths))
        kernel: tf.Variable = getattr(layer, "kernel", None)
        for weight in weights:
            is_kernel = weight is kernel and weight.shape.rank == 4
            if is_kernel or scope != "kernels":
                own_name = weight.name.rpartition("/")[2].partition(":")[0]
                named[_unused(path if is_kernel else f"{path}.{own_name}", named)] = weight
    return named


def _owners(layer: keras.layers.Layer, prefix: str) -> Iterator[tuple[str, keras.layers.Layer, list[tf.Variable]]]:
    """Lists a layer and all within it, each with its path and the weights that are in no layer within it."""
    inner = list(layer._flatten_layers(recursive=False, include_self=False))  # Keras 2 has no public access to it
    of_inner = {id(weight) for part in inner for weight in part.weights}
    yield prefix.rstrip("/") or layer.name, layer, [weight for weight in layer.weights if id(weight) not in of_inner]
    for part in inner:
        if part.weights:
            yield from _owners(part, f"{prefix}{part.name}/")


def _unused(name: str, names: Container[str]) -> str:
    """Returns the name, or with a number after it where layers or weights of a network are named alike."""
    number, found = 1, name
    while found in names:
        number += 1
        found = f"{name}_{number}"
    return found
