"""From what is given of a training to its settings: the recipe of the network, times, and checks. No TensorFlow."""

import difflib
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sle_gan.cluster import Cluster, check_shares, read_cluster
from sle_gan.errors import InputError
from sle_gan.evaluation import FEWEST_IMAGES
from sle_gan.evaluation.judges import judge_for
from sle_gan.models import (
    DISCRIMINATORS,
    GENERATORS,
    LARGEST_MAPPING,
    MAPPING_LAYERS,
    MODELS,
    Model,
    Pair,
    check_names,
    check_pair,
    limits_of_width,
)
from sle_gan.models.rates import choose_rates
from sle_gan.models.rows import USUAL_FEATURES
from sle_gan.models.weight_files import check_weights_file
from sle_gan.picture_shape import PictureShape
from sle_gan.search.rounds import settle_search
from sle_gan.settings.augmentation import check_augmentation, fill_augmentation
from sle_gan.settings.devices import FLOAT32, DeviceSettings
from sle_gan.settings.field import accept, flag_name
from sle_gan.settings.network import NetworkSettings
from sle_gan.settings.optimization import AUTO
from sle_gan.settings.sparsity import TicketSettings, check_sparsity, resolve_warmup_epoch
from sle_gan.settings.train import DEFAULTS, GIVABLE, TrainSettings
from sle_gan.sparsity.times import resolve_times
from sle_gan.training.growth import settle_growth

_GRADIENT_PENALTY_OF_WASSERSTEIN = 10.0
_DIG_INTERVAL = 4
_OPTIONS = {  # settings, what networks take
    "channel_base": "limits",
    "channel_max": "limits",
    "genotype": "genotype",
    "progan_variant": "variant",
    "discriminator_norm": "norm",
}


def resolve(
    given: Mapping[str, object], image_count: int | None = None, class_names: Sequence[str] = ()
) -> TrainSettings:
    """Fills in what was not given: from the recipe of the network's paper, and from the number of images.

    Args:
        given: settings by name, whatever their concern, and what methods are asked for by, such as `find_ticket`.
        image_count: number of images that are trained on; lengths in epochs and the phases of pruning follow from it.
        class_names: of the sub-folders, where images are drawn by class.

    Raises:
        InputError: if the settings cannot be used.
        ValueError: if `image_count` is needed.
    """
    values = _accepted(given)
    resolve_warmup_epoch(values)
    fill_augmentation(values)
    check_augmentation(values)
    check_sparsity(values)
    settle_search(values)
    model = _model(values.get("model", DEFAULTS["model"]))
    values = {"generator": model.generator, "discriminator": model.discriminator} | values
    check_names(values["generator"], values["discriminator"])
    values.setdefault("resolution", Pair(values["generator"], values["discriminator"]).usual_resolution)
    chosen = dict(values)
    values = DEFAULTS | _of_recipe(model, values) | values
    shape = PictureShape.of(values["resolution"])
    check_pair(values["generator"], values["discriminator"], shape, values["channels"])
    _derive(values)
    values["class_names"] = tuple(class_names)
    if values["epochs"] is not None:
        images_per_step = values["batch_size"] * values["n_critic"]
        if image_count is None:
            raise ValueError("image_count must be given: a length in epochs follows from it")
        values["steps"] = math.ceil(values["epochs"] * image_count / images_per_step)
    values |= choose_rates(values, chosen, model.recipe_at(shape.side))
    settle_growth(values, image_count, chosen)
    resolve_times(values, image_count)
    settings = TrainSettings.of(values)
    _check_networks(settings)
    if settings.images.data_ratio_by == "class" and not settings.images.conditional:
        raise InputError("--data-ratio-by class takes a share of each class of --conditional; give both or neither")
    settings.check()
    _check_files(settings)
    _check_devices(settings)
    return settings


def cluster_of(devices: DeviceSettings) -> Cluster | None:
    """Returns the machines that a training is shared by; None if this process trains alone.

    Raises:
        InputError: if TF_CONFIG does not say with whom to train.
    """
    return read_cluster(os.environ) if devices.strategy == "multi-worker" else None


