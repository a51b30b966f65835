"""From a loss to the weights: the share of a device, the scale of 16 bits, masks."""

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.training.terms import UpdateRule


@needs_keras_2
def to_differentiate(loss: tf.Tensor, optimizer: keras.optimizers.Optimizer, shares: int) -> tf.Tensor:
    """Returns what is to be differentiated in place of a loss, for `update_weights`.

    Args:
        loss: float32 scalar, a mean over the images of this device, or of one of their equal shares.
        optimizer: that will make the step.
        shares: number of these shares; their gradients are summed.

    Returns:
        Its part in the loss of all devices, because optimizers sum gradients over them; scaled if the optimizer is a
        `LossScaleOptimizer`.
    """
    loss /= shares * tf.distribute.get_strategy().num_replicas_in_sync
    return optimizer.get_scaled_loss(loss) if _scales_losses(optimizer) else loss


@needs_keras_2
def update_weights(
    optimizer: keras.optimizers.Optimizer, gradients: list, variables: list[tf.Variable], rule: UpdateRule
) -> None:
    """Makes a step of an optimizer, bounded by a rule, such as masks: pruned weights stay at 0.

    Args:
        optimizer: the optimizer.
        gradients: of what `to_differentiate` returned.
        variables: as many variables.
        rule: the `UpdateRule` of these variables.
    """
    if _scales_losses(optimizer):
        gradients = optimizer.get_unscaled_gradients(gradients)
    pairs = zip(rule.masked(gradients, variables), variables, strict=True)
    # Of networks that grow, sides that are not there yet have no gradient.
    optimizer.apply_gradients([(gradient, variable) for gradient, variable in pairs if gradient is not None])
    rule.enforce()


def _scales_losses(optimizer: keras.optimizers.Optimizer) -> bool:
    return isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)
