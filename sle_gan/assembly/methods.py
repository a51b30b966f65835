"""The methods that change how the networks are trained, put together from resolved settings."""

from sle_gan.assembly.networks import pair_of
from sle_gan.assembly.weights import trained_discriminator
from sle_gan.augment.adaptive import AdaptiveAugment
from sle_gan.augment.diffaugment import DiffAugment, parse_policy
from sle_gan.models import DISCRIMINATORS
from sle_gan.models.pairing import feature_splits
from sle_gan.training.perturbation import SIGNS, AdversarialFeatures
from sle_gan.training.teacher import Teacher

_DIFF_STRENGTHS = ("brightness", "saturation", "contrast", "translation", "cutout")


def augmentation(settings):
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


def add_methods(gan, settings, generator, discriminator):
    """Gives a GAN the methods that the settings ask for.

    Args:
        gan: a `GAN`, not yet compiled.
        settings: the resolved settings.
        generator: the generator as its file builds it.
        discriminator: the discriminator as its file builds it.

    Raises:
        InputError: if the teacher cannot be read.
    """
    pair = pair_of(settings)
    if settings["augment"] == "ada":
        gan.adaptation = gan.augment
    if settings["adv_augment"]:
        splits = feature_splits(pair, generator, discriminator)
        rule = SIGNS[settings["adv_sign"]]
        gan.perturbation = AdversarialFeatures(*splits, rule, settings["adv_gamma"], settings["adv_steps"])
    if settings["teacher"] is not None:
        gan.teacher = Teacher(trained_discriminator(settings["teacher"]), settings["teacher_weight"])
    if settings["freeze_d"] is not None:
        blocks = DISCRIMINATORS[pair.discriminator].module().discriminator_blocks(discriminator)[: settings["freeze_d"]]
        gan.frozen_layers = [layer for block in blocks for layer in block]
