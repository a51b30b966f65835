"""CHAIN in training: a penalty on the means that its layers leave, and how much of it there is.

Source: Ni & Koniusz, CVPR 2024, arXiv:2404.00521.
"""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.chain import ChainNormalization, mean_of_replicas
from sle_gan.settings import ChainSettings
from sle_gan.training.terms import JudgedBatch, Judgement, Logs, LossTerm, StepOutcome

_KEPT = 0.9  # of the mean sign at each step


class ChannelMeans(LossTerm):
    """Holds the mean of every channel that CHAIN normalizes at 0, since CHAIN takes none away.

    Args:
        network: model of what the discriminator takes -> (what each layer of CHAIN is given, what the discriminator
            returns).
        layers: of CHAIN, in that network.
        weight: lambda; 20 in the paper.
        offset: p0, what the penalty weighs before anything is normalized, in multiples of `weight`; 0.1 in the paper
            for the smallest sets, 0 for larger ones.
    """

    metric = "penalty"

    @needs_keras_2
    def __init__(
        self, network: keras.Model, layers: Sequence[ChainNormalization], weight: float, offset: float
    ) -> None:
        self._network = network
        self._probability = layers[0].probability
        self._weight = weight
        self._offset = offset
        self.judge = self._judge

    def _judge(self, inputs: list[tf.Tensor]) -> Judgement:
        features, outputs = self._network(inputs, training=True)
        logits, *maps = tf.nest.flatten(outputs)
        return Judgement(logits, maps, features)

    def value(self, batch: JudgedBatch) -> tf.Tensor:
        """Returns the weighted penalty at reals and at fakes: float32 scalar."""
        means = squared_means(batch.real.features) + squared_means(batch.fake.features)
        return self._weight * (self._probability + self._offset) * means


def squared_means(features: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the sum over maps and their channels of the squared mean over batch and pixels: float32 scalar.

    Args:
        features: list of float `[batch, height, width, channels]`.
    """
    means = [mean_of_replicas(tf.reduce_mean(tf.cast(x, tf.float32), axis=[0, 1, 2])) for x in features]
    return tf.add_n([tf.reduce_sum(mean**2) for mean in means])


class ChainProbability(tf.Module):
    """Moves the probability of CHAIN's layers, so that the discriminator is about as sure of reals as is asked for.

    A `GAN` is given it among what acts after the optimizers. From a step on, each step moves the probability by a fixed
    amount: up where the running mean of the signs of the logits of reals is above the target, down where it is below.

    Args:
        layers: of CHAIN; each holds the probability among its weights.
        target: of the mean sign, tau; 0.5 in the paper.
        start: steps for which the probability stays 0; 5,000 of 100,000 in the paper.
        change: of the probability at each step after; 0.001 in the paper.

    Attributes:
        metrics: the names of what it logs.
        mean_sign: float32 scalar, the running mean of the signs, of decay 0.9.
    """

    metrics: Sequence[str] = ("chain_probability",)

    def __init__(self, layers: Sequence[ChainNormalization], target: float, start: int, change: float) -> None:
        super().__init__()
        self._probabilities = [layer.probability for layer in layers]
        self._target = target
        self._start = start
        self._change = change
        aggregation = tf.VariableAggregation.ONLY_FIRST_REPLICA  # as that of the layers' probability
        self.mean_sign = tf.Variable(0.0, trainable=False, name="chain_sign", aggregation=aggregation)

    def checkpoint_items(self) -> dict[str, tf.Variable]:
        """Returns what a resumed run needs beside the layers' weights, by name, for `tf.train.Checkpoint`."""
        return {"chain_sign": self.mean_sign}

    def after_step(self, outcome: StepOutcome) -> Logs:
        """Observes a step of training, after the optimizers, and returns what is logged: the probability of this step.

        Args:
            outcome: of the step.
        """
        before = tf.identity(self._probabilities[0])
        sign = _KEPT * self.mean_sign + (1.0 - _KEPT) * mean_of_replicas(outcome.logs["real_signs"])
        self.mean_sign.assign(sign)
        moved = tf.clip_by_value(before + self._change * tf.sign(sign - self._target), 0.0, 1.0)
        # No condition: a replica may not assign to what all of them share inside one.
        after = tf.where(outcome.step >= self._start, moved, before)
        for probability in self._probabilities:
            probability.assign(after)
        return {"chain_probability": before}


class Chain:
    """What CHAIN adds to a training: `discriminator_terms` and `after_step`, by the names that `GAN.compile` has.

    Args:
        network: as `ChannelMeans` takes it.
        settings: of CHAIN.
    """

    @needs_keras_2
    def __init__(self, network: keras.Model, settings: ChainSettings) -> None:
        layers = [layer for layer in network.submodules if isinstance(layer, ChainNormalization)]
        self.discriminator_terms = [ChannelMeans(network, layers, settings.chain_weight, settings.chain_offset)]
        self.after_step = [ChainProbability(layers, settings.chain_target, settings.chain_start, settings.chain_change)]
