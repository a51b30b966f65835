"""The flags of `train.py`, and the settings that follow from them.

Imports no TensorFlow.
"""

import argparse
from pathlib import Path

from PIL import ImageColor

from sle_gan.cli.augment_flags import add_augment_arguments, check_augment, resolve_augment
from sle_gan.cli.device_flags import add_device_arguments, check_devices
from sle_gan.cli.method_flags import add_method_arguments, check_methods
from sle_gan.cli.numbers import decay, density, positive, positive_or_auto, rate, seed, share, weight, whole
from sle_gan.cli.presets import add_preset_argument
from sle_gan.cli.program import ArgumentParser, HelpFormatter
from sle_gan.cli.sparsity_flags import add_sparsity_arguments, check_sparsity
from sle_gan.errors import InputError
from sle_gan.evaluation import FEWEST_IMAGES
from sle_gan.evaluation.judges import JUDGES, judge_of
from sle_gan.models import LARGEST_MAPPING, MAPPING_LAYERS, MODELS
from sle_gan.models.weight_files import check_weights_file

LOSSES = ("hinge", "non-saturating", "wasserstein", "least-squares")
_LARGEST_WIDTH = 1024


def parser():
    """Returns the parser of the arguments; what it parses is what a run calls its settings."""
    result = ArgumentParser(
        prog="train.py",
        description="Train a GAN on a folder of images.",
        formatter_class=HelpFormatter,
    )
    _add_run_arguments(result.add_argument_group("the run"))
    _add_data_arguments(result.add_argument_group("the images"))
    _add_network_arguments(result.add_argument_group("the networks"))
    told = "What is not given of width, batch, losses and optimizers is as in the network's paper."
    _add_training_arguments(result.add_argument_group("training", told))
    add_augment_arguments(result.add_argument_group("augmentation of what the discriminator sees"))
    _add_regularization_arguments(result.add_argument_group("regularization"))
    _add_score_arguments(result.add_argument_group("scores while it trains"))
    add_method_arguments(result)
    add_sparsity_arguments(result)
    add_device_arguments(result.add_argument_group("devices and precision"))
    return result


def _add_run_arguments(group):
    add = group.add_argument
    add_preset_argument(group)
    add("--output-folder", default="runs", metavar="FOLDER", help="where runs are written")
    add("--name", metavar="NAME", help="name of the run; the next number, model and data folder without it")
    add(
        "--resume",
        choices=("auto", "never"),
        default="auto",
        help="auto: go on with the run of this name, or the newest unfinished run of the same settings",
    )
    add("--override", action="store_true", help="delete the run of this --name and start anew")
    add(
        "--sample-frequency",
        type=positive,
        default=500,
        metavar="STEPS",
        help="steps between sheets of samples",
    )
    add(
        "--checkpoint-frequency",
        type=positive,
        default=1000,
        metavar="STEPS",
        help="steps between checkpoints",
    )
    add(
        "--keep-checkpoints",
        type=positive,
        default=3,
        metavar="COUNT",
        help="newest checkpoints that are kept",
    )
    add("--log-frequency", type=positive, default=50, metavar="STEPS", help="steps between rows of metrics")
    add("--accept-data-change", action="store_true", help="resume although the images have changed")
    add("--dry-run", action="store_true", help="print what would be done, and train nothing")
    add("--debug", action="store_true", help="show the traceback of an error")


def _add_data_arguments(group):
    add = group.add_argument
    add("--data-folder", required=True, metavar="FOLDER", help="images, also in sub-folders")
    add("--conditional", action="store_true", help="draw by class: each sub-folder of the data folder is one")
    add("--resolution", type=int, default=256, metavar="PX", help="side of the images in pixels")
    add("--channels", type=int, default=3, metavar="COUNT", help="1 grey, 3 RGB, 4 RGB and alpha")
    add(
        "--fit",
        choices=("crop", "pad", "stretch"),
        default="crop",
        help="what makes an image square: the middle is cut out, borders are added, or it is stretched",
    )
    add(
        "--background",
        type=_color,
        default="#ffffff",
        metavar="COLOR",
        help="under transparency and around --fit pad",
    )
    add(
        "--data-ratio", type=density, default=1.0, metavar="SHARE", help="of the images, drawn by --seed, is trained on"
    )
    add(
        "--held-out",
        type=decay,
        default=0.0,
        metavar="SHARE",
        help="of the images, to judge the discriminator by alone",
    )
    add("--strict", action="store_true", help="end with exit code 2 if a file named like an image cannot be used")
    add("--flip", action=argparse.BooleanOptionalAction, default=True, help="mirror half of the images")
    add(
        "--cache-limit",
        type=positive,
        default=4096,
        metavar="MB",
        help="decoded images beyond this lie in a file",
    )


