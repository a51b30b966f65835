"""The devices that train, and what they compute in."""

from dataclasses import dataclass
from typing import ClassVar

from sle_gan.settings.field import Flag, SettingsGroup, setting
from sle_gan.settings.kinds import POSITIVE, choice
from sle_gan.settings.optimization import AUTO

FLOAT32 = "float32"


@dataclass(frozen=True, kw_only=True)
class DeviceSettings(SettingsGroup):
    """The devices that train, and what they compute in."""

    title: ClassVar[str] = "devices and precision"

    strategy: str = setting(
        choice("auto", "one", "mirrored", "multi-worker"),
        "one device, all GPUs of this machine, or those of several machines, which share each batch; auto: all of "
        "this machine that the batch is shared by",
        "auto",
        is_free=True,
    )
    mixed_precision: str | None = setting(
        choice("bfloat16", "float16"),
        "what the networks compute in; their weights, the losses and the averaged generator stay float32; auto, or "
        "nothing given: bfloat16 where a trial of a few steps is 1.3 times as fast in it",
        None,
        flag=Flag(words=(AUTO, FLOAT32)),
        fits_weights=True,
    )
    jit: str = setting(
        choice("auto", "on", "off"),
        "compile the step with XLA; auto: on a GPU, where a trial of a few steps is faster so",
        "auto",
        is_free=True,
    )
    images_on_device: str = setting(
        choice("auto", "on", "off"),
        "keep all images in the memory of the device; auto: on a single GPU, up to 512 MiB of them",
        "auto",
        is_free=True,
    )
    memory_limit: int | None = setting(
        POSITIVE,
        "that a training may take, for --batch-size auto; the GPU's own memory without it",
        None,
        unit="MIB",
        is_free=True,
    )
