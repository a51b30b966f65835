"""The flags of `generate.py`: a parser of its command line. Imports no TensorFlow."""

import argparse
import math
from collections.abc import Callable, Sequence
from typing import Any

from sle_gan.cli.program import ArgumentParser, HelpFormatter, file_path
from sle_gan.errors import InputError
from sle_gan.export.directions import METHODS, Move
from sle_gan.export.drawing import LARGEST_TRUNCATION, parse_seeds
from sle_gan.export.film import FPS
from sle_gan.export.film_files import CRF, FILM_EXTENSIONS, LARGEST_CRF
from sle_gan.export.formats import FORMATS
from sle_gan.export.history import FPS as HISTORY_FPS
from sle_gan.export.projection import Projection
from sle_gan.export.redraw import EXTENSIONS as REDRAWN_EXTENSIONS
from sle_gan.export.route import EASINGS
from sle_gan.export.samples import EXTENSIONS, MIX_FROM_PX, MIX_SIDES_PX
from sle_gan.export.walk import FRAMES, PATHS, SPACES, Pace

_STYLES_HELP = "Of networks with styles, such as stylegan2."


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments; `command` is the name of what is asked for."""
    result = ArgumentParser(prog="generate.py", description="Draw with a trained generator, or export it.")
    commands = result.add_subparsers(
        required=True, metavar="samples | interpolate | history | directions | project | redraw | export"
    )
    samples = _add_command(commands, "samples", "draw the picture of each seed")
    add = samples.add_argument_group("pictures").add_argument
    add("--seeds", type=_seeds, metavar="SEEDS", help="such as 0-15 or 3,7,20-29")
    _add_latents(add, "drawn behind the seeds")
    add("--grid", action="store_true", help="one sheet of all of them instead of a file each")
    add("--format", choices=tuple(EXTENSIONS), default="png", help="of the files")
    add(
        "--output",
        type=file_path,
        metavar="FOLDER",
        help="where they are written, or with --grid a file; RUN/generated without it",
    )
    _add_class(add)
    help = "stretch the pictures to this, such as 3:2; original: to the training images', which undoes --fit stretch"
    add("--aspect", metavar="WIDTH:HEIGHT", help=help)
    add("--reject-copies", action="store_true", help="leave out pictures that are near copies of a training image")
    add("--data-folder", metavar="FOLDER", help="for --reject-copies: where the training images are now, if moved")
    add = samples.add_argument_group("styles", _STYLES_HELP).add_argument
    add("--truncation", type=_share, metavar="PSI", help="how far pictures go from the average one; 1 is all the way")
    add("--mix-seeds", type=_seeds, metavar="SEEDS", help="draw each seed with the finer styles of each of these")
    add(
        "--mix-from",
        type=_side,
        default=MIX_FROM_PX,
        metavar="PX",
        help="side of the coarsest map that --mix-seeds shape",
    )
    add = samples.add_argument_group("directions").add_argument
    _add_direction(add)
    help = "of each seed, from the one amount to the other; with --grid a row"
    add("--count", type=_at_least(2), default=Move.count, metavar="PICTURES", help=help)
    _add_interpolate(commands)
    history = _add_command(commands, "history", "film a training: its samples from step 0 on", has_step=False)
    add = history.add_argument_group("film").add_argument
    add("--loop", action="store_true", help="begin again at the end")
    add("--fps", type=_at_least(1), default=HISTORY_FPS, metavar="SHEETS", help="shown in a second")
    _add_film_file(add)
    _add_directions(commands)
    _add_project(commands)
    _add_redraw(commands)
    _add_export(commands)
    return result


def _add_interpolate(commands: Any) -> None:
    interpolate = _add_command(commands, "interpolate", "film a walk from seed to seed")
    add = interpolate.add_argument_group("film").add_argument
    help = "two or more, such as 0,1,2; given again, one more walk beside it"
    add("--seeds", type=_seeds, action="append", metavar="SEEDS", help=help)
    _add_latents(add, "come to behind the seeds")
    add("--frames", type=_at_least(2), default=FRAMES, metavar="FRAMES", help="frames from one seed to the next")
    help = "when to be at each seed, such as 0,1.5,2.75, instead of --frames; with --loop one time more"
    add("--beat", type=_times, metavar="SECONDS", help=help)
    _add_class(add)
    add("--loop", action="store_true", help="return to the first seed, so that the film has no end")
    add("--easing", choices=EASINGS, default=Pace.easing, help="smooth: slow down at each seed")
    help = "frames shown in a second, 50 at most in a GIF, 240 in an MP4"
    add("--fps", type=_at_least(1), default=FPS, metavar="FRAMES", help=help)
    _add_film_file(add)
    help = "between latent codes: along the sphere where they lie, or straight"
    add("--path", choices=PATHS, default=PATHS[0], help=help)
    add = interpolate.add_argument_group("styles", _STYLES_HELP).add_argument
    add("--truncation", type=_share, metavar="PSI", help="how far pictures go from the average one; 1 is all the way")
    help = "walk among latent codes (z) or among styles (w); w where styles are given or moved, otherwise z"
    add("--space", choices=SPACES, help=help)
    _add_direction(
        interpolate.add_argument_group("directions", "Moved along on the way; with --loop there and back.").add_argument
    )


def _add_directions(commands: Any) -> None:
    help = "show in which directions pictures change most, and move along them"
    directions = _add_command(commands, "directions", help)
    add = directions.add_argument_group("pictures").add_argument
    add("--seeds", type=_seeds, default=range(1), metavar="SEEDS", help="without --direction the first alone is drawn")
    _add_direction(
        directions.add_argument_group("directions", "Without one, a row for each of the strongest eight.").add_argument
    )
    add("--columns", type=_at_least(2), default=Move.count, metavar="PICTURES", help="in a row of a sheet")
    _add_class(add)
    help = f"a sheet ({', '.join(EXTENSIONS.values())}), or with --frames a film or a folder of frames"
    add("--output", type=file_path, required=True, metavar="FILE", help=help)
    add = directions.add_argument_group("film").add_argument
    add("--frames", type=_at_least(3), metavar="FRAMES", help="of one way: makes a film, there and back")
    _add_crf(add)
    add("--fps", type=_at_least(1), default=FPS, metavar="FRAMES", help="frames shown in a second")
    add = directions.add_argument_group("styles", _STYLES_HELP).add_argument
    add("--truncation", type=_share, metavar="PSI", help="how far pictures go from the average one; 1 is all the way")


def _add_project(commands: Any) -> None:
    project = _add_command(commands, "project", "find the picture that comes closest to a given one")
    project.add_argument(
        "picture", type=file_path, metavar="PICTURE", help="brought to the shape of the training images"
    )
    add = project.add_argument_group("search").add_argument
    help = "searches, of which the best counts"
    add("--starts", type=_at_least(1), default=Projection.starts, metavar="NUMBER", help=help)
    add("--search-steps", type=_at_least(1), default=Projection.steps, metavar="STEPS", help="of each search")
    add("--seed", type=_at_least(0), default=Projection.seed, metavar="NUMBER", help="of where they begin")
    help = "of a run with --conditional: the class to search in"
    add("--class", dest="class_name", metavar="NAME", help=help)
    help = "where picture.png, pair.png, code.npz and search.webp are written; RUN/projected/NAME without it"
    add("--output", type=file_path, metavar="FOLDER", help=help)


def _add_redraw(commands: Any) -> None:
    help = "draw a picture again, from the text in it: in another format, or of another step"
    redraw = commands.add_parser("redraw", help=help, description=help, formatter_class=HelpFormatter)
    redraw.set_defaults(command="redraw")
    add = redraw.add_argument
    add("picture", type=file_path, metavar="PICTURE", help="a PNG that was drawn: a picture, a sheet or a frame")
    add("--run", metavar="RUN", help="the run, where it lies neither around the picture nor in --output-folder")
    _add_common(add)
    help = f"a file ({', '.join(REDRAWN_EXTENSIONS)}); beside the picture without it, with the step in its name"
    add("--output", type=file_path, metavar="FILE", help=help)


def _add_export(commands: Any) -> None:
    export = _add_command(commands, "export", "write the generator in another program's format")
    add = export.add_argument_group("format").add_argument
    formats = "; ".join(f"{name}: {row.about}" for name, row in FORMATS.items())
    add("--format", choices=tuple(FORMATS), default="saved-model", help=formats)
    help = "where versions 1, 2, ... are written; RUN/exported/FORMAT without it"
    add("--output", type=file_path, metavar="FOLDER", help=help)
    help = "of a network with styles: how far exported pictures go from the average one; all the way without it"
    add("--truncation", type=_share, metavar="PSI", help=help)
    help = "whose codes are written beside a format that draws codes alone; 0-63 without it"
    add("--seeds", type=_seeds, metavar="SEEDS", help=help)
    help = "of --format hub: what the card says of the weights, such as cc-by-4.0; unknown without it"
    add("--license", metavar="NAME", help=help)
    help = "of --format hub: publish it there, as you are logged in; needs the extra `hub`"
    add("--push", metavar="OWNER/NAME", help=help)
    help = "of --format web: a folder of onnxruntime-web; without it that is fetched once from the registry of npm"
    add("--runtime", type=file_path, metavar="FOLDER", help=help)


def _add_film_file(add: Callable[..., object]) -> None:
    help = f"a {', '.join(FILM_EXTENSIONS)} file, or a folder of frames; .mp4 needs the extra `film`"
    add("--output", type=file_path, required=True, metavar="FILE", help=help)
    _add_crf(add)


def _add_crf(add: Callable[..., object]) -> None:
    help = f"of an MP4: how much is lost, from 0 (nothing) to {LARGEST_CRF}"
    add("--crf", type=_at_least(0), default=CRF, metavar="NUMBER", help=help)


def _add_command(commands: Any, name: str, help: str, *, has_step: bool = True) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help, description=help, formatter_class=HelpFormatter)
    command.set_defaults(command=name)
    add = command.add_argument_group("the run").add_argument
    help = "a run folder, or the name of one; a folder of exported weights, or hf://OWNER/NAME"
    add("run", metavar="RUN", help=help)
    _add_common(add, has_step=has_step)
    return command


def _add_common(add: Callable[..., object], *, has_step: bool = True) -> None:
    add("--output-folder", default="runs", metavar="FOLDER", help="where runs are looked for by name")
    if has_step:
        add("--step", type=_at_least(0), metavar="STEP", help="of an older checkpoint that is still kept")
    add("--debug", action="store_true", help="show the traceback of an error")


def _add_latents(add: Callable[..., object], what: str) -> None:
    help = f"codes or styles as `project` writes them, {what}; may be given again"
    add("--latents", type=file_path, action="append", default=[], metavar="FILE.npz", help=help)


def _add_direction(add: Callable[..., object]) -> None:
    add("--direction", type=_at_least(0), metavar="NUMBER", help="move all seeds along this one, from 0")
    help = "how far, in standard deviations, such as -3:3 or 2; a seed's own picture is at 0"
    add("--amount", type=_amounts, default=Move.amounts, metavar="FROM:TO", help=help)
    help = "sefa: by what the first layers make of a code or a style; pca: by the variance of styles"
    add("--method", choices=METHODS, default=Move.method, help=help)


def _add_class(add: Callable[..., object]) -> None:
    help = "of a run with --conditional: the class of all pictures; the classes in turn without it"
    add("--class", dest="class_name", metavar="NAME", help=help)


def _seeds(text: str) -> Sequence[int]:
    try:
        return parse_seeds(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _amounts(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in (text if ":" in text else f"{text}:{text}").split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, or two such as -3:3; got {text!r}") from None
    return low, high


def _times(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be seconds such as 0,1.5,2.75; got {text!r}") from None


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= LARGEST_TRUNCATION:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {LARGEST_TRUNCATION}; got {text!r}")
    return value


def _side(text: str) -> int:
    if text not in map(str, MIX_SIDES_PX):
        raise argparse.ArgumentTypeError(f"must be a power of two from 4 to 1024; got {text!r}")
    return int(text)


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least}; got {text!r}")
        return int(text)

    return number