def _add_network_arguments(group):
    add = group.add_argument
    add("--model", choices=sorted(MODELS), default="fastgan", help="the networks")
    add(
        "--width",
        type=int,
        nargs="?",
        metavar="CHANNELS",
        help="channels that those of all maps are multiples of; the paper's without it",
    )
    add(
        "--mapping-layers",
        type=positive,
        metavar="COUNT",
        help="from codes to styles; 8 in StyleGAN2's paper, usually 2",
    )
    add("--generator-weights", metavar="FILE", help="start from these weights of the generator (.h5)")
    add("--discriminator-weights", metavar="FILE", help="start from these weights of the discriminator (.h5)")


def _add_regularization_arguments(group):
    add = group.add_argument
    add("--r1-gamma", type=weight, metavar="WEIGHT", help="of R1, the discriminator's slope at real images; 0 is off")
    add("--r1-interval", type=positive, default=16, metavar="STEPS", help="discriminator's steps from R1 to R1")
    add("--r1-on", choices=("before", "after"), default="after", help="slope at the reals before or after augmentation")
    add(
        "--consistency-weight",
        type=weight,
        default=0.0,
        metavar="WEIGHT",
        help="of the change of logits under flips and shifts (bCR); 10 in the paper, 0 is off",
    )
    add(
        "--gradient-penalty",
        type=weight,
        metavar="WEIGHT",
        help="of the distance of the discriminator's slope from 1; 10 with --loss wasserstein, otherwise off",
    )
    add("--dig-weight", type=weight, default=0.0, metavar="WEIGHT", help="of DigGAN's gap of slopes; 0 is off")
    add(
        "--dig-interval",
        type=positive,
        metavar="STEPS",
        help="discriminator's steps from gap to gap; 4, or --n-critic above 1, without it",
    )
    add(
        "--path-length-weight",
        type=weight,
        default=0.0,
        metavar="WEIGHT",
        help="of the generator's path length, for networks with styles; 2 in the paper, 0 is off",
    )
    add("--path-length-interval", type=positive, default=4, metavar="STEPS", help="generator's steps between them")


def _add_training_arguments(group):
    add = group.add_argument
    length = group.add_mutually_exclusive_group()
    length.add_argument("--steps", type=positive, default=50_000, metavar="STEPS", help="generator steps in all")
    length.add_argument("--epochs", type=positive, metavar="EPOCHS", help="passes over the images, instead of --steps")
    add(
        "--batch-size",
        type=positive_or_auto,
        metavar="IMAGES",
        help="images in a step of the discriminator; auto: the most that fit into memory, by trials",
    )
    add("--n-critic", type=positive, metavar="STEPS", help="discriminator's steps for each of the generator")
    add("--loss", choices=LOSSES, help="adversarial loss of both networks")
    add("--smallest-margin", type=share, metavar="SHARE", help="margins of the hinge are drawn from here to 1")
    add("--G-learning-rate", type=rate, metavar="RATE", help="of the generator's Adam")
    add("--D-learning-rate", type=rate, metavar="RATE", help="of the discriminator's Adam")
    add("--adam-beta-1", type=decay, metavar="SHARE", help="kept of the mean gradient at each step")
    add("--adam-beta-2", type=decay, metavar="SHARE", help="kept of the mean squared gradient at each step")
    average = group.add_mutually_exclusive_group()
    average.add_argument("--ema-decay", type=decay, metavar="SHARE", help="kept of the averaged generator at each step")
    average.add_argument(
        "--ema-kimg", type=weight, metavar="KIMG", help="its half-life in thousands of images, instead of --ema-decay"
    )
    add("--ema-start", type=whole, metavar="STEPS", help="for which it is a copy, before it averages")
    add(
        "--reconstruction-loss",
        choices=("perceptual", "l1"),
        default="perceptual",
        help="distance that the discriminator's decoders minimize",
    )
    add("--seed", type=seed, default=0, metavar="NUMBER", help="of initial weights and everything drawn")


