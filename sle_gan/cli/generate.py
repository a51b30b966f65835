"""`generate.py`: pictures, films and exports of a run.

The arguments and the run are checked before TensorFlow is imported.
"""

import argparse
import concurrent.futures
import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor

from sle_gan.cli.program import ArgumentParser, quiet_start, run_program
from sle_gan.data.pictures import image_sheet, write_picture
from sle_gan.errors import InputError
from sle_gan.run import find_run

_FILMS = (".gif", ".webp", ".png")
_WAITING_AT_MOST = 32  # pictures drawn and not yet written


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
    interpolate = _add_command(commands, "interpolate", _interpolate, "film a walk from seed to seed")
    add = interpolate.add_argument_group("film").add_argument
    add("--seeds", type=_seeds, required=True, metavar="SEEDS", help="two or more, such as 0,1,2")
    add("--frames", type=_at_least(2), default=60, metavar="FRAMES", help="frames from one seed to the next")
    add("--loop", action="store_true", help="return to the first seed, so that the film has no end")
    add("--fps", type=_at_least(1), default=30, metavar="FRAMES", help="frames shown in a second, 50 at most in a GIF")
    add("--output", type=Path, required=True, metavar="FILE", help=f"a {', '.join(_FILMS)} file, or a folder of frames")
    export = _add_command(commands, "export", _export, "write the generator in another program's format")
    add = export.add_argument_group("format").add_argument
    add("--format", choices=("saved-model",), default="saved-model", help="saved-model: for TensorFlow")
    add("--output", type=Path, metavar="FOLDER", help="where versions 1, 2, ... are written; RUN/exported without it")
    return result


def _add_command(commands, name, make, told):
    command = commands.add_parser(
        name, help=told, description=told, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    command.set_defaults(make=make)
    add = command.add_argument_group("the run").add_argument
    add("run", metavar="RUN", help="a run folder, or the name of one")
    add("--output-folder", default="runs", metavar="FOLDER", help="where runs are looked for by name")
    add("--step", type=_at_least(0), metavar="STEP", help="of an older checkpoint that is still kept")
    add("--debug", action="store_true", help="show the traceback of an error")
    return command


def _samples(arguments):
    trained = _trained(arguments)
    folder = arguments.output or trained.run.path / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    extension = {"jpeg": "jpg"}.get(arguments.format, arguments.format)
    pictures = (_without_alpha(image, trained, extension) for image in trained.draw_seeds(arguments.seeds))
    text = {"run": trained.run.name, "step": str(trained.step)}
    if arguments.grid:
        path = folder / f"grid-{arguments.seeds[0]:06d}-{arguments.seeds[-1]:06d}.{extension}"
        write_picture(path, image_sheet(np.stack(list(pictures))), text | {"seeds": _told(arguments.seeds)})
        print(f"{len(arguments.seeds)} pictures of step {trained.step} in {path}")
        return 0
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = []
        for seed, picture in zip(arguments.seeds, pictures, strict=True):
            path = folder / f"seed-{seed:06d}.{extension}"
            waiting.append(pool.submit(write_picture, path, picture, text | {"seed": str(seed)}))
            if len(waiting) > _WAITING_AT_MOST:
                waiting.pop(0).result()
        for written in waiting:
            written.result()
    print(f"{len(arguments.seeds)} pictures of step {trained.step} in {folder}")
    return 0


def _interpolate(arguments):
    if len(arguments.seeds) < 2:
        raise InputError(f"--seeds must name two seeds at least; got {_told(arguments.seeds)}")
    output = arguments.output
    extension = output.suffix.lower()
    if extension not in {"", *_FILMS}:
        raise InputError(f"--output must end in {', '.join(_FILMS)}, or be a folder; got {output}")
    trained = _trained(arguments)
    walk = trained.draw_walk(arguments.seeds, arguments.frames, loop=arguments.loop)
    count = arguments.frames * (len(arguments.seeds) - (not arguments.loop)) + (not arguments.loop)
    if not extension:
        output.mkdir(parents=True, exist_ok=True)
        text = {"run": trained.run.name, "step": str(trained.step), "seeds": _told(arguments.seeds)}
        for index, image in enumerate(walk):
            write_picture(output / f"frame-{index:05d}.png", image, text)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        frames = (_frame(_without_alpha(image, trained, extension[1:]), extension) for image in walk)
        write_film(output, extension, frames, arguments.fps, loop=arguments.loop)
    print(f"{count} frames of step {trained.step} in {output}")
    return 0


def _export(arguments):
    trained = _trained(arguments)
    from sle_gan.export.saved_model import export_saved_model

    version = export_saved_model(trained, arguments.output or trained.run.path / "exported")
    print(f"SavedModel of step {trained.step} in {version}: the same pictures as the run on 8 seeds")
    return 0


def _trained(arguments):
    run = find_run(arguments.run, arguments.output_folder)
    run.config()  # what is wrong with it is told before TensorFlow is loaded
    with quiet_start():
        from sle_gan.export.trained import TrainedGenerator

        return TrainedGenerator(run, arguments.step)


def _without_alpha(image, trained, extension):
    """Lays a picture with alpha over the run's background where the format holds none."""
    if image.shape[-1] != 4 or extension not in {"jpg", "gif"}:
        return image
    color = ImageColor.getrgb(trained.run.config()["settings"]["background"])[:3]
    canvas = Image.new("RGBA", image.shape[1::-1], (*color, 255))
    return np.asarray(Image.alpha_composite(canvas, Image.fromarray(image)).convert("RGB"))


def _frame(image, extension):
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    return picture.quantize(dither=Image.Dither.FLOYDSTEINBERG) if extension == ".gif" else picture


def write_film(path, extension, frames, fps, *, loop):
    """Writes an animated picture; the file appears when it is whole.

    Args:
        path: the file.
        extension: `.gif`, `.webp` or `.png`.
        frames: iterator of `PIL.Image.Image`s of one size.
        fps: frames shown in a second.
        loop: whether it begins again at its end.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    options = {} if extension == ".gif" and not loop else {"loop": 0 if loop else 1}
    form = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}[extension]
    first = next(frames)
    rest = list(frames) if form == "PNG" else frames  # Pillow writes one frame of an APNG that is not a list
    first.save(temporary, form, save_all=True, append_images=rest, duration=1000 / fps, quality=90, **options)
    temporary.replace(path)


def _seeds(text):
    seeds = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})(?:-(\d{1,10}))?\s*", part)
        if not match or not int(match[1]) <= int(match[2] or match[1]) < 2**31:
            raise argparse.ArgumentTypeError(f"must be whole numbers and ranges such as 0-15,20; got {text!r}")
        seeds.append(range(int(match[1]), int(match[2] or match[1]) + 1))
    return seeds[0] if len(seeds) == 1 else [seed for part in seeds for seed in part]


def _told(seeds):
    return f"{seeds[0]}-{seeds[-1]}" if isinstance(seeds, range) and len(seeds) > 1 else ",".join(map(str, seeds))


def _at_least(least):
    def number(text):
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least}; got {text!r}")
        return int(text)

    return number
