"""What the tables of networks say of each: where it is built, for which images, what methods can ask of it.

Imports no TensorFlow.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any, NamedTuple

from sle_gan.picture_shape import PictureShape, Resolution

if TYPE_CHECKING:
    from types import ModuleType

    import tf_keras as keras


class Recipe(NamedTuple):
    """How a model's paper trains it; the names are those of the settings, and a flag that is given wins.

    Attributes:
        width: the `width` that its networks are built with.
        batch_size: images in a step of the discriminator.
        n_critic: steps of the discriminator for each step of the generator.
        loss: of both networks, one of those of `sle_gan.training.losses`.
        smallest_margin: margins of the hinge are drawn from U(smallest_margin, 1).
        r1_share: the weight of R1 in multiples of (pixels of an image) / (images in a step).
        G_learning_rate: of the generator's Adam.
        D_learning_rate: of the discriminator's Adam.
        adam_beta_1: what both Adams keep of the mean gradient at each step.
        adam_beta_2: what both Adams keep of the mean squared gradient at each step.
        ema_decay: what the averaged generator keeps of itself at each step; None if `ema_kimg` says it.
        ema_kimg: half-life of the averaged generator in thousands of images; None if `ema_decay` says it.
        ema_start: steps for which the averaged generator is a copy, before it averages.
        drift_weight: of the mean squared logit of reals in the discriminator's loss.
    """

    width: int
    batch_size: int
    n_critic: int
    loss: str
    smallest_margin: float
    r1_share: float
    G_learning_rate: float
    D_learning_rate: float
    adam_beta_1: float
    adam_beta_2: float
    ema_decay: float | None
    ema_kimg: float | None
    ema_start: int = 0
    drift_weight: float = 0.0


class ChannelLimits(NamedTuple):
    """How many channels the maps of a network have, whose number halves as their side doubles.

    Attributes:
        base: channels of a map of 1 px, were there no limit.
        largest: the most that any map has.
    """

    base: int
    largest: int

    def at(self, side: int) -> int:
        """Returns the channels of a map of `side` pixels."""
        return min(self.base // side, self.largest)


class FeatureOptions(NamedTuple):
    """How a discriminator looks through a frozen network.

    Attributes:
        side_px: side that images are brought to before, a multiple of 32, 64 at least.
        share: between 0 and 1, what the heads on it have of the gradient at the generator's pictures, where another
            discriminator stands beside them.
    """

    side_px: int
    share: float


USUAL_FEATURES = FeatureOptions(side_px=128, share=0.9)


class NetworkOptions(NamedTuple):
    """What some networks are built from beside the shape of their images; None for what is usual.

    Attributes:
        mapping_layers: of a generator with styles.
        limits: of the channels, in place of those that follow from the width.
        genotype: what a generator that was searched is made of, as its row settles it.
        features: how a discriminator looks through a frozen network, if it does.
        variant: of networks that two papers build differently.
        norm: what a discriminator normalizes its maps by.
    """

    mapping_layers: int | None = None
    limits: ChannelLimits | None = None
    genotype: str | None = None
    features: FeatureOptions | None = None
    variant: str | None = None
    norm: str | None = None

    def given(self, takes: Container[str]) -> dict[str, Any]:
        """Returns those of the options that are not None, by name, of a network that takes options of some names."""
        return {name: value for name, value in self._asdict().items() if name in takes and value is not None}


_USUAL = NetworkOptions()


class GeneratorRow(NamedTuple):
    """A row of the table of generators.

    Attributes:
        file: module with `generator(resolution, channels, width, seed, classes)`, `training_graph(generator)` and
            `feature_split(generator)`. With classes the last input is their one-hot labels.
        resolutions: sides of the images in pixels that it can be built for; of other shapes, the shorter side.
        channels: numbers of channels that it can be built for: 1 (grey), 3 (RGB), 4 (RGBA).
        is_remapped: whether TensorFlow's remapper, which fuses operations, can rewrite a training step of it. Where
            convolutions with biases are added up it cannot: it prints an error and leaves the step as it is.
        has_styles: whether the file has `styles(generator)`, `style_scales(generator)` and `first_layer_from(side)`: a
            space of styles between two parts of the network.
        takes: names of the `NetworkOptions` that its builder takes.
        grows: whether it holds all sides from 4 px on, and the file has `graph_of_side(generator, side)`.
        any_shape: whether it can be built for images that are not square: see `check_shape`.
        settle_genotype: of a generator that takes a genotype, function of what a user names of it, None for the usual
            one -> the genotype as settings hold it and its builder takes it. Raises an `InputError` if there is none.
    """

    file: str
    resolutions: tuple[int, ...]
    channels: tuple[int, ...] = (1, 3, 4)
    is_remapped: bool = False
    has_styles: bool = False
    takes: tuple[str, ...] = ()
    grows: bool = False
    any_shape: bool = False
    settle_genotype: Callable[[str | None], str] | None = None

    def module(self) -> ModuleType:
        """Loads the file."""
        return importlib.import_module(self.file)

    def build(
        self,
        resolution: Resolution,
        channels: int,
        width: int,
        seed: int,
        classes: int = 0,
        options: NetworkOptions = _USUAL,
    ) -> keras.Model:
        """Builds the generator.

        Args:
            resolution: side of the images in pixels, one of `resolutions`, or width and height such as `384x256`.
            channels: one of `channels`.
            width: what all numbers of channels are multiples of, itself a multiple of 8.
            seed: of the initial weights.
            classes: number of classes; 0 without.
            options: of which it is given those that it takes.

        Returns:
            A functional model: float32 codes `[batch, size]`, with classes and one-hot labels float32
            `[batch, classes]`, -> float32 images `[batch, height, width, channels]` in [-1, 1].

        Raises:
            ValueError: if it cannot be built so.
        """
        return self.module().generator(resolution, channels, width, seed, classes, **options.given(self.takes))


class DiscriminatorRow(NamedTuple):
    """A row of the table of discriminators.

    Attributes:
        file: module with `discriminator(resolution, channels, width, seed, classes)`, `training_graph(discriminator)`,
            `feature_split(discriminator)` and `discriminator_blocks(discriminator)`. With classes the last input is
            their one-hot labels.
        resolutions: sides of the images in pixels that it can be built for; of other shapes, the shorter side.
        block_counts: for each resolution, how many blocks `discriminator_blocks` lists.
        channels: numbers of channels that it can be built for: 1 (grey), 3 (RGB), 4 (RGBA).
        is_remapped: as that of a generator.
        takes: as that of a generator.
        has_decoders: whether `training_graph` holds decoders, which redraw the images from the discriminator's maps.
        frozen_network: name in `sle_gan.pretrained.NETWORKS` of the frozen network that it looks through; empty if
            it does not.
        can_be_split: whether the file has `feature_split`.
        grows: as that of a generator.
        any_shape: as that of a generator.
    """

    file: str
    resolutions: tuple[int, ...]
    block_counts: tuple[int, ...]
    channels: tuple[int, ...] = (1, 3, 4)
    is_remapped: bool = False
    takes: tuple[str, ...] = ()
    has_decoders: bool = False
    frozen_network: str = ""
    can_be_split: bool = True
    grows: bool = False
    any_shape: bool = False

    @property
    def has_features(self) -> bool:
        """Whether it looks through a frozen network."""
        return bool(self.frozen_network)

    def module(self) -> ModuleType:
        """Loads the file."""
        return importlib.import_module(self.file)

    def build(
        self,
        resolution: Resolution,
        channels: int,
        width: int,
        seed: int,
        classes: int = 0,
        options: NetworkOptions = _USUAL,
    ) -> keras.Model:
        """Builds the discriminator.

        Args:
            resolution: side of the images in pixels, one of `resolutions`, or width and height such as `384x256`.
            channels: one of `channels`.
            width: what all numbers of channels are multiples of, itself a multiple of 8.
            seed: of the initial weights.
            classes: number of classes; 0 without.
            options: of which it is given those that it takes.

        Returns:
            A functional model: float32 images `[batch, height, width, channels]` in [-1, 1], with classes and
            one-hot labels float32 `[batch, classes]`, -> float32 logits `[batch, patches]`.

        Raises:
            ValueError: if it cannot be built so.
        """
        return self.module().discriminator(resolution, channels, width, seed, classes, **options.given(self.takes))

    def block_count(self, side: int) -> int:
        """Returns how many blocks it has for images of a side in pixels, one of `resolutions`."""
        return self.block_counts[self.resolutions.index(side)]


def check_shape(
    row: GeneratorRow | DiscriminatorRow, resolution: Resolution | PictureShape, channels: int, width: int
) -> PictureShape:
    """Checks what the builder of a network is called with.

    Args:
        row: of the network.
        resolution: side of the images in pixels, or another shape of them.
        channels: of the images.
        width: what all numbers of channels are multiples of.

    Returns:
        The shape of the images.

    Raises:
        ValueError: if one of them is not allowed.
    """
    shape = PictureShape.of(resolution)
    if shape.side not in row.resolutions or not (shape.is_square or row.any_shape):
        raise ValueError(f"resolution must be one of {row.resolutions}; got {resolution}")
    if shape != shape.in_quarters():
        raise ValueError(f"the longer side must be 4 to 16 quarters of the shorter one; got {shape}")
    if channels not in row.channels:
        raise ValueError(f"channels must be one of {row.channels}; got {channels}")
    if width < 8 or width % 8:
        raise ValueError(f"width must be a positive multiple of 8; got {width}")
    return shape
