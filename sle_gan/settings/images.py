"""The images: where they are, which are used, and how they are decoded."""

from dataclasses import dataclass
from typing import ClassVar

from PIL import ImageColor

from sle_gan.picture_shape import PictureShape
from sle_gan.settings.field import RECIPE, Flag, SettingsGroup, setting
from sle_gan.settings.kinds import (
    COLOR,
    DECAY,
    DENSITY,
    FROM_ZERO,
    PATH,
    POSITIVE,
    RANGE,
    RESOLUTION,
    SWITCH,
    TEXTS,
    choice,
)


@dataclass(frozen=True, kw_only=True)
class ImageSettings(SettingsGroup):
    """The images: where they are, which are used, and how they are decoded."""

    title: ClassVar[str] = "the images"

    data_folder: str = setting(
        PATH,
        "images, also in sub-folders; or an archive of a data set, and behind it a split",
        unit="FOLDER",
        is_free=True,
    )
    conditional: bool = setting(SWITCH, "draw by class: each sub-folder of the data folder is one", False)
    resolution: int | str = setting(
        RESOLUTION,
        "side of the images in pixels, or width and height such as 384x256, which FastGAN's and StyleGAN2's networks "
        "and the discriminators on a frozen network take; 512 without it, or the largest below that the networks have",
        RECIPE,
        unit="PX",
    )
    channels: int = setting(choice(1, 3, 4), "1 grey, 3 RGB, 4 RGB and alpha", 3, unit="COUNT")
    fit: str = setting(
        choice("crop", "pad", "stretch"),
        "what brings an image to that shape: the middle is cut out, borders are added, or it is stretched",
        "crop",
    )
    background: str = setting(COLOR, "under transparency and around --fit pad", "#ffffff", unit="COLOR")
    range: tuple[float, float] | None = setting(
        RANGE,
        "values of images of more than 8 bits that are black and white; those of the format without it",
        None,
        unit="LOW,HIGH",
    )
    data_ratio: float = setting(DENSITY, "of the images, drawn by --seed, is trained on", 1.0, unit="SHARE")
    data_ratio_by: str = setting(
        choice("all", "class"),
        "what the share is of: all images alike, or with --conditional those of each class",
        "all",
    )
    held_out: float = setting(DECAY, "of the images, to judge the discriminator by alone", 0.0, unit="SHARE")
    strict: bool = setting(
        SWITCH, "end with exit code 2 if a file named like an image cannot be used", False, is_free=True
    )
    flip: bool = setting(SWITCH, "mirror half of the images", True, flag=Flag(is_flip=True), fits_weights=True)
    cache_limit: int = setting(POSITIVE, "decoded images beyond this lie in a file", 4096, unit="MB", is_free=True)
    keep_decoded: int = setting(
        FROM_ZERO,
        "decoded images of large files are kept for later runs, in your cache folder, up to this; 0 for none",
        4096,
        unit="MB",
        is_free=True,
    )
    class_names: tuple[str, ...] = setting(TEXTS, "of the sub-folders, with --conditional", (), flag=None)

    @property
    def shape(self) -> PictureShape:
        """The width and height of the images in pixels."""
        return PictureShape.of(self.resolution)

    @property
    def background_rgb(self) -> tuple[int, int, int]:
        """The color under transparency: red, green and blue, in [0, 255]."""
        red, green, blue = ImageColor.getrgb(self.background)[:3]
        return red, green, blue

    @property
    def cache_limit_bytes(self) -> int:
        """Bytes of decoded images that are held in memory."""
        return self.cache_limit * 2**20
