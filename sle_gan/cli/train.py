"""`train.py`: trains a GAN on a folder of images.

Everything that can be wrong with the arguments, the images and the run folder is found before TensorFlow is
imported.
"""

import argparse
import importlib.metadata
import math
import sys
from pathlib import Path

from PIL import ImageColor

from sle_gan.cli.program import ArgumentParser, HelpFormatter, quiet_start, run_program
from sle_gan.data.decode import decode_folder
from sle_gan.data.folder import changed_images, findings, manifest, read_manifest, scan
from sle_gan.errors import InputError
from sle_gan.models import MODELS
from sle_gan.run import check_writable, choose_run, start_run, write_json

LOSSES = ("hinge", "non-saturating", "wasserstein", "least-squares")
AUGMENT_DEFAULT = "color,translation"
_VERSIONED = ("sle-gan", "tensorflow", "tf-keras", "numpy", "pillow")


def main(argv=None):
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 3 training failed, 4 input/output, 130 SIGINT, 143 SIGTERM.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser().parse_args(argv)
    return run_program(lambda: _train(arguments, argv), debug=arguments.debug)


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
    _add_regularization_arguments(result.add_argument_group("regularization"))
    return result


def _add_run_arguments(group):
    add = group.add_argument
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
        type=_positive,
        default=500,
        metavar="STEPS",
        help="steps between sheets of samples",
    )
    add(
        "--checkpoint-frequency",
        type=_positive,
        default=1000,
        metavar="STEPS",
        help="steps between checkpoints",
    )
    add(
        "--keep-checkpoints",
        type=_positive,
        default=3,
        metavar="COUNT",
        help="newest checkpoints that are kept",
    )
    add("--log-frequency", type=_positive, default=50, metavar="STEPS", help="steps between rows of metrics")
    add("--accept-data-change", action="store_true", help="resume although the images have changed")
    add("--dry-run", action="store_true", help="print what would be done, and train nothing")
    add("--debug", action="store_true", help="show the traceback of an error")


def _add_data_arguments(group):
    add = group.add_argument
    add("--data-folder", required=True, metavar="FOLDER", help="images, also in sub-folders")
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
    add("--flip", action=argparse.BooleanOptionalAction, default=True, help="mirror half of the images")
    add(
        "--cache-limit",
        type=_positive,
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
        help="channels that those of all maps are multiples of; the paper's without it (64)",
    )
    add("--generator-weights", metavar="FILE", help="start from these weights of the generator (.h5)")
    add("--discriminator-weights", metavar="FILE", help="start from these weights of the discriminator (.h5)")


def _add_regularization_arguments(group):
    add = group.add_argument
    add("--r1-gamma", type=_weight, metavar="WEIGHT", help="of R1, the discriminator's slope at real images; 0 is off")
    add("--r1-interval", type=_positive, default=16, metavar="STEPS", help="discriminator's steps from R1 to R1")
    add(
        "--gradient-penalty",
        type=_weight,
        metavar="WEIGHT",
        help="of the distance of the discriminator's slope from 1; 10 with --loss wasserstein, otherwise off",
    )
    add("--dig-weight", type=_weight, default=0.0, metavar="WEIGHT", help="of DigGAN's gap of slopes; 0 is off")
    add(
        "--dig-interval",
        type=_positive,
        metavar="STEPS",
        help="discriminator's steps from gap to gap; 4, or --n-critic above 1, without it",
    )
    add(
        "--path-length-weight",
        type=_weight,
        default=0.0,
        metavar="WEIGHT",
        help="of the generator's path length, for networks with styles; 2 in the paper, 0 is off",
    )
    add("--path-length-interval", type=_positive, default=4, metavar="STEPS", help="generator's steps between them")


