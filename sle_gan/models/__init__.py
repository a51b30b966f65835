"""The tables of networks: generators, discriminators, and the models of papers, which are one of each and a recipe.

They import no TensorFlow, so that a resolution that a network does not have is told at once; the file of a network is
loaded when it is asked for.
"""

from typing import NamedTuple

from sle_gan.errors import InputError
from sle_gan.models.alphagan_space import SPACE
from sle_gan.models.autogan_genotypes import settle_genotype
from sle_gan.models.rows import ChannelLimits, DiscriminatorRow, GeneratorRow, Recipe
from sle_gan.picture_shape import PictureShape, Resolution

MAPPING_LAYERS, LARGEST_MAPPING = 2, 16  # of generators with styles: usually, and at most
_USUAL_RESOLUTION = 512  # of SLE-GAN, in pixels

GENERATORS = {
    "alphagan": GeneratorRow(
        "sle_gan.models.generators.alphagan", (32, 48, 64), takes=("genotype",), settle_genotype=SPACE.resolve
    ),
    "alphagan-supernet": GeneratorRow("sle_gan.models.generators.alphagan_supernet", (32, 48, 64)),
    "autogan": GeneratorRow(
        "sle_gan.models.generators.autogan", (32, 48, 64), takes=("genotype",), settle_genotype=settle_genotype
    ),
    "biggan": GeneratorRow("sle_gan.models.generators.biggan", (32, 64, 128)),
    "fastgan": GeneratorRow(
        "sle_gan.models.generators.fastgan", (64, 128, 256, 512, 1024), is_remapped=True, any_shape=True
    ),
    "progan": GeneratorRow(
        "sle_gan.models.generators.progan",
        (32, 64, 128, 256, 512, 1024),
        takes=("limits", "variant"),
        grows=True,
    ),
    "sngan": GeneratorRow("sle_gan.models.generators.sngan", (32, 48, 64, 128)),
    "stylegan2": GeneratorRow(
        "sle_gan.models.generators.stylegan2",
        (32, 64, 128, 256, 512, 1024),
        has_styles=True,
        takes=("mapping_layers", "limits"),
        any_shape=True,
    ),
}

DISCRIMINATORS = {
    "autogan": DiscriminatorRow("sle_gan.models.discriminators.autogan", (32, 48, 64), (4, 4, 4)),
    "biggan": DiscriminatorRow("sle_gan.models.discriminators.biggan", (32, 64, 128), (4, 5, 6)),
    "biggan-brock": DiscriminatorRow("sle_gan.models.discriminators.biggan_brock", (64,), (5,)),
    "both": DiscriminatorRow(
        "sle_gan.models.discriminators.both",
        (64, 128, 256, 512, 1024),
        (4, 5, 6, 6, 6),
        has_decoders=True,
        takes=("features",),
        frozen_network="efficientnet-lite0",
        can_be_split=False,
        any_shape=True,
    ),
    "fastgan": DiscriminatorRow(
        "sle_gan.models.discriminators.fastgan",
        (64, 128, 256, 512, 1024),
        (4, 5, 6, 6, 6),
        is_remapped=True,
        has_decoders=True,
        takes=("norm",),
        any_shape=True,
    ),
    "progan": DiscriminatorRow(
        "sle_gan.models.discriminators.progan",
        (32, 64, 128, 256, 512, 1024),
        (3, 4, 5, 6, 7, 8),
        takes=("limits", "variant"),
        grows=True,
    ),
    "projected": DiscriminatorRow(
        "sle_gan.models.discriminators.projected",
        (32, 48, 64, 128, 256, 512, 1024),
        (4, 4, 4, 4, 4, 4, 4),
        takes=("features",),
        frozen_network="efficientnet-lite0",
        any_shape=True,
    ),
    "projected-color": DiscriminatorRow(
        "sle_gan.models.discriminators.projected_color",
        (32, 64, 128, 256, 512, 1024),
        (4, 4, 4, 4, 4, 4),
        takes=("features",),
        frozen_network="efficientnet-lite0",
        can_be_split=False,
        any_shape=True,
    ),
    "sngan": DiscriminatorRow("sle_gan.models.discriminators.sngan", (32, 48, 64, 128), (4, 5, 5, 6)),
    "stylegan2": DiscriminatorRow(
        "sle_gan.models.discriminators.stylegan2",
        (32, 64, 128, 256, 512, 1024),
        (3, 4, 5, 6, 7, 8),
        takes=("limits",),
        any_shape=True,
    ),
}


def limits_of_width(width: int) -> ChannelLimits:
    """Returns the limits that follow from a width, of networks that have limits; the paper's are those of 64."""
    return ChannelLimits(256 * width, 8 * width)


class Pair(NamedTuple):
    """A generator and the discriminator that it is trained with. `sle_gan.models.pairing` joins their networks.

    Attributes:
        generator: its name in `GENERATORS`.
        discriminator: its name in `DISCRIMINATORS`.
    """

    generator: str
    discriminator: str

    @property
    def is_remapped(self) -> bool:
        """Whether TensorFlow's remapper can rewrite a training step of the two."""
        return GENERATORS[self.generator].is_remapped and DISCRIMINATORS[self.discriminator].is_remapped

    @property
    def grows(self) -> bool:
        """Whether both networks hold all sides from 4 px on, so that a training can begin with small pictures."""
        return GENERATORS[self.generator].grows and DISCRIMINATORS[self.discriminator].grows

    @property
    def any_shape(self) -> bool:
        """Whether both networks can be built for images that are not square."""
        return GENERATORS[self.generator].any_shape and DISCRIMINATORS[self.discriminator].any_shape

    @property
    def usual_resolution(self) -> int:
        """The side of images in pixels where none is given: 512, or the largest below that both networks have."""
        ours, theirs = GENERATORS[self.generator].resolutions, DISCRIMINATORS[self.discriminator].resolutions
        return max(side for side in ours if side in theirs and side <= _USUAL_RESOLUTION)

    def describe(self) -> str:
        """Returns the pair in words: one name where both are of the same paper."""
        if self.generator == self.discriminator:
            return self.generator
        return f"the generator of {self.generator} with the discriminator of {self.discriminator}"


