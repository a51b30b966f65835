"""FastGAN's training step in plain PyTorch, as a process that `peer_step.py` times."""

import argparse
import copy
import random

import torch
from fastgan_torch import LATENT_SIZE, Discriminator, Generator, nearest, quadrant_of, small_side_of
from perceptual_torch import PerceptualDistance
from protocol import add_shape_arguments, serve
from torch.nn import functional


def main():
    """Builds everything, then makes a step whenever it is asked to."""
    parser = argparse.ArgumentParser(description="Make steps of FastGAN in PyTorch when asked to.")
    add_shape_arguments(parser)
    parser.add_argument("--feature-weights", required=True, help="EfficientNet-Lite0's, a .pth file")
    parser.add_argument("--tuned", action="store_true", help="see `Training`")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--mixed-precision", choices=("bfloat16",), help="what the networks compute in")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_default_device(arguments.device)
    training = Training(arguments.resolution, arguments.width, arguments.feature_weights, tuned=arguments.tuned)
    images = 2 * torch.rand(arguments.batch_size, 3, arguments.resolution, arguments.resolution) - 1
    is_mixed = arguments.mixed_precision is not None
    networks = (training.generator, training.discriminator)
    counts = [sum(parameter.numel() for parameter in network.parameters()) for network in networks]

    def step():
        with torch.autocast(arguments.device, torch.bfloat16, enabled=is_mixed):
            return training.step(images)

    serve(step, counts, f"torch {torch.__version__}")


class Training:
    """Both networks, their optimizers, the distance and the averaged generator.

    Args:
        resolution: side of the images: 64, 128 or 256.
        width: of the networks.
        feature_weights: path of the weights of the perceptual distance.
        tuned: whether to store maps with their channels last, spare the discriminator's gradients in the
            generator's step, and fuse Adam's updates: what somebody adds who looks for speed.
    """

    def __init__(self, resolution, width, feature_weights, *, tuned):
        self.generator, self.discriminator = Generator(resolution, width), Discriminator(resolution, width)
        self.distance = PerceptualDistance(feature_weights)
        self.tuned = tuned
        if tuned:
            for network in (self.generator, self.discriminator, self.distance):
                network.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=tuned)
            for network in (self.generator, self.discriminator)
        ]
        self.small_side = small_side_of(resolution)

    def step(self, images):
        """Makes a step of the discriminator, one of the generator, and moves the average.

        Args:
            images: float32 `[batch, 3, side, side]` in [-1, 1].

        Returns:
            The generator's loss.
        """
        generator_optimizer, discriminator_optimizer = self.optimizers
        reals = augment(images)
        fakes = [augment(fake) for fake in self.generator(torch.randn(len(images), LATENT_SIZE))]
        discriminator_optimizer.zero_grad()
        self.loss_of_reals(reals).backward()
        logits, _ = self.discriminator(*(fake.detach() for fake in fakes))
        functional.relu(margins_like(logits) + logits).mean().backward()
        discriminator_optimizer.step()

        generator_optimizer.zero_grad()
        self.discriminator.requires_grad_(not self.tuned)
        logits, _ = self.discriminator(*fakes)
        loss = -logits.mean()
        loss.backward()
        generator_optimizer.step()
        self.discriminator.requires_grad_(True)
        with torch.no_grad():
            for kept, parameter in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                kept.lerp_(parameter, 0.001)
        return loss.item()

    def loss_of_reals(self, reals):
        """Returns the hinge of augmented real images and what the decoders make of them."""
        logits, maps = self.discriminator(reals, nearest(reals, self.small_side))
        quadrant = random.randrange(4)
        pictures = self.discriminator.reconstruct(maps, quadrant)
        side = pictures.shape[2]
        whole, part = nearest(reals, side), nearest(quadrant_of(reals, quadrant), side)
        distances = self.distance(pictures, torch.cat([whole, whole, part]))
        return functional.relu(margins_like(logits) - logits).mean() + distances.sum()


def margins_like(logits):
    """Draws a margin from U(0.8, 1) for each logit."""
    return 0.8 + 0.2 * torch.rand_like(logits)


def augment(images):
    """Applies DiffAugment's color and translation. Source: Zhao et al. 2020, arXiv:2006.10738."""
    count, _, side, _ = images.shape
    brightness, saturation, contrast = torch.rand(3, count, 1, 1, 1)
    images = images + brightness - 0.5
    mean = images.mean(dim=1, keepdim=True)
    images = (images - mean) * (2 * saturation) + mean
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = (images - mean) * (contrast + 0.5) + mean
    reach = int(side * 0.125 + 0.5)
    padded = functional.pad(images, [reach] * 4)
    places = torch.randint(0, 2 * reach + 1, (count, 2), device="cpu").tolist()  # which a GPU would be waited for
    shifted = [image[:, y : y + side, x : x + side] for image, (y, x) in zip(padded, places, strict=True)]
    return torch.stack(shifted)


if __name__ == "__main__":
    main()
