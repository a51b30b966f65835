"""`generate.py`: pictures, films and exports of a run.

The arguments and the run are checked before TensorFlow is imported.
"""

import argparse
import itertools
import math
import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor

from sle_gan.assembly.training_images import background_of, read_training_images
from sle_gan.cli.program import ArgumentParser, HelpFormatter, quiet_start, run_program
from sle_gan.data.classes import label_of
from sle_gan.data.pictures import image_sheet, opaque, write_picture
from sle_gan.disk import check_space
from sle_gan.errors import InputError
from sle_gan.export.pictures import FILM_EXTENSIONS, Film, map_ahead, write_film
from sle_gan.models import MODELS
from sle_gan.run import check_writable, find_run

# A GIF counts hundredths of a second, and programs show a frame of one hundredth for ten; others count thousandths.
_LARGEST_FPS = {".gif": 50, ".webp": 1000, ".png": 1000}
_STYLES_TOLD = "Of networks with styles, such as stylegan2."
# Of the bytes of its pixels, what the file of a picture takes at least.
_LEAST_SHARES = {"png": 0.2, "webp": 0.05, "jpeg": 0.02, "gif": 0.02}
_KEY_SEEDS = 16  # of a film's seeds, to choose a GIF's colors from


def main(argv=None):
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 4 input/output, 130 SIGINT.
    """
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(lambda: arguments.make(arguments), debug=arguments.debug)


def parser():
    """Returns the parser of the arguments."""
    result = ArgumentParser(prog="generate.py", description="Draw with a trained generator, or export it.")
    commands = result.add_subparsers(required=True, metavar="samples | interpolate | export")
    samples = _add_command(commands, "samples", _samples, "draw the picture of each seed")
    add = samples.add_argument_group("pictures").add_argument
    add("--seeds", type=_seeds, required=True, metavar="SEEDS", help="such as 0-15 or 3,7,20-29")
    add("--grid", action="store_true", help="one sheet of all of them instead of a file each")
    add("--format", choices=("png", "jpeg", "webp"), default="png", help="of the files")
    add("--output", type=Path, metavar="FOLDER", help="where they are written; RUN/generated without it")
    _add_class(add)
    add("--reject-copies", action="store_true", help="leave out pictures that are near copies of a training image")
    add("--data-folder", metavar="FOLDER", help="for --reject-copies: where the training images are now, if moved")
    add = samples.add_argument_group("styles", _STYLES_TOLD).add_argument
    add("--truncation", type=_share, metavar="PSI", help="how far pictures go from the average one; 1 is all the way")
    add("--mix-seeds", type=_seeds, metavar="SEEDS", help="draw each seed with the finer styles of each of these")
    add("--mix-from", type=_side, default=16, metavar="PX", help="side of the coarsest map that --mix-seeds shape")
    interpolate = _add_command(commands, "interpolate", _interpolate, "film a walk from seed to seed")
    add = interpolate.add_argument_group("film").add_argument
    add("--seeds", type=_seeds, required=True, metavar="SEEDS", help="two or more, such as 0,1,2")
    add("--frames", type=_at_least(2), default=60, metavar="FRAMES", help="frames from one seed to the next")
    _add_class(add)
    add("--loop", action="store_true", help="return to the first seed, so that the film has no end")
    add("--fps", type=_at_least(1), default=30, metavar="FRAMES", help="frames shown in a second, 50 at most in a GIF")
    add(
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help=f"a {', '.join(FILM_EXTENSIONS)} file, or a folder of frames",
    )
    add = interpolate.add_argument_group("styles", _STYLES_TOLD).add_argument
    add("--truncation", type=_share, metavar="PSI", help="how far pictures go from the average one; 1 is all the way")
    add("--space", choices=("z", "w"), default="z", help="walk among latent codes (z) or among styles (w)")
    export = _add_command(commands, "export", _export, "write the generator in another program's format")
    add = export.add_argument_group("format").add_argument
    add("--format", choices=("saved-model",), default="saved-model", help="saved-model: for TensorFlow")
    add("--output", type=Path, metavar="FOLDER", help="where versions 1, 2, ... are written; RUN/exported without it")
    return result


def _add_command(commands, name, make, told):
    command = commands.add_parser(name, help=told, description=told, formatter_class=HelpFormatter)
    command.set_defaults(make=make)
    add = command.add_argument_group("the run").add_argument
    add("run", metavar="RUN", help="a run folder, or the name of one")
    add("--output-folder", default="runs", metavar="FOLDER", help="where runs are looked for by name")
    add("--step", type=_at_least(0), metavar="STEP", help="of an older checkpoint that is still kept")
    add("--debug", action="store_true", help="show the traceback of an error")
    return command


def _add_class(add):
    told = "of a run with --conditional: the class of all pictures; the classes in turn without it"
    add("--class", dest="class_name", metavar="NAME", help=told)


def _samples(arguments):
    reals = _training_images(arguments) if arguments.reject_copies else None
    count = len(arguments.seeds) * len(arguments.mix_seeds or [None])
    pictures = count, arguments.format
    trained = _trained(arguments, pictures, with_styles=arguments.mix_seeds is not None)
    if arguments.reject_copies:
        arguments.seeds = _without_copies(trained, arguments.seeds, reals)
    if arguments.mix_seeds is not None:
        return _mixed_samples(arguments, trained)
    folder = arguments.output or trained.run.path / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    extension = {"jpeg": "jpg"}.get(arguments.format, arguments.format)
    pictures = _without_alpha(trained.draw_seeds(arguments.seeds), trained, extension)
    origin = {"run": trained.run.name, "step": str(trained.step)}
    of_class = ""
    if arguments.class_name is not None:
        origin["class"] = trained.class_names[trained.label]
        of_class = f"-{origin['class']}"
    if arguments.grid:
        path = folder / f"grid-{arguments.seeds[0]:06d}-{arguments.seeds[-1]:06d}{of_class}.{extension}"
        write_picture(path, image_sheet(np.stack(list(pictures))), origin | {"seeds": _told(arguments.seeds)})
        print(f"{len(arguments.seeds)} pictures of step {trained.step} in {path}")
        return 0

    def write(seed, picture):
        write_picture(folder / f"seed-{seed:06d}{of_class}.{extension}", picture, origin | {"seed": str(seed)})

    _write_all(write, zip(arguments.seeds, pictures, strict=True))
    print(f"{len(arguments.seeds)} pictures of step {trained.step} in {folder}")
    return 0


def _training_images(arguments):
    run = find_run(arguments.run, arguments.output_folder)
    with run.locked():
        return read_training_images(run, arguments.data_folder)[0]


def _without_copies(trained, seeds, reals):
    """Returns the seeds whose pictures are no near copies of training images, and says which the others are."""
    from sle_gan.evaluation.judges import judge_of
    from sle_gan.evaluation.memorization import CopyDetector

    settings, kept, copies = trained.run.config()["settings"], [], []
    detector, background = CopyDetector(reals, judge_of(settings)), background_of(settings)
    for seed, picture in zip(seeds, trained.draw_seeds(seeds), strict=True):
        found = detector.nearest(opaque(picture[None], background))
        (copies if found.near_copies()[0] else kept).append(seed)
    if copies:
        print(f"{len(copies)} of {len(seeds)} left out as near copies of training images: seeds {_told(copies)}")
    if not kept:
        raise InputError("all pictures are near copies of training images; give other --seeds, or leave the flag out")
    return kept


def _mixed_samples(arguments, trained):
    """Draws every seed with the finer styles of every other; a sheet has a row for each seed."""
    side = trained.generator.output_shape[1]
    if arguments.mix_from > side:
        raise InputError(f"--mix-from must be {side} at most, the side of the pictures; got {arguments.mix_from}")
    folder = arguments.output or trained.run.path / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    extension = {"jpeg": "jpg"}.get(arguments.format, arguments.format)
    drawn = trained.draw_mixed(arguments.seeds, arguments.mix_seeds, arguments.mix_from)
    pictures = _without_alpha(drawn, trained, extension)
    pairs = list(itertools.product(arguments.seeds, arguments.mix_seeds))
    origin = {"run": trained.run.name, "step": str(trained.step), "mix_from": str(arguments.mix_from)}
    if arguments.grid:
        path = folder / f"mix-{arguments.seeds[0]:06d}-{arguments.mix_seeds[0]:06d}.{extension}"
        told = origin | {"seeds": _told(arguments.seeds), "mix_seeds": _told(arguments.mix_seeds)}
        write_picture(path, image_sheet(np.stack(list(pictures)), columns=len(arguments.mix_seeds)), told)
        print(f"{len(pairs)} pictures of step {trained.step} in {path}")
        return 0

    def write(pair, picture):
        told = origin | {"seed": str(pair[0]), "mix_seed": str(pair[1])}
        write_picture(folder / f"seed-{pair[0]:06d}-mix-{pair[1]:06d}.{extension}", picture, told)

    _write_all(write, zip(pairs, pictures, strict=True))
    print(f"{len(pairs)} pictures of step {trained.step} in {folder}")
    return 0


def _interpolate(arguments):
    seeds, output = arguments.seeds, arguments.output
    extension = output.suffix.lower()
    _check_film(arguments, extension)
    legs = len(seeds) if arguments.loop else len(seeds) - 1
    count = arguments.frames * legs + (0 if arguments.loop else 1)
    pictures = count, extension[1:] or "png"
    trained = _trained(arguments, pictures, with_styles=arguments.space == "w")
    draw_walk = trained.draw_style_walk if arguments.space == "w" else trained.draw_walk
    walk = draw_walk(seeds, arguments.frames, loop=arguments.loop)
    if extension:
        output.parent.mkdir(parents=True, exist_ok=True)
        key_seeds = seeds[:: -(-len(seeds) // _KEY_SEEDS)]
        keys = _without_alpha(draw_walk(key_seeds, 2, loop=arguments.loop), trained, extension[1:])
        frames = _without_alpha(walk, trained, extension[1:])
        write_film(output, Film(frames, arguments.fps, arguments.loop, keys))
    else:
        output.mkdir(parents=True, exist_ok=True)
        origin = {"run": trained.run.name, "step": str(trained.step), "seeds": _told(seeds)}

        def write(index, image):
            write_picture(output / f"frame-{index:05d}.png", image, origin | {"frame": f"{index} of {count}"})

        _write_all(write, enumerate(walk))
    print(f"{count} frames of step {trained.step} in {output}")
    return 0


def _check_film(arguments, extension):
    output = arguments.output
    if len(arguments.seeds) < 2:
        raise InputError(f"--seeds must name two seeds at least; got {_told(arguments.seeds)}")
    if extension not in {"", *FILM_EXTENSIONS}:
        raise InputError(f"--output must end in {', '.join(FILM_EXTENSIONS)}, or be a folder; got {output}")
    if extension and arguments.fps > _LARGEST_FPS[extension]:
        raise InputError(f"--fps must be {_LARGEST_FPS[extension]} at most in a {extension}; got {arguments.fps}")
    if not extension and any(output.glob("frame-*.png")):
        raise InputError(f"--output must be a folder without frames, or two films would mix; {output} holds some")


def _export(arguments):
    trained = _trained(arguments)
    from sle_gan.export.saved_model import export_saved_model
    from sle_gan.export.sizes import size_lines

    version = export_saved_model(trained, arguments.output or trained.run.path / "exported")
    print(f"SavedModel of step {trained.step} in {version}: the same pictures as the run on 8 seeds")
    print("\n".join(size_lines(trained.generator)))
    return 0


def _trained(arguments, pictures=None, *, with_styles=False):
    """Checks what can be checked without TensorFlow, space for the pictures (count, format) too, and loads."""
    run = find_run(arguments.run, arguments.output_folder)
    settings = run.config()["settings"]  # what is wrong with it is told before TensorFlow is loaded
    truncation = getattr(arguments, "truncation", None)
    with_styles = with_styles or truncation is not None
    model = MODELS.get(settings.get("model"))
    if with_styles and model is not None and not model.has_styles:
        asked = "--truncation, --mix-seeds and --space w"
        raise InputError(f"{asked} need a network with styles, such as stylegan2; {run.path} is {settings['model']}")
    label, name = {}, getattr(arguments, "class_name", None)
    if name is not None:
        if not settings.get("class_names"):
            raise InputError(f"--class needs a run that was trained with --conditional; {run.path} was not")
        label = {"label": label_of(name, settings["class_names"])}
    run.generator_checkpoint(arguments.step)
    output = (arguments.output or run.path).absolute()
    folder = next(folder for folder in (output, *output.parents) if folder.is_dir())
    check_writable(folder, "--output")
    if pictures is not None:
        count, kind = pictures
        picture_bytes = settings.get("resolution", 0) ** 2 * settings.get("channels", 0)
        least_bytes = int(count * picture_bytes * _LEAST_SHARES[kind])
        check_space(folder, least_bytes, f"{count:,} pictures", "or ask for fewer, or for another --output")
    with quiet_start():
        import tensorflow as tf

        from sle_gan.export.trained import TrainedGenerator

        tf.config.list_logical_devices()  # starts the runtime here, where its messages are expected
    return TrainedGenerator(run, arguments.step, 1.0 if with_styles and truncation is None else truncation, **label)


def _write_all(write, pictures):
    """Writes pictures, each `(number, image)`, in threads while the next are drawn."""
    for _ in map_ahead(lambda picture: write(*picture), pictures):
        pass


def _without_alpha(images, trained, extension):
    """Lays pictures with alpha over the run's background where the format holds none."""
    if trained.generator.output_shape[-1] != 4 or extension not in {"jpg", "gif"}:
        yield from images
        return
    color = ImageColor.getrgb(trained.run.config()["settings"]["background"])[:3]
    for image in images:
        canvas = Image.new("RGBA", image.shape[1::-1], (*color, 255))
        canvas.alpha_composite(Image.fromarray(image))
        yield np.asarray(canvas.convert("RGB"))


def _seeds(text):
    seeds = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})(?:-(\d{1,10}))?\s*", part)
        if not match or not int(match[1]) <= int(match[2] or match[1]) < 2**31:
            raise argparse.ArgumentTypeError(f"must be whole numbers and ranges such as 0-15,20; got {text!r}")
        seeds.append(range(int(match[1]), int(match[2] or match[1]) + 1))
    return seeds[0] if len(seeds) == 1 else [seed for part in seeds for seed in part]


def _share(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 2:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 2; got {text!r}")
    return value


def _side(text):
    if text not in {str(2**power) for power in range(2, 11)}:
        raise argparse.ArgumentTypeError(f"must be a power of two from 4 to 1024; got {text!r}")
    return int(text)


def _told(seeds):
    return f"{seeds[0]}-{seeds[-1]}" if isinstance(seeds, range) and len(seeds) > 1 else ",".join(map(str, seeds))


def _at_least(least):
    def number(text):
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least}; got {text!r}")
        return int(text)

    return number
