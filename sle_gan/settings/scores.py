"""The scores that are measured while a training goes on."""

from dataclasses import dataclass
from typing import ClassVar

from sle_gan.settings.field import RECIPE, Flag, SettingsGroup, setting
from sle_gan.settings.kinds import PATH, POSITIVE, SWITCH, choice
from sle_gan.settings.optimization import AUTO

KID_NETWORKS = ("efficientnet-lite0", "open-nsfw")


def kid_network_of_older_runs(discriminator: object, reconstruction_loss: object) -> str:
    """Returns the network of KID of runs that were begun before it could be chosen: it is no part of their loss."""
    is_in_loss = discriminator == "fastgan" and reconstruction_loss == "perceptual"
    return "open-nsfw" if is_in_loss else "efficientnet-lite0"


@dataclass(frozen=True, kw_only=True)
class ScoreSettings(SettingsGroup):
    """The scores that are measured while a training goes on."""

    title: ClassVar[str] = "scores while it trains"

    kid: bool = setting(
        SWITCH, "KID by a packaged network, also precision, recall, copies, diversity", False, is_free=True
    )
    kid_network: str = setting(
        choice(*KID_NETWORKS),
        "whose features are compared; auto, or nothing given: the first that is no part of the training's loss",
        RECIPE,
        is_free=True,
        flag=Flag(words=(AUTO,)),
    )
    reference_folder: str | None = setting(
        PATH,
        "images that KID and FID compare with, such as a test split; the training images without it",
        None,
        unit="FOLDER",
        is_free=True,
    )
    kid_frequency: int = setting(POSITIVE, "steps between them", 2500, unit="STEPS", is_free=True)
    kid_number_of_images: int = setting(POSITIVE, "drawn for each", 1000, unit="IMAGES", is_free=True)
    keep_best: int = setting(POSITIVE, "generators of the lowest KID that are kept", 1, unit="COUNT", is_free=True)
    fid: bool = setting(SWITCH, "FID by the 2015 Inception, which is fetched if it is not there", False, is_free=True)
    fid_frequency: int = setting(POSITIVE, "steps between them", 10_000, unit="STEPS", is_free=True)
    fid_number_of_images: int = setting(POSITIVE, "drawn for each", 5000, unit="IMAGES", is_free=True)
    inception_weights: str | None = setting(
        PATH, "of the 2015 Inception; the cache folder's, or fetched, without it", None, unit="FILE", is_free=True
    )
