"""The methods that change how the networks are trained, put together from the settings."""

from typing import NamedTuple

import tf_keras as keras

from sle_gan.assembly.weights import read_teacher
from sle_gan.augment.adaptive import AdaptiveAugment
from sle_gan.augment.diffaugment import DiffAugment
from sle_gan.keras_version import needs_keras_2
from sle_gan.models import DISCRIMINATORS, GENERATORS
from sle_gan.models.build import build_discriminator, build_generator, pair_of
from sle_gan.models.pairing import chained_graph, feature_splits, training_graph
from sle_gan.pretrained.perceptual import PerceptualDistance
from sle_gan.run import RunFolder
from sle_gan.settings import SparseFromScratchSettings, TicketSearchSettings, TrainSettings
from sle_gan.training.chain import Chain
from sle_gan.training.distillation import Distillation
from sle_gan.training.ema import MovingAverage, average_decay
from sle_gan.training.path_length import PathLength
from sle_gan.training.penalties import build_penalties
from sle_gan.training.perturbation import SIGNS, AdversarialFeatures
from sle_gan.training.reconstruction import Reconstruction, mean_absolute_difference
from sle_gan.training.teacher import Teacher
from sle_gan.training.terms import AfterStep, LossTerm


class Methods(NamedTuple):
    """What methods add to a training, by the names under which `GAN.compile` takes it.

    Attributes:
        discriminator_terms: of the discriminator's loss.
        generator_terms: of the generator's loss.
        after_step: what acts after the optimizers.
        frozen_layers: the discriminator's layers that are not trained.
    """

    discriminator_terms: list[LossTerm]
    generator_terms: list[LossTerm]
    after_step: list[AfterStep]
    frozen_layers: list[keras.layers.Layer]


@needs_keras_2
def build_methods(
    settings: TrainSettings,
    generator: keras.Model,
    discriminator: keras.Model,
    decoders: keras.Model | None,
    augment: DiffAugment | AdaptiveAugment | None,
) -> Methods:
    """Builds the methods that the settings ask for.

    Args:
        settings: of the training.
        generator: the generator as its file builds it.
        discriminator: the discriminator as its file builds it.
        decoders: of the discriminator's maps; None without any.
        augment: what `sle_gan.augment.build` has built.

    Raises:
        InputError: if the teacher cannot be read.
    """
    methods = Methods([], [], [], _frozen_layers(settings, discriminator))
    if decoders is not None:
        is_perceptual = settings.optimization.reconstruction_loss == "perceptual"
        distance = PerceptualDistance() if is_perceptual else mean_absolute_difference
        methods.discriminator_terms.append(Reconstruction(decoders, distance))
    methods.discriminator_terms.extend(build_penalties(settings.penalties, settings.optimization.batch_size))
    if settings.penalties.path_length_weight:
        _, mixing, synthesis, _ = GENERATORS[settings.network.generator].module().styles(generator)
        weight, interval = settings.penalties.path_length_weight, settings.penalties.path_length_interval
        methods.generator_terms.append(PathLength(mixing, synthesis, weight, interval))
    if settings.adversarial_features is not None:
        moved = settings.adversarial_features
        splits = feature_splits(pair_of(settings.network), generator, discriminator)
        perturbation = AdversarialFeatures(*splits, SIGNS[moved.adv_sign], moved.adv_gamma, moved.adv_steps)
        methods.discriminator_terms.extend(perturbation.discriminator_terms)
        methods.generator_terms.extend(perturbation.generator_terms)
    if settings.chain is not None:
        chain = Chain(chained_graph(pair_of(settings.network), generator, discriminator), settings.chain)
        methods.discriminator_terms.extend(chain.discriminator_terms)
        methods.after_step.extend(chain.after_step)
    if settings.transfer.teacher is not None:
        judge, origin = read_teacher(settings.transfer, RunFolder(settings.transfer.teacher))
        methods.generator_terms.append(Teacher(judge, settings.transfer.teacher_weight, origin))
    if isinstance(settings.sparsity, TicketSearchSettings) and settings.sparsity.distill_weight:
        methods.discriminator_terms.append(Distillation(_untaught(settings), settings.sparsity.distill_weight))
    if isinstance(settings.sparsity, SparseFromScratchSettings) and settings.sparsity.balance != "off":
        from sle_gan.sparsity.adapt import BalanceRatio  # the pruning library takes a quarter of all loading

        methods.after_step.append(BalanceRatio())
    methods.after_step.append(MovingAverage(average_decay(settings.optimization)))
    if isinstance(augment, AdaptiveAugment):
        methods.after_step.append(augment)
    return methods


def _frozen_layers(settings: TrainSettings, discriminator: keras.Model) -> list[keras.layers.Layer]:
    if settings.transfer.freeze_d is None:
        return []
    blocks = DISCRIMINATORS[settings.network.discriminator].module().discriminator_blocks(discriminator)
    return [layer for block in blocks[: settings.transfer.freeze_d] for layer in block]


def _untaught(settings: TrainSettings) -> keras.Model:
    """Returns a discriminator as training calls it, which later learns from the one in training."""
    asked = settings.network, settings.images, settings.optimization.seed
    return training_graph(pair_of(settings.network), build_generator(*asked), build_discriminator(*asked)).discriminator
