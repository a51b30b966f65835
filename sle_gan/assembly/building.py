"""What is trained, put together from the settings: networks, losses, methods, optimizers, masks."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.assembly.array_gan import ArrayGAN
from sle_gan.assembly.beginning import Trained, begin_with_run
from sle_gan.assembly.methods import build_methods
from sle_gan.assembly.search import search_supplement, searching_gan
from sle_gan.assembly.sparsity import build_sparsity
from sle_gan.assembly.supplement import Supplement
from sle_gan.assembly.weights import load_weights
from sle_gan.augment.build import build_augmentation
from sle_gan.keras_version import needs_keras_2
from sle_gan.models.build import build_discriminator, build_generator, pair_of
from sle_gan.models.graph import TrainingGraph
from sle_gan.models.pairing import training_graph
from sle_gan.run import RunFolder
from sle_gan.settings import TrainSettings
from sle_gan.training.classes import ClassShares
from sle_gan.training.devices import let_memory_grow, precision, remap
from sle_gan.training.ema import copy_weights
from sle_gan.training.gan import GAN
from sle_gan.training.losses import adversarial_losses
from sle_gan.training.optimizers import build_optimizers

let_memory_grow()
tf.config.list_logical_devices()  # starts the runtime here, where its messages are expected


class Training(NamedTuple):
    """What is trained.

    Attributes:
        generator: as its file builds it.
        discriminator: as its file builds it.
        gan: the compiled `GAN` of the two.
        supplement: what a method adds, such as the masks of sparse training.
    """

    generator: keras.Model
    discriminator: keras.Model
    gan: GAN
    supplement: Supplement

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns everything that a resumed run needs, by name, for `tf.train.Checkpoint`."""
        return self.gan.checkpoint_items() | self.supplement.checkpoint_items


def build_training(
    run: RunFolder, settings: TrainSettings, strategy: tf.distribute.Strategy, labels: np.ndarray | None
) -> Training:
    """Builds all that is trained, on the devices of a strategy.

    Args:
        run: where it has no checkpoint yet, weights are taken from the run to begin from, if any.
        settings: of the training.
        strategy: the devices.
        labels: with classes, of the images, int32 `[count]`; or None.

    Raises:
        InputError: if a file or a run that weights are taken from does not fit.
    """
    with strategy.scope():
        generator, discriminator = build_networks(settings)
        classes = None if labels is None else ClassShares(labels, len(settings.images.class_names))
        search = settings.search
        make = GAN if search is None else searching_gan(settings, search, generator, build_networks(settings))
        gan = build_gan(settings, generator, discriminator, classes, make)
        if settings.transfer.init_from is not None and run.latest_step() is None:
            lines = begin_with_run(settings, (generator, discriminator, gan), settings.transfer.init_from, _trained)
            print("\n".join(f"init-from: {line}" for line in lines), end="\n" if lines else "", flush=True)
        networks = generator, discriminator
        if search is None:
            supplement = build_sparsity(gan, settings, run)
        else:
            supplement = search_supplement(search, settings.optimization.batch_size, networks, run)
        return Training(*networks, gan, supplement)


def _trained(settings: TrainSettings) -> Trained:
    names = settings.images.class_names
    networks = build_networks(settings)
    classes = ClassShares(np.arange(len(names), dtype=np.int32), len(names)) if names else None
    return *networks, build_gan(settings, *networks, classes)


def build_networks(settings: TrainSettings) -> tuple[keras.Model, keras.Model]:
    """Builds the generator and the discriminator, with the weights that the settings name.

    Raises:
        InputError: if a weight file does not fit.
    """
    asked = settings.network, settings.images, settings.optimization.seed
    with precision(settings.devices.mixed_precision):
        generator, discriminator = build_generator(*asked), build_discriminator(*asked)
    if settings.network.generator_weights is not None:
        load_weights(generator, settings.network.generator_weights, settings.network.width)
    if settings.network.discriminator_weights is not None:
        load_weights(discriminator, settings.network.discriminator_weights, settings.network.width)
    return generator, discriminator


@needs_keras_2
def build_gan(
    settings: TrainSettings,
    generator: keras.Model,
    discriminator: keras.Model,
    classes: ClassShares | None = None,
    make: Callable[..., GAN] = GAN,
) -> GAN:
    """Puts networks, losses, methods and optimizers together.

    Args:
        settings: of the training.
        generator: its averaged copy starts equal to it.
        discriminator: as its file builds it.
        classes: that labels are drawn by; None without classes.
        make: `GAN`, or what makes another model of its arguments.

    Returns:
        A compiled `GAN`.
    """
    pair, optimization = pair_of(settings.network), settings.optimization
    remap(pair.is_remapped)
    average = build_generator(settings.network, settings.images, optimization.seed)
    copy_weights(average, generator)
    is_growing = settings.growth is not None
    graph = TrainingGraph(generator, discriminator) if is_growing else training_graph(pair, generator, discriminator)
    augment = build_augmentation(settings.augmentation, optimization.images_per_step)
    gan = make(
        graph.generator,
        graph.discriminator,
        average,
        augment=augment,
        classes=classes,
        n_critic=optimization.n_critic,
        accumulate=optimization.accumulate,
        seed=optimization.seed,
    )
    methods = build_methods(settings, generator, discriminator, graph.decoders, augment)
    scales_losses = settings.devices.mixed_precision == "float16"
    optimizers = build_optimizers(
        optimization, settings.penalties, gan.steps, scales_losses=scales_losses, begin_anew=is_growing
    )
    losses = adversarial_losses(optimization.loss, optimization.smallest_margin)
    gan.compile(*optimizers, *losses, **methods._asdict())
    return gan


def build_array_gan(settings: TrainSettings) -> ArrayGAN:
    """Builds what `sle_gan.build` returns: networks and all, trained on arrays of images.

    Args:
        settings: of a dense training.

    Raises:
        InputError: if a weight file does not fit.
    """
    label_count = len(settings.images.class_names)
    make = functools.partial(
        ArrayGAN,
        batch_size=settings.optimization.batch_size,
        flip=settings.images.flip,
        label_count=label_count,
    )
    classes = ClassShares(np.arange(label_count), label_count) if label_count else None
    return cast(ArrayGAN, build_gan(settings, *build_networks(settings), classes, make))
