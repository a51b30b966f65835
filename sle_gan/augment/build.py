"""The augmentation that the settings of a training ask for."""

from sle_gan.augment.adaptive import AdaptiveAugment
from sle_gan.augment.diffaugment import DiffAugment, parse_policy
from sle_gan.settings import AdaptiveAugmentSettings, DiffAugmentSettings


def build_augmentation(
    settings: DiffAugmentSettings | AdaptiveAugmentSettings | None, images_per_step: int
) -> DiffAugment | AdaptiveAugment | None:
    """Builds what images pass on their way to the discriminator.

    Args:
        settings: None for no augmentation.
        images_per_step: real images that a step of training shows, on all devices together.

    Returns:
        Function of (images float32 `[batch, height, width, channels]` in [-1, 1], seed int32 `[2]`) -> images of the
        same shape; or None.
    """
    match settings:
        case None:
            return None
        case AdaptiveAugmentSettings():
            return AdaptiveAugment(
                images_per_step, settings.augment_target, settings.augment_speed, settings.augment_pipe
            )
        case DiffAugmentSettings():
            return DiffAugment(
                parse_policy(settings.diff_augment),
                brightness=settings.diff_brightness,
                saturation=settings.diff_saturation,
                contrast=settings.diff_contrast,
                translation=settings.diff_translation,
                cutout=settings.diff_cutout,
            )
