"""Drift: holds the discriminator's logits near 0, where nothing else says how large they may be.

Source: Karras et al. 2018, arXiv:1710.10196, appendix A.1.
"""

import tensorflow as tf

from sle_gan.training.terms import JudgedBatch, LossTerm


class LogitDrift(LossTerm):
    """The mean squared logit of real images, times a weight.

    Args:
        weight: 0.001 in the paper.
    """

    metric = "penalty"

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def value(self, batch: JudgedBatch) -> tf.Tensor:
        """Returns the weighted drift: float32 scalar."""
        return self.weight * tf.reduce_mean(batch.real.logits**2)
