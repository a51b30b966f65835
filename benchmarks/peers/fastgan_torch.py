"""FastGAN in plain PyTorch, to time and to compare the one in TensorFlow with: the networks of `sle_gan/models/`.

From 256 px on, its state dicts have the names and shapes of the checkpoints that FastGAN's authors published.

Source: Liu et al. 2021, arXiv:2101.04775. Images are float32 `[batch, channels, side, side]` in [-1, 1] here.
"""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

LATENT_SIZE = 256

# Channels of a map, in multiples of the width, by its side in pixels.
GENERATOR_CHANNELS = {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 1 / 2, 512: 1 / 4, 1024: 1 / 8}
DISCRIMINATOR_CHANNELS = {8: 16, 16: 8, 32: 4, 64: 2, 128: 1, 256: 1 / 2, 512: 1 / 4, 1024: 1 / 8}
DECODER_CHANNELS = {16: 2, 32: 1, 64: 1, 128: 1 / 2}
EXCITED_BY = {64: 4, 128: 8, 256: 16, 512: 32}
NOISY_SIDES = (8, 32, 128, 512)


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
    """Adds `weight * N(0, 1)`, one map per image."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        """Adds the noise to `[batch, channels, height, width]`."""
        count, _, height, width = x.shape
        return x + self.weight * torch.randn(count, 1, height, width)


class Excitation(nn.Module):
    """Skip-layer excitation: scales the channels of a high map by what a low one holds."""

    def __init__(self, channels_low, channels_high):
        super().__init__()
        self.main = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            conv(channels_low, channels_high, 4, padding=0),
            nn.SiLU(),
            conv(channels_high, channels_high, 1),
            nn.Sigmoid(),
        )

    def forward(self, low, high):
        """Returns `high`, scaled."""
        return high * self.main(low)


def up_block(channels_in, channels_out, noisy=False):
    """Builds a block that doubles the side; a noisy one has a second convolution."""
    layers = [nn.Upsample(scale_factor=2, mode="nearest"), conv(channels_in, 2 * channels_out, 3)]
    if noisy:
        layers += [NoiseInjection(), norm(2 * channels_out), nn.GLU(dim=1)]
        layers += [conv(channels_out, 2 * channels_out, 3), NoiseInjection()]
    return nn.Sequential(*layers, norm(2 * channels_out), nn.GLU(dim=1))


class Start(nn.Module):
    """Makes the first map, of 4 px, of a code."""

    def __init__(self, channels_out):
        super().__init__()
        layer = nn.ConvTranspose2d(LATENT_SIZE, 2 * channels_out, 4, bias=False)
        nn.init.normal_(layer.weight, 0.0, 0.02)
        self.init = nn.Sequential(spectral_norm(layer), norm(2 * channels_out), nn.GLU(dim=1))

    def forward(self, codes):
        """Returns `[batch, channels, 4, 4]`."""
        return self.init(codes[:, :, None, None])


class Generator(nn.Module):
    """Latent codes `[batch, 256]` -> a picture and a small one.

    Args:
        resolution: side of the picture: 64, 128, 256, 512 or 1024.
        width: channels of the 128 px map.
    """

    def __init__(self, resolution=256, width=64):
        super().__init__()
        counts = {side: int(share * width) for side, share in GENERATOR_CHANNELS.items()}
        self.init = Start(counts[4])
        self.sides = [side for side in counts if 4 < side <= resolution]
        for side in self.sides:
            self.add_module(f"feat_{side}", up_block(counts[side // 2], counts[side], side in NOISY_SIDES))
            if side in EXCITED_BY:
                self.add_module(f"se_{side}", Excitation(counts[EXCITED_BY[side]], counts[side]))
        self.small_side = small_side_of(resolution)
        self.to_128 = conv(counts[self.small_side], 3, 1)
        self.to_big = conv(counts[resolution], 3, 3)

    def forward(self, codes):
        """Draws."""
        maps = {4: self.init(codes)}
        for side in self.sides:
            x = self.get_submodule(f"feat_{side}")(maps[side // 2])
            maps[side] = self.get_submodule(f"se_{side}")(maps[EXCITED_BY[side]], x) if side in EXCITED_BY else x
        return torch.tanh(self.to_big(maps[self.sides[-1]])), torch.tanh(self.to_128(maps[self.small_side]))


class SmallDownBlock(nn.Module):
    """Halves the side with one convolution."""

    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.main = nn.Sequential(conv(channels_in, channels_out, 4, stride=2), norm(channels_out), nn.LeakyReLU(0.2))

    def forward(self, x):
        """Halves."""
        return self.main(x)


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


class Decoder(nn.Module):
    """Redraws a picture of `side` px from a map."""

    def __init__(self, channels_in, side, width):
        super().__init__()
        layers, count, at = [nn.AdaptiveAvgPool2d(8)], channels_in, 8
        while at < side:
            at *= 2
            count_out = int(DECODER_CHANNELS[at] * width)
            layers.append(up_block(count, count_out))
            count = count_out
        self.main = nn.Sequential(*layers, conv(count, 3, 3), nn.Tanh())

    def forward(self, x):
        """Redraws."""
        return self.main(x)


def entry(resolution, counts):
    """Builds what brings a picture to a map of 256 px; a smaller picture keeps its side."""
    if resolution <= 256:
        return nn.Sequential(conv(3, counts[2 * resolution], 3), nn.LeakyReLU(0.2))
    if resolution == 512:
        return nn.Sequential(conv(3, counts[512], 4, stride=2), nn.LeakyReLU(0.2))
    return nn.Sequential(
        conv(3, counts[1024], 4, stride=2),
        nn.LeakyReLU(0.2),
        conv(counts[1024], counts[512], 4, stride=2),
        norm(counts[512]),
        nn.LeakyReLU(0.2),
    )


def quadrant_of(images, quadrant):
    """Returns one quarter, 0 to 3 in reading order, of `[batch, channels, side, side]`."""
    half = images.shape[2] // 2
    top, left = (half * part for part in divmod(quadrant, 2))
    return images[:, :, top : top + half, left : left + half]


class Discriminator(nn.Module):
    """A picture and a small one -> logits `[batch, 50]`, with the decoders that training uses.

    Args:
        resolution: side of the picture: 64, 128, 256, 512 or 1024.
        width: channels of the entry map at 128 px.
    """

    def __init__(self, resolution=256, width=64):
        super().__init__()
        counts = {side: int(share * width) for side, share in DISCRIMINATOR_CHANNELS.items()}
        self.entry_side = min(resolution, 256)
        self.down_from_big = entry(resolution, counts)
        self.sides = [self.entry_side >> power for power in range(1, 10) if self.entry_side >> power >= 8]
        for side in self.sides:
            self.add_module(f"down_{512 // side}", DownBlock(counts[4 * side], counts[2 * side]))
            if 8 * side <= self.entry_side:
                self.add_module(excitation_name(side), Excitation(counts[16 * side], counts[2 * side]))
        self.rf_big = nn.Sequential(
            conv(counts[16], counts[8], 1), norm(counts[8]), nn.LeakyReLU(0.2), conv(counts[8], 1, 4, padding=0)
        )
        small_side = small_side_of(resolution) // 2
        small = [conv(3, counts[4 * small_side], 4, stride=2), nn.LeakyReLU(0.2)]
        while small_side > 8:
            small_side //= 2
            small.append(SmallDownBlock(counts[8 * small_side], counts[4 * small_side]))
        self.down_from_small = nn.Sequential(*small)
        self.rf_small = conv(counts[32], 1, 4, padding=0)
        picture_side = min(128, resolution)
        self.decoder_big = Decoder(counts[16], picture_side, width)
        self.decoder_part = Decoder(counts[32], picture_side, width)
        self.decoder_small = Decoder(counts[32], picture_side, width)

    def forward(self, image, small_image):
        """Returns the logits, and the maps that `reconstruct` takes."""
        maps = {self.entry_side: self.down_from_big(image)}
        for side in self.sides:
            x = self.get_submodule(f"down_{512 // side}")(maps[2 * side])
            maps[side] = self.get_submodule(excitation_name(side))(maps[8 * side], x) if 8 * side in maps else x
        small = self.down_from_small(small_image)
        logits = torch.cat([self.rf_big(maps[8]).flatten(1), self.rf_small(small).flatten(1)], dim=1)
        return logits, (maps[8], small, maps[16])

    def reconstruct(self, maps, quadrant):
        """Redraws the picture from the last map and the small branch's, and a quadrant of it from the 16x16 map."""
        last, small, middle = maps
        part = quadrant_of(middle, quadrant)
        return torch.cat([self.decoder_big(last), self.decoder_small(small), self.decoder_part(part)])


def excitation_name(side):
    """Names what scales the map of `side` px by the map eight times as large, as published: by 512 over the sides."""
    return f"se_{64 // side}_{512 // side}"


def nearest(images, side):
    """Brings images down to `side` by taking every k-th pixel."""
    return functional.interpolate(images, size=side, mode="nearest")
