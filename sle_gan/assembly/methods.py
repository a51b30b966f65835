"""The methods that change how the networks are trained, put together from resolved settings."""

from typing import Any, NamedTuple

import tf_keras as keras

from sle_gan.assembly.weights import trained_discriminator
from sle_gan.augment.adaptive import AdaptiveAugment
from sle_gan.augment.diffaugment import DiffAugment, parse_policy
from sle_gan.evaluation.features import PerceptualDistance
from sle_gan.models import MODELS, generator_arguments, network_arguments
from sle_gan.training.consistency import consistency
from sle_gan.training.diggan import diggan
from sle_gan.training.distillation import Distillation
from sle_gan.training.ema import MovingAverage, decay_from, half_life_decay
from sle_gan.training.gradient_penalty import gradient_penalty
from sle_gan.training.path_length import PathLength
from sle_gan.training.perturbation import SIGNS, AdversarialFeatures
from sle_gan.training.r1 import r1
from sle_gan.training.reconstruction import Reconstruction, mean_absolute_difference
from sle_gan.training.regularizers import Regularizer
from sle_gan.training.teacher import Teacher
from sle_gan.training.terms import AfterStep, LossTerm

Augmentation = AdaptiveAugment | DiffAugment
_DIFF_STRENGTHS = ("brightness", "saturation", "contrast", "translation", "cutout")


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


def augmentation(settings: dict[str, Any]) -> Augmentation | None:
    """Builds what images pass on their way to the discriminator.

    Args:
        settings: the resolved settings.

    Returns:
        Function of (images, seed) -> images, or None.
    """
    if settings["augment"] == "ada":
        images_per_step = settings["batch_size"] * settings["n_critic"]
        pace = settings["augment_target"], settings["augment_speed"]
        return AdaptiveAugment(images_per_step, *pace, settings["augment_pipe"])
    if settings["diff_augment"] is None:
        return None
    strengths = {name: settings[f"diff_{name}"] for name in _DIFF_STRENGTHS}
    return DiffAugment(parse_policy(settings["diff_augment"]), **strengths)


def methods_of(
    settings: dict[str, Any],
    generator: keras.Model,
    discriminator: keras.Model,
    decoders: keras.Model | None,
    augment: Augmentation | None,
) -> Methods:
    """Builds the methods that the settings ask for.

    Args:
        settings: the resolved settings.
        generator: the generator as its file builds it.
        discriminator: the discriminator as its file builds it.
        decoders: of the discriminator's maps; None without any.
        augment: what `augmentation` has built.

    Returns:
        The `Methods`.

    Raises:
        InputError: if the teacher cannot be read.
    """
    module = MODELS[settings["model"]].module()
    discriminator_terms = [*_reconstruction(decoders, settings["reconstruction_loss"]), *_regularizers(settings)]
    generator_terms, after_step, frozen_layers = [], [], []
    if settings["path_length_weight"]:
        _, mixing, synthesis, _ = module.styles(generator)
        paced = settings["path_length_weight"], settings["path_length_interval"]
        generator_terms.append(PathLength(mixing, synthesis, *paced))
    if settings["adv_augment"]:
        splits = module.feature_splits(generator, discriminator)
        rule = SIGNS[settings["adv_sign"]]
        perturbation = AdversarialFeatures(*splits, rule, settings["adv_gamma"], settings["adv_steps"])
        discriminator_terms += perturbation.discriminator_terms
        generator_terms += perturbation.generator_terms
    if settings["teacher"] is not None:
        generator_terms.append(Teacher(trained_discriminator(settings["teacher"]), settings["teacher_weight"]))
    if settings["find_ticket"] and settings["distill_weight"]:
        networks = module.generator(*generator_arguments(settings)), module.discriminator(*network_arguments(settings))
        untaught = module.training_graph(*networks).discriminator
        discriminator_terms.append(Distillation(untaught, settings["distill_weight"]))
    if settings["sparse_from_scratch"] and settings["balance"] != "off":
        from sle_gan.sparsity.adapt import BalanceRatio  # the pruning library takes a quarter of all loading

        after_step.append(BalanceRatio())
    after_step.append(MovingAverage(_average_decay(settings)))
    if settings["augment"] == "ada":
        after_step.append(augment)
    if settings["freeze_d"] is not None:
        blocks = module.discriminator_blocks(discriminator)[: settings["freeze_d"]]
        frozen_layers = [layer for block in blocks for layer in block]
    return Methods(discriminator_terms, generator_terms, after_step, frozen_layers)


def _reconstruction(decoders, distance):
    if decoders is None:
        return []
    distances = {"perceptual": PerceptualDistance, "l1": lambda: mean_absolute_difference}
    return [Reconstruction(decoders, distances[distance]())]


def _regularizers(settings):
    chosen = {
        "r1_gamma": lambda gamma: r1(gamma, settings["r1_interval"], settings["r1_on"] == "before"),
        "gradient_penalty": lambda weight: Regularizer(gradient_penalty, weight),
        "consistency_weight": consistency,
        "dig_weight": lambda weight: diggan(weight, settings["dig_interval"]),
    }
    return [make(settings[name]) for name, make in chosen.items() if settings[name]]


def _average_decay(settings):
    decay = settings["ema_decay"]
    if settings["ema_kimg"] is not None:
        decay = half_life_decay(settings["ema_kimg"], settings["batch_size"] * settings["n_critic"])
    return decay_from(settings["ema_start"], decay) if settings["ema_start"] else decay
