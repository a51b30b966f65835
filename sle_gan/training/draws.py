"""Seeds of what a training step draws: pure functions of the step's seed and the use, each with a number of its own."""

import tensorflow as tf

LATENT_CODES, REAL_AUGMENTATION, FAKE_AUGMENTATION, MARGINS, QUADRANT, CRITIC_TURN, PENALTY, PATHS, LABELS = range(9)
PAIRED_REALS = 9


def fold(seed: tf.Tensor, *uses: int | tf.Tensor) -> tf.Tensor:
    """Returns another seed int32 `[2]` for each sequence of whole numbers."""
    for use in uses:
        seed = tf.random.experimental.stateless_fold_in(seed, use)
    return seed


def of_replica(seed: tf.Tensor) -> tf.Tensor:
    """Returns the seed of the device at work, where several share a batch and draw for their own images."""
    return fold(seed, tf.distribute.get_replica_context().replica_id_in_sync_group)
