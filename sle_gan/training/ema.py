"""The averaged copy of a generator that samples are drawn from."""

import tf_keras as keras


def averaged_pairs(average, model):
    """Pairs the variables of a copy with those of its model, layer by layer.

    Args:
        average: a model whose layers have the names of those of `model`.
        model: the model in training.

    Returns:
        `(averaged, copied)`: lists of `(variable of the copy, variable of the model)`. Weights and the
        statistics of batch normalization are averaged; all other state, such as the singular vectors of
        spectral normalization, is copied.
    """
    averaged, copied = [], []
    for layer in average.layers:
        twin = model.get_layer(layer.name) if layer.weights else layer
        averaged += zip(layer.trainable_weights, twin.trainable_weights, strict=True)
        is_statistic = isinstance(layer, keras.layers.BatchNormalization)
        state = averaged if is_statistic else copied
        state += zip(layer.non_trainable_weights, twin.non_trainable_weights, strict=True)
    return averaged, copied


def copy_weights(average, model):
    """Makes every variable of `average` equal to its model's: where an average starts."""
    for pairs in averaged_pairs(average, model):
        for copy, variable in pairs:
            copy.assign(variable)


def update_average(average, model, decay):
    """Moves the averaged copy one step towards the model.

    Args:
        average: the copy.
        model: the model in training.
        decay: what is kept of the average at each step, in [0, 1).
    """
    averaged, copied = averaged_pairs(average, model)
    for copy, variable in averaged:
        copy.assign_add((1.0 - decay) * (variable - copy))
    for copy, variable in copied:
        copy.assign(variable)
