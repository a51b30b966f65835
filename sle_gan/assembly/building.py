"""What is trained, put together from resolved settings: networks, losses, methods, optimizers, masks."""

from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras as keras

from sle_gan.assembly.methods import augmentation, methods_of
from sle_gan.assembly.sparsity_parts import Sparsity, sparsity_of
from sle_gan.assembly.weights import begin_from, load_weights
from sle_gan.models import MODELS, generator_arguments, network_arguments
from sle_gan.training.classes import ClassShares
from sle_gan.training.devices import let_memory_grow, precision, remap
from sle_gan.training.ema import copy_weights
from sle_gan.training.gan import GAN
from sle_gan.training.losses import adversarial_losses

let_memory_grow()
tf.config.list_logical_devices()  # starts the runtime here, where its messages are expected


class Training(NamedTuple):
    """What is trained.

    Attributes:
        generator: as its file builds it.
        discriminator: as its file builds it.
        gan: the compiled `GAN` of the two.
        sparsity: the `Sparsity` of its weights.
    """

    generator: keras.Model
    discriminator: keras.Model
    gan: GAN
    sparsity: Sparsity

    def checkpoint_items(self):
        """Returns everything that a resumed run needs, by name, for `tf.train.Checkpoint`."""
        return self.gan.checkpoint_items() | self.sparsity.checkpoint_items


def build_training(run, settings, strategy, labels):
    """Builds all that is trained, on the devices of a strategy.

    Args:
        run: the `RunFolder`; where it has no checkpoint yet, weights are taken from the run to begin from, if any.
        settings: the resolved settings.
        strategy: the `tf.distribute.Strategy`.
        labels: with `class_names` in the settings, of the images, int32 `[count]`; or None.

    Returns:
        A `Training`.

    Raises:
        InputError: if a file or a run that weights are taken from does not fit.
    """
    with strategy.scope():
        generator, discriminator = build_networks(settings)
        classes = None if labels is None else ClassShares(labels, len(settings["class_names"]))
        gan = build_gan(settings, generator, discriminator, classes)
        if settings["init_from"] is not None and run.latest_step() is None:
            begin_from(gan, generator, discriminator, settings["init_from"])
        return Training(generator, discriminator, gan, sparsity_of(gan, settings, run))


def build_networks(settings):
    """Builds the generator and the discriminator, with the weights that the settings name.

    Args:
        settings: the resolved settings.

    Returns:
        Two `keras.Model`s.

    Raises:
        InputError: if a weight file does not fit.
    """
    module = MODELS[settings["model"]].module()
    with precision(settings["mixed_precision"]):
        networks = module.generator(*generator_arguments(settings)), module.discriminator(*network_arguments(settings))
    for network in networks:
        file = settings[f"{network.name}_weights"]
        if file is not None:
            load_weights(network, file)
    return networks


def build_gan(
    settings: dict[str, Any],
    generator: keras.Model,
    discriminator: keras.Model,
    classes: ClassShares | None = None,
) -> GAN:
    """Puts networks, losses, methods and optimizers together.

    Args:
        settings: the resolved settings.
        generator: the generator; its averaged copy starts equal to it.
        discriminator: the discriminator.
        classes: that labels are drawn by; None without classes.

    Returns:
        A compiled `GAN`.
    """
    remap(MODELS[settings["model"]].is_remapped)
    module = MODELS[settings["model"]].module()
    average = module.generator(*generator_arguments(settings))
    copy_weights(average, generator)
    graph = module.training_graph(generator, discriminator)
    augment = augmentation(settings)
    gan = GAN(
        graph.generator,
        graph.discriminator,
        average,
        augment=augment,
        classes=classes,
        n_critic=settings["n_critic"],
        accumulate=settings["accumulate"],
        seed=settings["seed"],
    )
    methods = methods_of(settings, generator, discriminator, graph.decoders, augment)
    betas = settings["adam_beta_1"], settings["adam_beta_2"]
    optimizers = [
        adam(
            settings["G_learning_rate"],
            *betas,
            settings["path_length_interval"] if settings["path_length_weight"] else None,
        ),
        adam(settings["D_learning_rate"], *betas, settings["r1_interval"] if settings["r1_gamma"] else None),
    ]
    if settings["mixed_precision"] == "float16":  # whose small gradients are 0
        optimizers = [keras.mixed_precision.LossScaleOptimizer(optimizer) for optimizer in optimizers]
    losses = adversarial_losses(settings["loss"], settings["smallest_margin"])
    gan.compile(*optimizers, *losses, **methods._asdict())
    return gan


def adam(
    learning_rate: float, beta_1: float, beta_2: float, lazy_interval: int | None = None
) -> keras.optimizers.Optimizer:
    """Builds Adam with the epsilon of the networks' references, 1e-8.

    Args:
        learning_rate: per step.
        beta_1: what is kept of the mean gradient at each step.
        beta_2: what is kept of the mean squared gradient at each step.
        lazy_interval: steps between computations of a lazy regularizer, which scales the other three; or None.

    Returns:
        The optimizer.

    Source: the scaling is Karras et al. 2020, arXiv:1912.04958, appendix B.
    Differs: there a lazy regularizer has optimizer steps of its own, here its gradient joins that of the loss.
    """
    share = 1.0 if lazy_interval is None else lazy_interval / (lazy_interval + 1)
    return keras.optimizers.Adam(share * learning_rate, beta_1=beta_1**share, beta_2=beta_2**share, epsilon=1e-8)
