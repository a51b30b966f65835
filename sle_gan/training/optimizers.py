"""The optimizers of both networks."""

import tf_keras as keras

from sle_gan.settings import OptimizationSettings, PenaltySettings

_EPSILON = 1e-8  # of the networks' references; Keras has 1e-7


def build_optimizers(
    settings: OptimizationSettings, penalties: PenaltySettings, *, scales_losses: bool = False
) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
    """Builds the optimizers of the generator and of the discriminator.

    Args:
        settings: rates and betas.
        penalties: of which the lazy ones scale both, if they are asked to.
        scales_losses: whether they scale their losses, for 16 bits in which small gradients are 0.

    Returns:
        That of the generator, and that of the discriminator.
    """
    betas = settings.adam_beta_1, settings.adam_beta_2
    is_scaled = penalties.lazy_scaling
    path_length_interval = penalties.path_length_interval if is_scaled and penalties.path_length_weight else None
    r1_interval = penalties.r1_interval if is_scaled and penalties.r1_gamma else None
    generator = adam(settings.G_learning_rate, *betas, path_length_interval)
    discriminator = adam(settings.D_learning_rate, *betas, r1_interval)
    if not scales_losses:
        return generator, discriminator
    scaled = keras.mixed_precision.LossScaleOptimizer
    return scaled(generator), scaled(discriminator)


def adam(
    learning_rate: float, beta_1: float, beta_2: float, lazy_interval: int | None = None
) -> keras.optimizers.Optimizer:
    """Builds Adam with the epsilon of the networks' references, 1e-8.

    Args:
        learning_rate: per step.
        beta_1: what is kept of the mean gradient at each step.
        beta_2: what is kept of the mean squared gradient at each step.
        lazy_interval: steps k between computations of a lazy regularizer; rate and betas are then scaled by
            k / (k + 1). None leaves them as they are.

    Returns:
        The optimizer.

    Source: the scaling is Karras et al. 2020, arXiv:1912.04958, appendix B.
    Differs: there a lazy regularizer has an optimizer step of its own, so that k iterations make k + 1 steps, which the
    scaling makes up for. Here its gradient joins that of the loss: k iterations make k steps, and nothing is to be made
    up for. So a training scales nothing unless it is asked to.
    """
    share = 1.0 if lazy_interval is None else lazy_interval / (lazy_interval + 1)
    return keras.optimizers.Adam(share * learning_rate, beta_1=beta_1**share, beta_2=beta_2**share, epsilon=_EPSILON)
