"""Adversarial losses: functions of logits."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

GeneratorLoss = Callable[[tf.Tensor], tf.Tensor]  # of fake logits
DiscriminatorLoss = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]  # of real logits, fake logits and a seed


class PairedLoss(NamedTuple):
    """A generator's loss of pairs: a logit of a fake says something only beside that of a real image.

    Such logits have no zero between reals and fakes, only differences.

    Attributes:
        of_pairs: function of (fake logits, real logits), both float32 `[batch, patches]` and paired place by place ->
            float32 scalar.
    """

    of_pairs: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

    def against(self, real_logits: tf.Tensor) -> GeneratorLoss:
        """Returns the loss of fake logits that are paired with these, which it does not move."""
        still = tf.stop_gradient(real_logits)
        return lambda fake_logits: self.of_pairs(fake_logits, still)


def adversarial_losses(name: str, smallest_margin: float) -> tuple[GeneratorLoss | PairedLoss, DiscriminatorLoss]:
    """Returns the two losses of a name.

    Args:
        name: `hinge`, `non-saturating`, `wasserstein`, `least-squares` or `relativistic`.
        smallest_margin: margins of the hinge are drawn from U(smallest_margin, 1).

    Returns:
        Functions of (fake logits) and of (real logits, fake logits, seed int32 `[2]`), both -> float32 scalar; a
        `PairedLoss` in place of the first where the loss is one of pairs.
    """
    losses: dict[str, tuple[GeneratorLoss | PairedLoss, DiscriminatorLoss]] = {
        "hinge": (hinge_generator, functools.partial(hinge_discriminator, smallest_margin=smallest_margin)),
        "non-saturating": (non_saturating_generator, non_saturating_discriminator),
        "wasserstein": (wasserstein_generator, wasserstein_discriminator),
        "least-squares": (least_squares_generator, least_squares_discriminator),
        "relativistic": (PairedLoss(relativistic_generator), relativistic_discriminator),
    }
    return losses[name]


def hinge_discriminator(
    real_logits: tf.Tensor, fake_logits: tf.Tensor, seed: tf.Tensor, smallest_margin: float = 0.8
) -> tf.Tensor:
    """Returns the hinge loss with the margin drawn for each logit from U(smallest_margin, 1).

    Args:
        real_logits: float32 `[batch, patches]`.
        fake_logits: float32 `[batch, patches]`.
        seed: int32 `[2]`, of the margins.
        smallest_margin: 0.8 in FastGAN; 1 gives the plain hinge.

    Returns:
        float32 scalar: mean relu(margin - real) + mean relu(margin + fake).

    Source: Liu et al. 2021, arXiv:2101.04775, equation 3; the hinge is Lim & Ye 2017, arXiv:1705.02894.
    """
    shape = tf.shape(tf.stack([real_logits, fake_logits]))
    margins = (
        tf.random.stateless_uniform(shape, seed, smallest_margin, 1.0) if smallest_margin < 1.0 else tf.ones(shape)
    )
    real_loss = tf.reduce_mean(tf.nn.relu(margins[0] - real_logits))
    return real_loss + tf.reduce_mean(tf.nn.relu(margins[1] + fake_logits))


def hinge_generator(fake_logits: tf.Tensor) -> tf.Tensor:
    """Returns the generator's side of the hinge: float32 scalar, minus the mean of the logits."""
    return -tf.reduce_mean(fake_logits)


def non_saturating_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns the cross-entropy of telling reals from fakes.

    Args:
        real_logits: float32 `[batch, patches]`.
        fake_logits: float32 `[batch, patches]`.
        seed: not used.

    Returns:
        float32 scalar: mean softplus(-real) + mean softplus(fake).

    Source: Goodfellow et al. 2014, arXiv:1406.2661.
    """
    return tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(tf.nn.softplus(fake_logits))


def non_saturating_generator(fake_logits: tf.Tensor) -> tf.Tensor:
    """Returns the cross-entropy of fakes taken for reals: float32 scalar, mean softplus(-fake)."""
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))


def wasserstein_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns minus the estimated distance, which needs a discriminator that is held Lipschitz.

    Args:
        real_logits: float32 `[batch, patches]`.
        fake_logits: float32 `[batch, patches]`.
        seed: not used.

    Returns:
        float32 scalar: mean fake - mean real.

    Source: Arjovsky et al. 2017, arXiv:1701.07875; `sle_gan.training.gradient_penalty` holds it.
    """
    return tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits)


def wasserstein_generator(fake_logits: tf.Tensor) -> tf.Tensor:
    """Returns the generator's side of the distance: float32 scalar, minus the mean of the logits."""
    return -tf.reduce_mean(fake_logits)


def least_squares_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns the squared distance of reals from 1 and of fakes from 0.

    Args:
        real_logits: float32 `[batch, patches]`.
        fake_logits: float32 `[batch, patches]`.
        seed: not used.

    Returns:
        float32 scalar: half of mean (real - 1)^2 + mean fake^2.

    Source: Mao et al. 2017, arXiv:1611.04076, equation 9.
    """
    return 0.5 * (tf.reduce_mean((real_logits - 1.0) ** 2) + tf.reduce_mean(fake_logits**2))


def least_squares_generator(fake_logits: tf.Tensor) -> tf.Tensor:
    """Returns the squared distance of fakes from 1: float32 scalar, half of mean (fake - 1)^2."""
    return 0.5 * tf.reduce_mean((fake_logits - 1.0) ** 2)


def relativistic_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns the cross-entropy of telling which image of a pair is the real one.

    Args:
        real_logits: float32 `[batch, patches]`.
        fake_logits: float32 `[batch, patches]`, paired with those of reals place by place.
        seed: not used.

    Returns:
        float32 scalar: mean softplus(-(real - fake)).

    Source: Jolicoeur-Martineau 2019, arXiv:1807.00734; with R1 and R2 in Huang et al. 2024, arXiv:2501.05441.
    """
    return tf.reduce_mean(tf.nn.softplus(fake_logits - real_logits))


def relativistic_generator(fake_logits: tf.Tensor, real_logits: tf.Tensor) -> tf.Tensor:
    """Returns the cross-entropy of fakes that are taken for the real image of their pair.

    Args:
        fake_logits: float32 `[batch, patches]`.
        real_logits: float32 `[batch, patches]`, paired with those of fakes place by place.

    Returns:
        float32 scalar: mean softplus(-(fake - real)).

    Source: as `relativistic_discriminator`.
    """
    return tf.reduce_mean(tf.nn.softplus(real_logits - fake_logits))