def _accepted(given: Mapping[str, object]) -> dict[str, Any]:
    values = {}
    for name, value in given.items():
        if name not in GIVABLE:
            near = difflib.get_close_matches(name, GIVABLE, n=1)
            raise InputError(f"there is no setting {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        if (name == "kid_network" and value == AUTO) or (name == "mixed_precision" and value in (AUTO, FLOAT32)):
            continue  # as if it were not given: the first follows from the loss, the second is float32 without a trial
        if value is not None:
            values[name] = accept(name, GIVABLE[name], value)
        elif name == "diff_augment":  # off; of others None is what is not given
            values[name] = None
    return values


def _model(name: str) -> Model:
    if name not in MODELS:
        raise InputError(f"--model must be one of {', '.join(sorted(MODELS))}; got {name!r}")
    return MODELS[name]


def _of_recipe(model: Model, values: Mapping[str, Any]) -> dict[str, Any]:
    recipe = model.recipe_at(PictureShape.of(values["resolution"]).side)._asdict()
    if "ema_decay" in values or "ema_kimg" in values:
        recipe |= {"ema_decay": None, "ema_kimg": None}
    return recipe


def _derive(values: dict[str, Any]) -> None:
    """Fills in what follows from other settings."""
    n_critic, shape = values["n_critic"], PictureShape.of(values["resolution"])
    rows = GENERATORS[values["generator"]], DISCRIMINATORS[values["discriminator"]]
    limits = limits_of_width(values["width"]) if any("limits" in row.takes for row in rows) else None
    derived = {
        "r1_gamma": values["r1_share"] * shape.pixels / values["batch_size"],
        "gradient_penalty": _GRADIENT_PENALTY_OF_WASSERSTEIN if values["loss"] == "wasserstein" else 0.0,
        "regrow_state": "reset" if values.get("exploration") == "rigl" else "keep",
        "dig_interval": n_critic if n_critic > 1 else _DIG_INTERVAL,
        "kid_network": judge_for(values["discriminator"], values["reconstruction_loss"]),
        "mapping_layers": MAPPING_LAYERS if rows[0].has_styles else None,
        "channel_base": limits and limits.base,
        "channel_max": limits and limits.largest,
    }
    for name, value in derived.items():
        values.setdefault(name, value)
    grows = Pair(values["generator"], values["discriminator"]).grows
    if not grows and values.get("growth") == "progressive":
        raise InputError(
            "--growth progressive needs two networks that hold all sides, such as --model progan; got "
            f"{Pair(values['generator'], values['discriminator']).describe()}"
        )
    values.setdefault("growth", "progressive" if grows else "none")
    if rows[0].settle_genotype is not None:
        values["genotype"] = rows[0].settle_genotype(values["genotype"])
    if rows[1].has_features:
        side_px = max(USUAL_FEATURES.side_px, 32 * math.ceil(shape.side / 32))
        values["feature_side"] = values["feature_side"] or side_px
        values["feature_share"] = values["feature_share"] or USUAL_FEATURES.share


def _check_networks(settings: TrainSettings) -> None:
    network, shape = settings.network, settings.images.shape
    row = GENERATORS[network.generator]
    with_styles = {
        "path_length_weight": settings.penalties.path_length_weight,
        "mapping_layers": network.mapping_layers,
    }
    for setting, value in with_styles.items():
        if value and not row.has_styles:
            raise InputError(
                f"{flag_name(setting)} needs a network with styles, such as stylegan2; got {network.generator}"
            )
    if (network.mapping_layers or 0) > LARGEST_MAPPING:
        raise InputError(f"--mapping-layers must be {LARGEST_MAPPING} at most; got {network.mapping_layers}")
    _check_options(network, shape)
    _check_features(settings)
    most, frozen = DISCRIMINATORS[network.discriminator].block_count(shape.side), settings.transfer.freeze_d
    if frozen is not None and frozen > most:
        raise InputError(f"--freeze-d must be {most} at most for {network.discriminator} at {shape} px; got {frozen}")


def _check_options(network: NetworkSettings, shape: PictureShape) -> None:
    rows = GENERATORS[network.generator], DISCRIMINATORS[network.discriminator]
    for name, option in _OPTIONS.items():
        if getattr(network, name) is not None and not any(option in row.takes for row in rows):
            takers = sorted(
                {one for table in (GENERATORS, DISCRIMINATORS) for one in table if option in table[one].takes}
            )
            raise InputError(
                f"{flag_name(name)} needs a network that takes it: {', '.join(takers)}; got "
                f"{Pair(network.generator, network.discriminator).describe()}"
            )
    if network.channel_base is not None and network.channel_base < shape.side:
        raise InputError(
            f"--channel-base must be the --resolution {shape.side} at least, or the largest maps have no channels; "
            f"got {network.channel_base}"
        )


def _check_features(settings: TrainSettings) -> None:
    name, row = settings.network.discriminator, DISCRIMINATORS[settings.network.discriminator]
    for setting in ("feature_side", "feature_share"):
        if getattr(settings.network, setting) is not None and not row.has_features:
            *others, last = (other for other, one in DISCRIMINATORS.items() if one.has_features)
            raise InputError(
                f"{flag_name(setting)} needs a discriminator with a frozen network, {', '.join(others)} or {last}; "
                f"got {name}"
            )
    if settings.adversarial_features is not None and not row.can_be_split:
        raise InputError(f"--adv-augment cannot move the features of the discriminator {name}; give another")


def _check_files(settings: TrainSettings) -> None:
    for name in ("generator_weights", "discriminator_weights"):
        file = getattr(settings.network, name)
        if file is not None:
            _check_is_file(name, file)
            check_weights_file(file)
    if isinstance(settings.sparsity, TicketSettings):
        _check_is_file("ticket", settings.sparsity.ticket)
    for name in ("kid_number_of_images", "fid_number_of_images"):
        count = getattr(settings.scores, name)
        if count < FEWEST_IMAGES:
            raise InputError(f"{flag_name(name)} must be {FEWEST_IMAGES} at least; got {count}")


def _check_is_file(name: str, file: str) -> None:
    if not Path(file).is_file():
        raise InputError(f"{flag_name(name)} {file} is no file")


def _check_devices(settings: TrainSettings) -> None:
    cluster = cluster_of(settings.devices)
    if cluster is not None:
        shares = settings.optimization.accumulate
        check_shares(settings.optimization.batch_size, shares, len(cluster.addresses), "workers")
