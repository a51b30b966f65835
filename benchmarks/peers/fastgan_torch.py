"""FastGAN in plain PyTorch, to time the one in TensorFlow against: the networks of `sle_gan/models/`.

Source: Liu et al. 2021, arXiv:2101.04775. Images are float32 `[batch, channels, side, side]` in [-1, 1] here.
"""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

LATENT_SIZE = 256

# Channels of a map, in multiples of the width, by its side in pixels.
GENERATOR_CHANNELS = {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 1 / 2}
DISCRIMINATOR_CHANNELS = {8: 16, 16: 8, 32: 4, 64: 2, 128: 1, 256: 1 / 2, 512: 1 / 4}
DECODER_CHANNELS = {16: 2, 32: 1, 64: 1, 128: 1 / 2}
EXCITED_BY = {64: 4, 128: 8, 256: 16}
NOISY_SIDES = (8, 32, 128)


def small_side_of(resolution):
    """Returns the side in pixels of the picture that the discriminator's small branch sees."""
    return min(128, resolution // 2)


def conv(channels_in, channels_out, size, stride=1, padding=None):
    """Builds a spectrally normalized convolution without bias, padded so that it keeps or divides the side."""
    padding = (size - 1) // 2 if padding is None else padding
    layer = nn.Conv2d(channels_in, channels_out, size, stride, padding, bias=False)
    nn.init.normal_(layer.weight, 0.0, 0.02)
    return spectral_norm(layer)


def norm(channels):
    """Builds batch normalization with gains around 1."""
    layer = nn.BatchNorm2d(channels)
    nn.init.normal_(layer.weight, 1.0, 0.02)
    return layer


class NoiseInjection(nn.Module):
    """Adds `scale * N(0, 1)`, one map per image."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        """Adds the noise to `[batch, channels, height, width]`."""
        count, _, height, width = x.shape
        return x + self.scale * torch.randn(count, 1, height, width)


class Excitation(nn.Module):
    """Skip-layer excitation: scales the channels of a high map by what a low one holds."""

    def __init__(self, channels_low, channels_high):
        super().__init__()
        self.gates = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            conv(channels_low, channels_high, 4, padding=0),
            nn.SiLU(),
            conv(channels_high, channels_high, 1),
            nn.Sigmoid(),
        )

    def forward(self, low, high):
        """Returns `high`, scaled."""
        return high * self.gates(low)


def up_block(channels_in, channels_out, noisy=False):
    """Builds a block that doubles the side; a noisy one has a second convolution."""
    layers = [nn.Upsample(scale_factor=2, mode="nearest"), conv(channels_in, 2 * channels_out, 3)]
    if noisy:
        layers += [NoiseInjection(), norm(2 * channels_out), nn.GLU(dim=1)]
        layers += [conv(channels_out, 2 * channels_out, 3), NoiseInjection()]
    return nn.Sequential(*layers, norm(2 * channels_out), nn.GLU(dim=1))


class Generator(nn.Module):
    """Latent codes `[batch, 256]` -> a picture and a small one.

    Args:
        resolution: side of the picture: 64, 128 or 256.
        width: channels of the 128 px map.
    """

    def __init__(self, resolution=256, width=64):
        super().__init__()
        counts = {side: int(share * width) for side, share in GENERATOR_CHANNELS.items()}
        start = nn.ConvTranspose2d(LATENT_SIZE, 2 * counts[4], 4, bias=False)
        nn.init.normal_(start.weight, 0.0, 0.02)
        self.start = nn.Sequential(spectral_norm(start), norm(2 * counts[4]), nn.GLU(dim=1))
        self.sides = [side for side in counts if 4 < side <= resolution]
        self.blocks = nn.ModuleDict(
            {str(side): up_block(counts[side // 2], counts[side], side in NOISY_SIDES) for side in self.sides}
        )
        self.excite = nn.ModuleDict(
            {str(side): Excitation(counts[EXCITED_BY[side]], counts[side]) for side in self.sides if side in EXCITED_BY}
        )
        self.small_side = small_side_of(resolution)
        self.small_rgb = nn.Sequential(conv(counts[self.small_side], 3, 1), nn.Tanh())
        self.rgb = nn.Sequential(conv(counts[resolution], 3, 3), nn.Tanh())

    def forward(self, codes):
        """Draws."""
        maps = {4: self.start(codes[:, :, None, None])}
        for side in self.sides:
            x = self.blocks[str(side)](maps[side // 2])
            maps[side] = self.excite[str(side)](maps[EXCITED_BY[side]], x) if side in EXCITED_BY else x
        return self.rgb(maps[self.sides[-1]]), self.small_rgb(maps[self.small_side])


class DownBlock(nn.Module):
    """Halves the side: the mean of two convolutions and of a pooled shortcut."""

    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.main = nn.Sequential(
            conv(channels_in, channels_out, 4, stride=2),
            norm(channels_out),
            nn.LeakyReLU(0.2),
            conv(channels_out, channels_out, 3),
            norm(channels_out),
            nn.LeakyReLU(0.2),
        )
        self.direct = nn.Sequential(
            nn.AvgPool2d(2), conv(channels_in, channels_out, 1), norm(channels_out), nn.LeakyReLU(0.2)
        )

    def forward(self, x):
        """Halves."""
        return (self.main(x) + self.direct(x)) / 2


def decoder(channels_in, side, width):
    """Builds what redraws a picture of `side` px from a map."""
    layers, count, at = [nn.AdaptiveAvgPool2d(8)], channels_in, 8
    while at < side:
        at *= 2
        count_out = int(DECODER_CHANNELS[at] * width)
        layers.append(up_block(count, count_out))
        count = count_out
    return nn.Sequential(*layers, conv(count, 3, 3), nn.Tanh())


def quadrant_of(images, quadrant):
    """Returns one quarter, 0 to 3 in reading order, of `[batch, channels, side, side]`."""
    half = images.shape[2] // 2
    top, left = (half * part for part in divmod(quadrant, 2))
    return images[:, :, top : top + half, left : left + half]


class Discriminator(nn.Module):
    """A picture and a small one -> logits `[batch, 50]`, with the decoders that training uses.

    Args:
        resolution: side of the picture: 64, 128 or 256.
        width: channels of the entry map at 128 px.
    """

    def __init__(self, resolution=256, width=64):
        super().__init__()
        counts = {side: int(share * width) for side, share in DISCRIMINATOR_CHANNELS.items()}
        self.entry_side = resolution
        self.entry = nn.Sequential(conv(3, counts[2 * resolution], 3), nn.LeakyReLU(0.2))
        self.sides = [resolution >> power for power in range(1, 10) if resolution >> power >= 8]
        down = {str(side): DownBlock(counts[4 * side], counts[2 * side]) for side in self.sides}
        self.down = nn.ModuleDict(down)
        self.excite = nn.ModuleDict(
            {
                str(side): Excitation(counts[16 * side], counts[2 * side])
                for side in self.sides
                if 8 * side <= resolution
            }
        )
        self.head = nn.Sequential(
            conv(counts[16], counts[8], 1), norm(counts[8]), nn.LeakyReLU(0.2), conv(counts[8], 1, 4, padding=0)
        )
        small_side = small_side_of(resolution) // 2
        small = [conv(3, counts[4 * small_side], 4, stride=2), nn.LeakyReLU(0.2)]
        while small_side > 8:
            small_side //= 2
            count = counts[4 * small_side]
            small += [conv(counts[8 * small_side], count, 4, stride=2), norm(count), nn.LeakyReLU(0.2)]
        self.small = nn.Sequential(*small)
        self.small_head = conv(counts[32], 1, 4, padding=0)
        picture_side = min(128, resolution)
        self.decode = decoder(counts[16], picture_side, width)
        self.decode_small = decoder(counts[32], picture_side, width)
        self.decode_part = decoder(counts[32], picture_side, width)

    def forward(self, image, small_image):
        """Returns the logits, and the maps that `reconstruct` takes."""
        maps = {self.entry_side: self.entry(image)}
        for side in self.sides:
            x = self.down[str(side)](maps[2 * side])
            maps[side] = self.excite[str(side)](maps[8 * side], x) if 8 * side in maps else x
        small = self.small(small_image)
        logits = torch.cat([self.head(maps[8]).flatten(1), self.small_head(small).flatten(1)], dim=1)
        return logits, (maps[8], small, maps[16])

    def reconstruct(self, maps, quadrant):
        """Redraws the picture from the last map and the small branch's, and a quadrant of it from the 16x16 map."""
        last, small, middle = maps
        part = quadrant_of(middle, quadrant)
        return torch.cat([self.decode(last), self.decode_small(small), self.decode_part(part)])


def nearest(images, side):
    """Brings images down to `side` by taking every k-th pixel."""
    return functional.interpolate(images, size=side, mode="nearest")
