"""Writes a checkpoint of FastGAN as its authors' code does, and what its networks draw and judge.

    python benchmarks/peers/write_checkpoint.py --resolution 256 --width 8 --inputs in.npz --output checkpoint.pth

`in.npz` holds `codes`, float32 `[count, 256]`; `images`, float32 `[count, 3, side, side]` in [-1, 1]; and the maps that
the layers of noise add, `noise0`, `noise1`, ..., float32 `[side, side]` in the order of the network. Beside the
checkpoint it writes one of the same name that ends in `.npz`, all float32: `drawn` and `drawn_average` of the generator
and of its average, `logits` and `reconstructions` of the discriminator.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch
from fastgan_torch import Discriminator, Generator, NoiseInjection, nearest, small_side_of

TRAINED_STEPS = 2


def main():
    """Trains a little, so that no part is as it began, and writes both files."""
    parser = argparse.ArgumentParser(description="Write a checkpoint of FastGAN, and what its networks draw.")
    parser.add_argument("--resolution", type=int, required=True)
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--inputs", type=Path, required=True, help="a file .npz")
    parser.add_argument("--output", type=Path, required=True, help="a file .pth")
    parser.add_argument("--parallel", action="store_true", help="as networks on several devices; the average whole")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    inputs = {name: torch.from_numpy(array) for name, array in np.load(arguments.inputs).items()}
    networks = Generator(arguments.resolution, arguments.width), Discriminator(arguments.resolution, arguments.width)
    optimizers = [torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in networks]
    generator, discriminator = networks
    with torch.no_grad():  # so that pictures have contrast and noise, as those of trained networks
        for layer in generator.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.weight.mul_(2)
            elif isinstance(layer, NoiseInjection):
                layer.weight.normal_(0, 0.3)
    parameters = [parameter.detach().clone() for parameter in generator.parameters()]
    for _ in range(TRAINED_STEPS):
        train(networks, optimizers, inputs)
        for kept, parameter in zip(parameters, generator.parameters(), strict=True):
            kept.lerp_(parameter.detach(), 0.3)
    average = Generator(arguments.resolution, arguments.width)
    average.load_state_dict(generator.state_dict())
    with torch.no_grad():
        for parameter, kept in zip(average.parameters(), parameters, strict=True):
            parameter.copy_(kept)
    prefix = "module." if arguments.parallel else ""
    checkpoint = {name: prefixed(network.state_dict(), prefix) for name, network in zip("gd", networks, strict=True)}
    checkpoint["g_ema"] = prefixed(average.state_dict(), prefix) if arguments.parallel else parameters
    checkpoint |= {f"opt_{name}": one.state_dict() for name, one in zip("gd", optimizers, strict=True)}
    torch.save(checkpoint, arguments.output)
    np.savez(arguments.output.with_suffix(".npz"), **results(generator, average, discriminator, inputs))


def train(networks, optimizers, inputs):
    """Makes a step of each network."""
    generator, discriminator = networks
    images, codes = inputs["images"], inputs["codes"]
    losses = (
        lambda: (generator(codes)[0] - 0.3).abs().sum(),
        lambda: sum(part.abs().sum() for part in judged(discriminator, images)),
    )
    for optimizer, loss in zip(optimizers, losses, strict=True):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def judged(discriminator, images):
    """Returns the logits of images, and the pictures of the decoders, of the last quadrant."""
    logits, maps = discriminator(images, nearest(images, small_side_of(images.shape[2])))
    return logits, discriminator.reconstruct(maps, 3)


@torch.no_grad()
def results(generator, average, discriminator, inputs):
    """Returns what the networks at rest draw with the given noise, and judge, as arrays by name."""
    maps = [inputs[f"noise{number}"] for number in itertools.takewhile(lambda n: f"noise{n}" in inputs, range(100))]
    for network in (generator, average, discriminator):
        network.eval()
    drawn = []
    for network in (generator, average):
        layers = [layer for layer in network.modules() if isinstance(layer, NoiseInjection)]
        for layer, noise in zip(layers, maps, strict=True):
            layer.forward = lambda x, weight=layer.weight, noise=noise: x + weight * noise
        drawn.append(network(inputs["codes"])[0].numpy())
    logits, reconstructions = judged(discriminator, inputs["images"])
    names = "drawn", "drawn_average", "logits", "reconstructions"
    return dict(zip(names, (*drawn, logits.numpy(), reconstructions.numpy()), strict=True))


def prefixed(table, prefix):
    """Returns a state dict with a prefix before every name."""
    return {f"{prefix}{name}": tensor for name, tensor in table.items()}


if __name__ == "__main__":
    main()
