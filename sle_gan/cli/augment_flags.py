"""The augmentation flags of `train.py`: what they are, and which go together. Imports no TensorFlow."""

import argparse

from sle_gan.cli.numbers import decay, rate, share, weight
from sle_gan.errors import InputError

AUGMENT_DEFAULT = "color,translation"
_OPERATIONS = ("color", "translation", "cutout")


def add_augment_arguments(group):
    """Adds the flags.

    Args:
        group: of an `argparse.ArgumentParser`.
    """
    add = group.add_argument
    add("--augment", choices=("diff", "ada"), default="diff", help="diff: as --diff-augment says; ada: adaptively")
    add(
        "--diff-augment",
        nargs="?",
        const=AUGMENT_DEFAULT,
        default=argparse.SUPPRESS,
        metavar="POLICY",
        help=f"some of {','.join(_OPERATIONS)}; {AUGMENT_DEFAULT} without it",
    )
    add(
        "--no-diff-augment",
        dest="diff_augment",
        action="store_const",
        const=None,
        default=argparse.SUPPRESS,
        help="do not augment",
    )
    add("--diff-brightness", type=weight, default=0.5, metavar="SHIFT", help="greatest, on the scale of [-1, 1]")
    add("--diff-saturation", type=weight, default=1.0, metavar="CHANGE", help="greatest, of the factor around 1")
    add("--diff-contrast", type=weight, default=0.5, metavar="CHANGE", help="greatest, of the factor around 1")
    add("--diff-translation", type=decay, default=0.125, metavar="SHARE", help="of the side, the greatest shift")
    add("--diff-cutout", type=share, default=0.5, metavar="SHARE", help="of the side, the side of the square cut out")
    add("--augment-target", type=rate, default=0.6, metavar="SIGN", help="ada: mean sign of the logits of reals")
    add("--augment-speed", type=weight, default=500.0, metavar="KIMG", help="ada: thousands of images from none to all")
    add(
        "--augment-pipe",
        choices=("b", "bg", "bc", "bgc"),
        default="bgc",
        help="ada: b flips, quarter turns and shifts; g turns, scales and stretches; c colors",
    )


def resolve_augment(settings):
    """Fills in the policy of DiffAugment where none was given.

    Args:
        settings: the settings so far.
    """
    settings.setdefault("diff_augment", AUGMENT_DEFAULT if settings["augment"] == "diff" else None)


def check_augment(settings):
    """Checks that the flags go together.

    Args:
        settings: the settings so far.

    Raises:
        InputError: if they do not.
    """
    policy = settings["diff_augment"]
    if settings["augment"] == "ada" and policy is not None:
        raise InputError(f"--augment ada takes the place of --diff-augment {policy}; give one of them")
    if settings["augment_speed"] == 0.0:
        raise InputError("--augment-speed must be above 0; got 0")
    unknown = set((policy or "color").split(",")) - set(_OPERATIONS)
    if unknown:
        raise InputError(f"--diff-augment takes some of {','.join(_OPERATIONS)}; got {policy}")
