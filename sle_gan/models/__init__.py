"""The networks: each a file with `generator(...)` and `discriminator(...)`.

This table imports no TensorFlow, so that a resolution that a network does not have is told at once; the file
of a network is loaded when it is asked for.
"""

import importlib
from typing import NamedTuple

MAPPING_LAYERS, LARGEST_MAPPING = 2, 16  # of networks with styles: usually, and at most


class Recipe(NamedTuple):
    """How a network's paper trains it; the names are those of the settings, and a flag that is given wins.

    Attributes:
        width: the `width` that its networks are built with.
        batch_size: images in a step of the discriminator.
        n_critic: steps of the discriminator for each step of the generator.
        loss: of both networks, one of `hinge`, `non-saturating`, `wasserstein` and `least-squares`.
        smallest_margin: margins of the hinge are drawn from U(smallest_margin, 1).
        r1_share: the weight of R1 in multiples of (pixels of an image) / (images in a step).
        G_learning_rate: of the generator's Adam.
        D_learning_rate: of the discriminator's Adam.
        adam_beta_1: what both Adams keep of the mean gradient at each step.
        adam_beta_2: what both Adams keep of the mean squared gradient at each step.
        ema_decay: what the averaged generator keeps of itself at each step; None if `ema_kimg` says it.
        ema_kimg: half-life of the averaged generator in thousands of images; None if `ema_decay` says it.
        ema_start: steps for which the averaged generator is a copy, before it averages.
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


class Model(NamedTuple):
    """A row of the table of networks.

    Attributes:
        file: module that builds the networks: `generator(resolution, channels, width, seed, classes)`,
            `discriminator(...)` of the same arguments, `training_graph(generator, discriminator)`,
            `feature_splits(generator, discriminator)` and `discriminator_blocks(discriminator)`. With classes the
            last input of both networks are their one-hot labels.
        resolutions: sides of the images in pixels that it can be built for.
        channels: numbers of channels that it can be built for: 1 (grey), 3 (RGB), 4 (RGBA).
        recipe: how its paper trains it.
        block_counts: for each resolution, how many blocks `discriminator_blocks` tells of.
        is_remapped: whether TensorFlow's remapper, which fuses operations, can rewrite a training step of it. Where
            convolutions with biases are added up it cannot: it prints an error and leaves the step as it is.
        has_styles: whether the file has `styles(generator)`: a space of styles between two parts of the generator,
            whose builder then takes a sixth argument `mapping_layers`.
        other_recipes: recipes of the resolutions that are not trained by `recipe`, by resolution.
    """

    file: str
    resolutions: tuple
    channels: tuple
    recipe: Recipe
    block_counts: tuple
    is_remapped: bool = False
    has_styles: bool = False
    other_recipes: dict = {}  # noqa: RUF012  (nobody writes to it)

    def module(self):
        """Loads the module."""
        return importlib.import_module(self.file)

    def recipe_at(self, resolution):
        """Returns the recipe of a resolution in pixels."""
        return self.other_recipes.get(resolution, self.recipe)


def network_arguments(settings):
    """Returns what the builders of a run's networks, both, are called with: a tuple.

    Args:
        settings: the settings of the run.

    Raises:
        KeyError: if a setting is not there.
    """
    shape = [settings[name] for name in ("resolution", "channels", "width", "seed")]
    return *shape, len(settings.get("class_names") or ())


def generator_arguments(settings):
    """Returns what the builder of a run's generator is called with: those of both builders, and its own.

    Args:
        settings: the settings of the run.

    Raises:
        KeyError: if a setting is not there.
    """
    mapping_layers = settings.get("mapping_layers")
    return network_arguments(settings) + ((mapping_layers,) if mapping_layers else ())


_BIGGAN = Recipe(
    width=256,
    batch_size=50,
    n_critic=4,
    loss="hinge",
    smallest_margin=1.0,
    r1_share=0.0,
    G_learning_rate=2e-4,
    D_learning_rate=2e-4,
    adam_beta_1=0.0,
    adam_beta_2=0.999,
    ema_decay=0.9999,
    ema_kimg=None,
    ema_start=1000,
)
_LARGE_BIGGAN = _BIGGAN._replace(width=80, batch_size=256, n_critic=1, G_learning_rate=1e-4, D_learning_rate=4e-4)


MODELS = {
    "biggan": Model(
        "sle_gan.models.biggan",
        (32, 64, 128),
        (1, 3, 4),
        _BIGGAN,
        block_counts=(4, 5, 6),
        other_recipes={64: _LARGE_BIGGAN, 128: _LARGE_BIGGAN._replace(width=96)},
    ),
    "fastgan": Model(
        "sle_gan.models.fastgan",
        (64, 128, 256, 512, 1024),
        (1, 3, 4),
        Recipe(
            width=64,
            batch_size=8,
            n_critic=1,
            loss="hinge",
            smallest_margin=0.8,
            r1_share=0.0,
            G_learning_rate=2e-4,
            D_learning_rate=2e-4,
            adam_beta_1=0.5,
            adam_beta_2=0.999,
            ema_decay=0.999,
            ema_kimg=None,
        ),
        block_counts=(4, 5, 6, 6, 6),
        is_remapped=True,
    ),
    "sngan": Model(
        "sle_gan.models.sngan",
        (32, 48, 64, 128),
        (1, 3, 4),
        Recipe(
            width=64,
            batch_size=64,
            n_critic=5,
            loss="hinge",
            smallest_margin=1.0,
            r1_share=0.0,
            G_learning_rate=2e-4,
            D_learning_rate=2e-4,
            adam_beta_1=0.0,
            adam_beta_2=0.9,
            ema_decay=0.999,
            ema_kimg=None,
        ),
        block_counts=(4, 5, 5, 6),
    ),
    "stylegan2": Model(
        "sle_gan.models.stylegan2",
        (32, 64, 128, 256, 512, 1024),
        (1, 3, 4),
        Recipe(
            width=64,
            batch_size=16,
            n_critic=1,
            loss="non-saturating",
            smallest_margin=1.0,
            r1_share=0.0002,
            G_learning_rate=0.0025,
            D_learning_rate=0.0025,
            adam_beta_1=0.0,
            adam_beta_2=0.99,
            ema_decay=None,
            ema_kimg=10.0,
        ),
        block_counts=(3, 4, 5, 6, 7, 8),
        has_styles=True,
    ),
}
