"""Adversarial losses: functions of logits."""

import tensorflow as tf


def hinge_discriminator(real_logits, fake_logits, seed):
    """Returns the hinge loss with the margin drawn for each logit from U(0.8, 1).

    Args:
        real_logits: float32 `[batch, patches]`.
        fake_logits: float32 `[batch, patches]`.
        seed: int32 `[2]`, of the margins.

    Returns:
        float32 scalar: mean relu(margin - real) + mean relu(margin + fake).

    Source: Liu et al. 2021, arXiv:2101.04775; the hinge is Lim & Ye 2017, arXiv:1705.02894.
    """
    margins = tf.random.stateless_uniform(tf.shape(tf.stack([real_logits, fake_logits])), seed, 0.8, 1.0)
    real_loss = tf.reduce_mean(tf.nn.relu(margins[0] - real_logits))
    return real_loss + tf.reduce_mean(tf.nn.relu(margins[1] + fake_logits))


def hinge_generator(fake_logits):
    """Returns the generator's side of the hinge: float32 scalar, minus the mean of the logits."""
    return -tf.reduce_mean(fake_logits)
