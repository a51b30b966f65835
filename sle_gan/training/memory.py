"""What a training step will need in memory, before it runs."""

import tf_keras as keras

from sle_gan.keras_version import needs_keras_2

_BYTES = 4  # float32


@needs_keras_2
def estimated_bytes(generator: keras.Model, discriminator: keras.Model, batch_size: int, accumulate: int = 1) -> int:
    """Estimates the memory of a training step.

    Args:
        generator: the generator.
        discriminator: the discriminator, which judges reals and fakes in one step.
        batch_size: images in a step.
        accumulate: equal shares of the batch that a step goes through in turn.

    Returns:
        Bytes: weights, gradients, two slots of Adam and the average, and the maps that the backward pass
        needs; decoders redraw reals alone. Of several shares the maps of one, of the step that needs more, and the sum
        of the gradients so far. Buffers of the convolutions and TensorFlow itself are not counted.
    """
    counts = generator.count_params(), discriminator.count_params()
    weights = 5 * counts[0] + 4 * counts[1]
    decoders = [layer for layer in discriminator.layers if layer.name == "decoders"]
    drawn, judged = _map_elements(generator), _map_elements(discriminator)
    twice_judged = 2 * judged - sum(map(_map_elements, decoders))
    if accumulate == 1:
        return _BYTES * (weights + batch_size * (drawn + twice_judged))
    maps = max(twice_judged, drawn + judged)
    return _BYTES * (weights + max(counts) + batch_size // accumulate * maps)


@needs_keras_2
def checkpoint_bytes(generator: keras.Model, discriminator: keras.Model) -> int:
    """Estimates the size of a checkpoint.

    Args:
        generator: the generator.
        discriminator: the discriminator.

    Returns:
        Bytes: weights, two slots of Adam for each that is trained, and the average. Names are not counted.
    """
    generator_weights = 2 * generator.count_params() + 2 * _trained(generator)
    return _BYTES * (generator_weights + discriminator.count_params() + 2 * _trained(discriminator))


def _trained(network: keras.Model) -> int:
    return sum(variable.shape.num_elements() for variable in network.trainable_variables)


def _map_elements(network: keras.Model) -> int:
    """Returns the elements of all maps of one image, those of nested models included."""
    elements = 0
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            elements += _map_elements(layer)
            continue
        outputs = layer.output if isinstance(layer.output, list) else [layer.output]
        elements += sum(output.shape[1:].num_elements() or 0 for output in outputs)
    return elements