def _add_training_arguments(group):
    add = group.add_argument
    length = group.add_mutually_exclusive_group()
    length.add_argument("--steps", type=_positive, default=50_000, metavar="STEPS", help="generator steps in all")
    length.add_argument("--epochs", type=_positive, metavar="EPOCHS", help="passes over the images, instead of --steps")
    add("--batch-size", type=_positive, metavar="IMAGES", help="images in a step of the discriminator")
    add("--n-critic", type=_positive, metavar="STEPS", help="discriminator's steps for each of the generator")
    add("--loss", choices=LOSSES, help="adversarial loss of both networks")
    add("--smallest-margin", type=_share_or_all, metavar="SHARE", help="margins of the hinge are drawn from here to 1")
    add("--G-learning-rate", type=_rate, metavar="RATE", help="of the generator's Adam")
    add("--D-learning-rate", type=_rate, metavar="RATE", help="of the discriminator's Adam")
    add("--adam-beta-1", type=_share, metavar="SHARE", help="kept of the mean gradient at each step")
    add("--adam-beta-2", type=_share, metavar="SHARE", help="kept of the mean squared gradient at each step")
    average = group.add_mutually_exclusive_group()
    average.add_argument(
        "--ema-decay", type=_share, metavar="SHARE", help="kept of the averaged generator at each step"
    )
    average.add_argument(
        "--ema-kimg", type=_weight, metavar="KIMG", help="its half-life in thousands of images, instead of --ema-decay"
    )
    add(
        "--reconstruction-loss",
        choices=("perceptual", "l1"),
        default="perceptual",
        help="distance that the discriminator's decoders minimize",
    )
    add(
        "--diff-augment",
        nargs="?",
        const=AUGMENT_DEFAULT,
        default=AUGMENT_DEFAULT,
        metavar="POLICY",
        help="augment what the discriminator sees: some of color,translation,cutout",
    )
    add("--no-diff-augment", dest="diff_augment", action="store_const", const=None, help="do not augment")
    add("--seed", type=_seed, default=0, metavar="NUMBER", help="of initial weights and everything drawn")


def resolve(arguments):
    """Fills in what was not given from the recipe of the network.

    Args:
        arguments: as `parser` parses them.

    Returns:
        The settings, by name.

    Raises:
        InputError: if they cannot be used.
    """
    recipe = MODELS[arguments.model].recipe._asdict()
    if arguments.ema_decay is not None or arguments.ema_kimg is not None:
        recipe |= {"ema_decay": None, "ema_kimg": None}
    settings = {name: recipe.get(name) if value is None else value for name, value in vars(arguments).items()}
    derived = {
        "r1_gamma": recipe["r1_share"] * settings["resolution"] ** 2 / settings["batch_size"],
        "gradient_penalty": 10.0 if settings["loss"] == "wasserstein" else 0.0,
        "dig_interval": settings["n_critic"] if settings["n_critic"] > 1 else 4,
    }
    settings |= {name: value for name, value in derived.items() if settings[name] is None}
    _check(settings)
    return settings


def _train(arguments, argv):
    settings = resolve(arguments)
    check_writable(arguments.output_folder)
    folder = scan(arguments.data_folder)
    if arguments.epochs is not None:
        images_per_step = settings["batch_size"] * settings["n_critic"]
        settings["steps"] = math.ceil(arguments.epochs * len(folder.images) / images_per_step)
    settings["data_folder"] = str(Path(arguments.data_folder).resolve())
    label = f"{arguments.model}-{Path(settings['data_folder']).name}"
    run = choose_run(
        arguments.output_folder,
        arguments.name,
        label,
        settings,
        resume=arguments.resume == "auto",
        override=arguments.override,
    )
    print(f"run {run.path}")
    print("\n".join(f"data: {line}" for line in findings(folder, arguments.resolution)))
    if arguments.dry_run:
        return _dry_run(settings, len(folder.images))
    with run.locked():
        going_on = run.exists() and not arguments.override
        if going_on:
            _check_manifest(run, manifest(folder), accept=arguments.accept_data_change)
        else:
            start_run(run, settings, [Path(sys.argv[0]).name, *argv], _versions(), manifest(folder))
        done = run.latest_step() or 0
        if done >= settings["steps"] and run.generator_weights.exists() and run.discriminator_weights.exists():
            print(f"nothing to do: the run is at step {done} of {settings['steps']}; --steps goes further")
            return 0
        return _fit(run, settings, folder)


