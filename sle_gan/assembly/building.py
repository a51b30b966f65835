"""What is trained, put together from resolved settings: networks, losses, methods, optimizers, masks."""

from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

from sle_gan.assembly.methods import add_methods, augmentation
from sle_gan.assembly.networks import build_discriminator, build_generator, pair_of
from sle_gan.assembly.sparsity_parts import Sparsity, sparsity_of
from sle_gan.assembly.weights import begin_from, load_weights
from sle_gan.evaluation.features import PerceptualDistance
from sle_gan.models import GENERATORS
from sle_gan.models.pairing import training_graph
from sle_gan.training import regularizers
from sle_gan.training.classes import ClassShares
from sle_gan.training.consistency import consistency
from sle_gan.training.devices import let_memory_grow, precision, remap
from sle_gan.training.ema import copy_weights, decay_from, half_life_decay
from sle_gan.training.gan import GAN
from sle_gan.training.losses import adversarial_losses
from sle_gan.training.path_length import PathLength
from sle_gan.training.reconstruction import Reconstruction, mean_absolute_difference

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
        gan = build_gan(settings, generator, discriminator)
        gan.classes = None if labels is None else ClassShares(labels, len(settings["class_names"]))
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
    with precision(settings["mixed_precision"]):
        networks = build_generator(settings), build_discriminator(settings)
    for network in networks:
        file = settings[f"{network.name}_weights"]
        if file is not None:
            load_weights(network, file)
    return networks


def build_gan(settings, generator, discriminator):
    """Puts networks, losses, augmentation and optimizers together.

    Args:
        settings: the resolved settings.
        generator: the generator; its averaged copy starts equal to it.
        discriminator: the discriminator.

    Returns:
        A compiled `GAN`.
    """
    pair = pair_of(settings)
    remap(pair.is_remapped)
    average = build_generator(settings)
    copy_weights(average, generator)
    graph = training_graph(pair, generator, discriminator)
    gan = GAN(
        graph.generator,
        graph.discriminator,
        average,
        reconstruction=_reconstruction(graph.decoders, settings["reconstruction_loss"]),
        augment=augmentation(settings),
        average_decay=_average_decay(settings),
        n_critic=settings["n_critic"],
        seed=settings["seed"],
    )
    gan.accumulate = settings["accumulate"]
    add_methods(gan, settings, generator, discriminator)
    path_length = None
    if settings["path_length_weight"]:
        _, mixing, synthesis, _ = GENERATORS[pair.generator].module().styles(generator)
        paced = settings["path_length_weight"], settings["path_length_interval"], settings["accumulate"]
        path_length = PathLength(mixing, synthesis, *paced)
    betas = settings["adam_beta_1"], settings["adam_beta_2"]
    optimizers = [
        adam(settings["G_learning_rate"], *betas, path_length and path_length.interval_steps),
        adam(settings["D_learning_rate"], *betas, settings["r1_interval"] if settings["r1_gamma"] else None),
    ]
    if settings["mixed_precision"] == "float16":  # whose small gradients are 0
        optimizers = [keras.mixed_precision.LossScaleOptimizer(optimizer) for optimizer in optimizers]
    gan.compile(
        *optimizers,
        *adversarial_losses(settings["loss"], settings["smallest_margin"]),
        _regularizers(settings),
        path_length,
    )
    return gan


def _reconstruction(decoders, distance):
    if decoders is None:
        return None
    distances = {"perceptual": PerceptualDistance, "l1": lambda: mean_absolute_difference}
    return Reconstruction(decoders, distances[distance]())


def _average_decay(settings):
    decay = settings["ema_decay"]
    if settings["ema_kimg"] is not None:
        decay = half_life_decay(settings["ema_kimg"], settings["batch_size"] * settings["n_critic"])
    return decay_from(settings["ema_start"], decay) if settings["ema_start"] else decay


def _regularizers(settings):
    chosen = {
        "r1_gamma": lambda gamma: regularizers.r1(gamma, settings["r1_interval"], settings["r1_on"] == "before"),
        "gradient_penalty": lambda weight: regularizers.Regularizer(regularizers.gradient_penalty, weight),
        "consistency_weight": consistency,
        "dig_weight": lambda weight: regularizers.diggan(weight, settings["dig_interval"]),
    }
    return tuple(make(settings[name]) for name, make in chosen.items() if settings[name])


def adam(learning_rate, beta_1, beta_2, lazy_interval=None):
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