class Model(NamedTuple):
    """A row of the table of papers' models.

    Attributes:
        generator: name of its generator in `GENERATORS`.
        discriminator: name of its discriminator in `DISCRIMINATORS`.
        recipe: how its paper trains the two.
        other_recipes: recipes of the images that are not trained by `recipe`, by their shorter side in pixels.
    """

    generator: str
    discriminator: str
    recipe: Recipe
    other_recipes: dict[int, Recipe] = {}  # noqa: RUF012  (nobody writes to it)

    def recipe_at(self, side: int) -> Recipe:
        """Returns the recipe of images whose shorter side has so many pixels."""
        return self.other_recipes.get(side, self.recipe)

    def pair(self, generator: str | None = None, discriminator: str | None = None) -> Pair:
        """Returns the pair that is trained by the model's recipe.

        Args:
            generator: name of another generator; None for the model's own.
            discriminator: name of another discriminator; None for the model's own.
        """
        return Pair(generator or self.generator, discriminator or self.discriminator)


def check_names(generator: str, discriminator: str) -> None:
    """Checks that there are two networks of these names.

    Raises:
        InputError: if there are not.
    """
    for kind, name, table in (("generator", generator, GENERATORS), ("discriminator", discriminator, DISCRIMINATORS)):
        if name not in table:
            raise InputError(f"--{kind} must be one of {', '.join(table)}; got {name}")


def check_pair(generator: str, discriminator: str, resolution: Resolution | PictureShape, channels: int) -> None:
    """Checks that two networks can be trained together.

    What a discriminator is given beside the whole image is made from it where a generator does not draw it, so any two
    networks of the same images go together.

    Args:
        generator: a name in `GENERATORS`.
        discriminator: a name in `DISCRIMINATORS`.
        resolution: side of the images in pixels, or another shape of them.
        channels: of the images.

    Raises:
        InputError: if there is no network of such a name, or one of them has no images of this kind.
    """
    check_names(generator, discriminator)
    pair, rows = Pair(generator, discriminator), (GENERATORS[generator], DISCRIMINATORS[discriminator])
    shape = PictureShape.of(resolution)
    if not (shape.is_square or pair.any_shape):
        generators, discriminators = (
            ", ".join(name for name, row in table.items() if row.any_shape) for table in (GENERATORS, DISCRIMINATORS)
        )
        raise InputError(
            f"--resolution {shape}: pictures of {pair.describe()} are square; those of the generators {generators} "
            f"with the discriminators {discriminators} need not be"
        )
    for flag, attribute, given in (("resolution", "resolutions", shape.side), ("channels", "channels", channels)):
        of_each = [getattr(row, attribute) for row in rows]
        allowed = tuple(value for value in of_each[0] if value in of_each[1])
        if given not in allowed:
            what = "" if shape.is_square or flag == "channels" else "the shorter side of "
            raise InputError(f"{what}--{flag} must be one of {allowed} for {pair.describe()}; got {given}")

    if shape != shape.in_quarters():
        raise InputError(
            f"--resolution {shape}: the longer side must be 4 to 16 quarters of the shorter one, such as "
            f"{shape.in_quarters()}"
        )


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
_SNGAN = Recipe(
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
)
_PROGAN = Recipe(
    width=64,
    batch_size=64,
    n_critic=1,
    loss="wasserstein",
    smallest_margin=1.0,
    r1_share=0.0,
    G_learning_rate=1e-3,
    D_learning_rate=1e-3,
    adam_beta_1=0.0,
    adam_beta_2=0.99,
    ema_decay=0.999,
    ema_kimg=None,
    drift_weight=0.001,
)
_LARGE_BIGGAN = _BIGGAN._replace(width=80, batch_size=256, n_critic=1, G_learning_rate=1e-4, D_learning_rate=4e-4)

MODELS = {
    "alphagan": Model("alphagan", "autogan", _SNGAN, other_recipes={48: _SNGAN._replace(adam_beta_1=0.5)}),
    "autogan": Model("autogan", "autogan", _SNGAN),
    "biggan": Model(
        "biggan", "biggan", _BIGGAN, other_recipes={64: _LARGE_BIGGAN, 128: _LARGE_BIGGAN._replace(width=96)}
    ),
    "fastgan": Model(
        "fastgan",
        "fastgan",
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
    ),
    "progan": Model(
        "progan",
        "progan",
        _PROGAN,
        other_recipes={
            64: _PROGAN._replace(batch_size=32),
            128: _PROGAN._replace(batch_size=16),
            256: _PROGAN._replace(batch_size=8),
            512: _PROGAN._replace(batch_size=4),
            1024: _PROGAN._replace(batch_size=4, G_learning_rate=1.5e-3, D_learning_rate=1.5e-3),
        },
    ),
    "sngan": Model("sngan", "sngan", _SNGAN),
    "stylegan2": Model(
        "stylegan2",
        "stylegan2",
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
    ),
}
