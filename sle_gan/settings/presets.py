"""The settings of papers by name: what a preset fills in where nothing is given."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sle_gan.errors import InputError
from sle_gan.settings.devices import FLOAT32


class Preset(NamedTuple):
    """A paper's setting.

    Attributes:
        source: the paper.
        settings: values by the names of settings; what is not named is as without a preset.
    """

    source: str
    settings: dict[str, Any]


_EITHER = ({"steps", "epochs", "hours"}, {"ema_decay", "ema_kimg"})  # of each, one alone can be given

_ARITHMETIC = {"mixed_precision": FLOAT32}  # of all papers

_FASTGAN = {"model": "fastgan", "steps": 50_000, "rates": "paper"}
_SNGAN_CIFAR10 = {"model": "sngan", "resolution": 32, "steps": 50_000, "diff_augment": None, "flip": False}
_AUTOGAN_CIFAR10 = {"model": "autogan", "resolution": 32, "diff_augment": None, "flip": False}
_ALPHAGAN = {"model": "alphagan", "diff_augment": None, "flip": False}
_STYLEGAN2_256 = {"model": "stylegan2", "resolution": 256, "mapping_layers": 8}
_RATES_002 = {"G_learning_rate": 0.002, "D_learning_rate": 0.002}
_STYLEGAN2_FEWSHOT = (
    _STYLEGAN2_256
    | _RATES_002
    | {
        "steps": 40_000,
        "batch_size": 32,
        "channel_base": 32_768,
        "channel_max": 512,
        "r1_gamma": 10.0,
        "path_length_weight": 2.0,
        "path_length_interval": 4,
        "ema_ramp": 0.0,
        "diff_augment": None,
    }
)
_BIGGAN_CIFAR10 = {"model": "biggan", "resolution": 32, "conditional": True}
_BIGGAN_CIFAR10_TENTH = _BIGGAN_CIFAR10 | {"epochs": 5000, "data_ratio": 0.1}
_DIGGAN_CIFAR10_TENTH = _BIGGAN_CIFAR10_TENTH | {"epochs": 10_000, "dig_interval": 4, "dig_smoothing": True}
_DIGGAN = "Fang, Sun & Schwing 2022, arXiv:2211.14694"

PRESETS: dict[str, Preset] = {
    "sngan-cifar10": Preset("Miyato et al. 2018, arXiv:1802.05957", _SNGAN_CIFAR10),
    "sngan-cifar10-10pct": Preset("Chen et al., NeurIPS 2021, arXiv:2103.00397", _SNGAN_CIFAR10 | {"data_ratio": 0.1}),
    "advaug-sngan-cifar10-10pct": Preset(
        "Chen et al., NeurIPS 2021, arXiv:2103.00397",
        _SNGAN_CIFAR10 | {"data_ratio": 0.1, "adv_augment": True, "adv_gamma": 0.01, "adv_steps": 1},
    ),
    "regan-sngan-cifar10-10pct": Preset(
        "Saxena et al., CVPR 2023",
        {
            "model": "sngan",
            "resolution": 32,
            "epochs": 1000,
            "diff_augment": None,
            "flip": False,
            "data_ratio": 0.1,
            "reconfigure": True,
            "sparsity": 0.3,
            "reconfigure_warmup": 200,
            "reconfigure_interval": 100,
            "reconfigure_unit": "epochs",
            "prune_scope": "all",
        },
    ),
    "autogan-cifar10": Preset("Gong et al. 2019, arXiv:1908.03835", _AUTOGAN_CIFAR10 | {"steps": 50_000}),
    "autogan-stl10": Preset(
        "Gong et al. 2019, arXiv:1908.03835", _AUTOGAN_CIFAR10 | {"resolution": 48, "steps": 50_000}
    ),
    "alphagan-cifar10": Preset("Tian et al. 2021, arXiv:2006.09134", _ALPHAGAN | {"resolution": 32, "steps": 50_000}),
    "alphagan-stl10": Preset(
        "Tian et al. 2021, arXiv:2006.09134",
        _ALPHAGAN | {"resolution": 48, "steps": 80_000, "adam_beta_1": 0.5},
    ),
    "regan-autogan-cifar10": Preset(
        "Saxena et al., CVPR 2023",
        _AUTOGAN_CIFAR10
        | {
            "epochs": 200,
            "reconfigure": True,
            "sparsity": 0.3,
            "reconfigure_warmup": 100,
            "reconfigure_interval": 5,
            "reconfigure_unit": "epochs",
            "prune_scope": "all",
        },
    ),
    "progan-cifar10": Preset(
        "Karras et al. 2018, arXiv:1710.10196",
        {
            "model": "progan",
            "resolution": 32,
            "steps": 1_250_000,  # 20 million images
            "batch_size": 16,
            "growth_images": 400_000,
            "channel_base": 8192,
            "channel_max": 128,
            "gradient_target": 750.0,
            "diff_augment": None,
            "flip": False,
        },
    ),
    "regan-progan-cifar10-10pct": Preset(
        "Saxena et al., CVPR 2023",
        {
            "model": "progan",
            "progan_variant": "regan",
            "resolution": 32,
            "epochs": 206,  # 6 of growing, and 200 of 32 px
            "ema_decay": 0.0,
            "diff_augment": None,
            "flip": False,
            "data_ratio": 0.1,
            "reconfigure": True,
            "sparsity": 0.3,
            "reconfigure_warmup": 10,
            "reconfigure_interval": 10,
            "reconfigure_unit": "epochs",
            "prune_scope": "all",
        },
    ),
    "stugan-sngan": Preset(
        "Liu et al. 2022, STU-GAN",
        _SNGAN_CIFAR10
        | {
            "sparse_from_scratch": True,
            "generator_density": 0.2,
            "discriminator_density": 0.3,
            "layer_densities": "erdos-renyi-kernel",
            "exploration": "stu",
            "exploration_interval": 1000,
        },
    ),
    "fastgan-fewshot-256": Preset(
        "Liu et al. 2021, arXiv:2101.04775",
        _FASTGAN | {"resolution": 256, "diff_augment": "color,translation"},
    ),
    "sle-gan": Preset("Liu et al. 2021, arXiv:2101.04775", _FASTGAN),
    "projected-fewshot-256": Preset(
        "Sauer et al. 2021, arXiv:2111.01007",
        {
            "model": "fastgan",
            "discriminator": "projected",
            "resolution": 256,
            "steps": 15_625,  # a million images
            "batch_size": 64,
            "smallest_margin": 1.0,
            "rates": "paper",
            "adam_beta_1": 0.0,
            "adam_beta_2": 0.99,
            "ema_kimg": 20.0,
            "diff_augment": "color,translation,cutout",
            "diff_cutout": 0.2,
        },
    ),
    "stylegan2-diffaugment-100shot": Preset(
        "Zhao et al. 2020, arXiv:2006.10738",
        _STYLEGAN2_256
        | _RATES_002
        | {
            "steps": 18_750,  # 300,000 images
            "batch_size": 16,
            "r1_gamma": 10.0,
            "r1_interval": 1,
            "r1_on": "before",
            "ema_start": 625,  # 10,000 images
            "ema_ramp": 0.0,
            "diff_augment": "color,translation,cutout",
        },
    ),
    "stylegan2-ada-256": Preset(
        "Karras et al. 2020, arXiv:2006.06676",
        _STYLEGAN2_256
        | {
            "steps": 390_625,  # 25 million images
            "batch_size": 64,
            "r1_gamma": 1.0,
            "r1_on": "before",
            "path_length_weight": 2.0,
            "ema_kimg": 20.0,
            "ema_ramp": 0.0,
            "flip": False,
            "augment": "ada",
            "augment_target": 0.6,
            "augment_speed": 500.0,
            "augment_pipe": "bgc",
        },
    ),
    "stylegan2-fewshot-256": Preset("Saxena et al., CVPR 2023", _STYLEGAN2_FEWSHOT),
    "regan-stylegan2-256": Preset(
        "Saxena et al., CVPR 2023",
        _STYLEGAN2_FEWSHOT
        | {
            "reconfigure": True,
            "sparsity": 0.3,
            "reconfigure_warmup": 10_000,
            "reconfigure_interval": 5000,
            "prune_scope": "all-but-rgb",
        },
    ),
    "biggan-cifar10-diffaugment": Preset(
        "Zhao et al. 2020, arXiv:2006.10738",
        _BIGGAN_CIFAR10 | {"epochs": 1000, "diff_augment": "translation,cutout"},
    ),
    "biggan-cifar10-10pct-diffaugment": Preset(
        "Zhao et al. 2020, arXiv:2006.10738",
        _BIGGAN_CIFAR10_TENTH | {"diff_augment": "translation,cutout"},
    ),
    "diggan-biggan-cifar10-10pct": Preset(
        _DIGGAN, _DIGGAN_CIFAR10_TENTH | {"diff_augment": None, "dig_weight": 10_000.0}
    ),
    "diggan-biggan-cifar10-10pct-diffaugment": Preset(
        _DIGGAN, _DIGGAN_CIFAR10_TENTH | {"diff_augment": "translation,cutout", "dig_weight": 1000.0}
    ),
}


def with_preset(name: str, given: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Fills in what a preset says and nobody gave.

    Args:
        name: of the preset.
        given: settings by name.

    Returns:
        The settings by name, and what the preset filled in of them.

    Raises:
        InputError: if there is no such preset.
    """
    if name not in PRESETS:
        raise InputError(f"--preset must be one of {', '.join(sorted(PRESETS))}; got {name}")
    filled = {
        setting: value
        for setting, value in (PRESETS[name].settings | _ARITHMETIC).items()
        if setting not in given and not any(setting in either and either & given.keys() for either in _EITHER)
    }
    return {**given, **filled}, filled


def describe_preset(name: str, filled: Mapping[str, object]) -> str:
    """Returns a line of text: the preset, its source, and the flags that it filled in."""
    flags = ", ".join(f"{setting.replace('_', '-')} {_describe(value)}" for setting, value in filled.items())
    return f"preset {name} ({PRESETS[name].source}): {flags}"


def _describe(value: object) -> object:
    if value is None or value is False:
        return "off"
    return "on" if value is True else value
