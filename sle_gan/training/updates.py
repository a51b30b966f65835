"""From a loss to the weights: the share of a device, the scale of 16 bits, masks."""

import tensorflow as tf
import tf_keras as keras


def to_differentiate(loss, optimizer, shares):
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


def update_weights(optimizer, gradients, variables, masks):
    """Makes a step of an optimizer; pruned weights stay at 0.

    Args:
        optimizer: the optimizer.
        gradients: of what `to_differentiate` returned.
        variables: as many variables.
        masks: as `sle_gan.sparsity.masks.Masks`; or None.
    """
    if _scales_losses(optimizer):
        gradients = optimizer.get_unscaled_gradients(gradients)
    if masks is not None:
        gradients = masks.masked(gradients, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    if masks is not None:
        masks.enforce()


def _scales_losses(optimizer):
    return isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)
