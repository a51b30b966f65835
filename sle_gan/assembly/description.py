"""What a training would be, in words: sizes of networks, length, memory."""

from sle_gan.assembly.building import build_networks
from sle_gan.settings import TrainSettings
from sle_gan.training.accumulation import describe_shares
from sle_gan.training.growth import images_shown
from sle_gan.training.memory import estimated_bytes


def describe_training(settings: TrainSettings, image_count: int) -> list[str]:
    """Says what a training would be, without training.

    Args:
        settings: of the training.
        image_count: number of images.

    Returns:
        Lines of text: parameter counts, passes over the images, estimated memory.
    """
    networks = build_networks(settings)
    optimization, images = settings.optimization, settings.images
    counts = [
        f"{network.name}: {sum(v.shape.num_elements() for v in network.trainable_variables):,} trainable parameters"
        for network in networks
    ]
    epochs = images_shown(settings, optimization.steps) / image_count
    memory = estimated_bytes(*networks, optimization.batch_size, optimization.accumulate) / 2**30
    decoded = image_count * images.shape.pixels * images.channels / 2**30
    return [
        *counts,
        *describe_shares(optimization.accumulate, optimization.batch_size, networks),
        f"length: {optimization.steps:,} steps, {epochs:,.0f} passes over {image_count} images",
        f"memory: about {memory:.1f} GiB for a step, {decoded:.2f} GiB for the decoded images",
    ]