def _add_score_arguments(group):
    add = group.add_argument
    add("--kid", action="store_true", help="KID by a packaged network, also precision, recall, copies, diversity")
    add(
        "--kid-network",
        choices=("auto", *JUDGES),
        default="auto",
        help="whose features are compared; auto: the first that is no part of the training's loss",
    )
    add("--kid-frequency", type=positive, default=2500, metavar="STEPS", help="steps between them")
    add("--kid-number-of-images", type=positive, default=1000, metavar="IMAGES", help="drawn for each")
    add("--keep-best", type=positive, default=1, metavar="COUNT", help="generators of the lowest KID that are kept")
    add("--fid", action="store_true", help="FID by the 2015 Inception, which is fetched if it is not there")
    add("--fid-frequency", type=positive, default=10_000, metavar="STEPS", help="steps between them")
    add("--fid-number-of-images", type=positive, default=5000, metavar="IMAGES", help="drawn for each")
    add("--inception-weights", metavar="FILE", help="of the 2015 Inception; the cache folder's, or fetched, without it")


def resolve(arguments):
    """Fills in what was not given from the recipe of the network.

    Args:
        arguments: as `parser` parses them.

    Returns:
        The settings, by name.

    Raises:
        InputError: if they cannot be used.
    """
    recipe = MODELS[arguments.model].recipe_at(arguments.resolution)._asdict()
    if arguments.ema_decay is not None or arguments.ema_kimg is not None:
        recipe |= {"ema_decay": None, "ema_kimg": None}
    settings = {name: recipe.get(name) if value is None else value for name, value in vars(arguments).items()}
    derived = {
        "r1_gamma": recipe["r1_share"] * settings["resolution"] ** 2 / settings["batch_size"],
        "gradient_penalty": 10.0 if settings["loss"] == "wasserstein" else 0.0,
        "dig_interval": settings["n_critic"] if settings["n_critic"] > 1 else 4,
        "mapping_layers": MAPPING_LAYERS if MODELS[settings["model"]].has_styles else None,
    }
    settings |= {name: value for name, value in derived.items() if settings[name] is None}
    if settings["kid_network"] == "auto":
        settings["kid_network"] = judge_of(settings)
    resolve_augment(settings)
    check_settings(settings)
    return settings


def check_settings(settings):
    """Checks what one argument alone does not show.

    Args:
        settings: the parsed arguments, by name.

    Raises:
        InputError: if they do not go together.
    """
    model = MODELS[settings["model"]]
    for name in ("resolution", "channels"):
        allowed = getattr(model, name if name == "channels" else "resolutions")
        if settings[name] not in allowed:
            raise InputError(f"--{name} must be one of {allowed} for {settings['model']}; got {settings[name]}")
    if settings["width"] not in range(8, _LARGEST_WIDTH + 1, 8):
        raise InputError(f"--width must be a positive multiple of 8 up to {_LARGEST_WIDTH}; got {settings['width']}")
    _check_styles(settings, model)
    if settings["override"] and settings["name"] is None:
        raise InputError("--override needs the --name of the run to delete")
    for name in ("output_folder", "name", "generator_weights", "discriminator_weights", "ticket"):
        try:
            (settings[name] or "").encode("utf-8")
        except UnicodeEncodeError:  # TensorFlow opens files of UTF-8 names alone
            told = f"--{name.replace('_', '-')} must be UTF-8 text; got {settings[name]!a}"
            raise InputError(told) from None
    _check_files_and_counts(settings)
    check_sparsity(settings)
    check_methods(settings)
    check_augment(settings)
    check_devices(settings)


def _check_styles(settings, model):
    for name in ("path_length_weight", "mapping_layers"):
        if settings[name] and not model.has_styles:
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag} needs a network with styles, such as stylegan2; got {settings['model']}")
    if model.has_styles and settings["mapping_layers"] > LARGEST_MAPPING:
        raise InputError(f"--mapping-layers must be {LARGEST_MAPPING} at most; got {settings['mapping_layers']}")


def _check_files_and_counts(settings):
    for name in ("generator_weights", "discriminator_weights"):
        if settings[name] is not None and not Path(settings[name]).is_file():
            raise InputError(f"--{name.replace('_', '-')} {settings[name]} is no file")
        if settings[name] is not None:
            check_weights_file(settings[name])
    for name in ("kid_number_of_images", "fid_number_of_images"):
        if settings[name] < FEWEST_IMAGES:
            raise InputError(f"--{name.replace('_', '-')} must be {FEWEST_IMAGES} at least; got {settings[name]}")


def _color(text):
    try:
        ImageColor.getrgb(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a color such as white or #204060; got {text!r}") from None
    return text
