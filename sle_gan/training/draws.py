"""Seeds of what a training step draws: pure functions of the step's seed and the use, each with a number of its own."""

from typing import TYPE_CHECKING

import tensorflow as tf
import tf_keras as keras

if TYPE_CHECKING:
    from sle_gan.training.accumulation import Share

LATENT_CODES, REAL_AUGMENTATION, FAKE_AUGMENTATION, MARGINS, QUADRANT, CRITIC_TURN, PENALTY, PATHS, LABELS = range(9)


def fold(seed: tf.Tensor, *uses: int | tf.Tensor) -> tf.Tensor:
    """Returns another seed int32 `[2]` for each sequence of whole numbers."""
    for use in uses:
        seed = tf.random.experimental.stateless_fold_in(seed, use)
    return seed


def of_replica(seed: tf.Tensor) -> tf.Tensor:
    """Returns the seed of the device at work, where several share a batch and draw for their own images."""
    return fold(seed, tf.distribute.get_replica_context().replica_id_in_sync_group)


def latent_codes(generator: keras.Model, count: int | tf.Tensor, seed: tf.Tensor, share: "Share") -> tf.Tensor:
    """Draws latent codes: each device, and each share of its images, draws those of the whole batch and keeps its own.

    So all of them together draw what one would.

    Args:
        generator: model whose first input is codes `[batch, size]`.
        count: images of a batch on this device, in all shares.
        seed: int32 `[2]`, of the batch.
        share: the `sle_gan.training.accumulation.Share`.

    Returns:
        float32 `[images of the share, size]`, N(0, 1).
    """
    context = tf.distribute.get_replica_context()
    shape = [context.num_replicas_in_sync, count, *generator.inputs[0].shape[1:]]
    codes = tf.random.stateless_normal(shape, fold(seed, LATENT_CODES))
    return share.rows(codes[context.replica_id_in_sync_group])