def _dry_run(settings, image_count):
    with quiet_start():
        from sle_gan.cli.session import describe

    for name, value in sorted(settings.items()):
        print(f"{name}: {value}")
    print("\n".join(describe(settings, image_count)))
    return 0


def _fit(run, settings, folder):
    images, _, failures = decode_folder(
        folder,
        resolution=settings["resolution"],
        channels=settings["channels"],
        fit=settings["fit"],
        background=ImageColor.getrgb(settings["background"])[:3],
        memory_limit_bytes=settings["cache_limit"] * 2**20,
        cache_file=run.image_cache,
        progress=None,
    )
    for path, reason in failures:
        print(f"skipped {path}: {reason}")
    print(f"{len(images)} images decoded; loading TensorFlow", flush=True)
    with quiet_start():
        from sle_gan.cli.session import fit

    return fit(run, settings, images)


def _check(settings):
    model = MODELS[settings["model"]]
    for name in ("resolution", "channels"):
        allowed = getattr(model, name if name == "channels" else "resolutions")
        if settings[name] not in allowed:
            raise InputError(f"--{name} must be one of {allowed} for {settings['model']}; got {settings[name]}")
    if settings["width"] < 8 or settings["width"] % 8:
        raise InputError(f"--width must be a positive multiple of 8; got {settings['width']}")
    if settings["path_length_weight"] and not model.has_styles:
        raise InputError(
            f"--path-length-weight needs a network with styles, such as stylegan2; got {settings['model']}"
        )
    if settings["override"] and settings["name"] is None:
        raise InputError("--override needs the --name of the run to delete")
    for name in ("generator_weights", "discriminator_weights"):
        if settings[name] is not None and not Path(settings[name]).is_file():
            raise InputError(f"--{name.replace('_', '-')} {settings[name]} is no file")
    unknown = set((settings["diff_augment"] or "color").split(",")) - {"color", "translation", "cutout"}
    if unknown:
        raise InputError(f"--diff-augment takes some of color,translation,cutout; got {settings['diff_augment']}")


def _check_manifest(run, new, *, accept):
    if not run.manifest_file.exists():
        write_json(run.manifest_file, new)
        return
    added, removed, changed = changed_images(read_manifest(run.manifest_file), new)
    if not (added or removed or changed):
        return
    told = f"{len(added)} images added, {len(removed)} removed, {len(changed)} changed since the run began"
    if not accept:
        raise InputError(f"{told}; give --accept-data-change to go on with them, or another --name")
    print(told)
    write_json(run.manifest_file, new)


def _versions():
    return {"python": ".".join(map(str, sys.version_info[:3]))} | {
        name: importlib.metadata.version(name) for name in _VERSIONED
    }


def _positive(text):
    return _number(text, int, lambda value: value > 0, "a whole number above 0")


def _seed(text):
    return _number(text, int, lambda value: 0 <= value < 2**31, "a whole number from 0 to 2147483647")


def _rate(text):
    return _number(text, float, lambda value: 0 < value < 1, "a number between 0 and 1")


def _weight(text):
    return _number(text, float, lambda value: 0 <= value < math.inf, "a number from 0")


def _share(text):
    return _number(text, float, lambda value: 0 <= value < 1, "a number from 0 to below 1")


def _share_or_all(text):
    return _number(text, float, lambda value: 0 <= value <= 1, "a number from 0 to 1")


def _number(text, convert, is_allowed, allowed):
    try:
        value = convert(text)
    except ValueError:
        value = None
    if value is None or not is_allowed(value):
        raise argparse.ArgumentTypeError(f"must be {allowed}; got {text!r}")
    return value


def _color(text):
    try:
        ImageColor.getrgb(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a color such as white or #204060; got {text!r}") from None
    return text
