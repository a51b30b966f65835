"""`generate.py`: pictures, films and exports of a run.

The arguments and the run are checked before TensorFlow is imported.
"""

import argparse
import math
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from sle_gan.assembly.opened_run import open_run
from sle_gan.cli.program import ArgumentParser, HelpFormatter, file_path, run_program
from sle_gan.export.directions import METHODS, SHEET_EXTENSIONS, Move
from sle_gan.export.drawing import LARGEST_SEED, LARGEST_TRUNCATION, format_seeds
from sle_gan.export.film import FPS
from sle_gan.export.film_files import CRF, FILM_EXTENSIONS, LARGEST_CRF
from sle_gan.export.formats import FORMATS
from sle_gan.export.history import FPS as HISTORY_FPS
from sle_gan.export.projection import Projection
from sle_gan.export.route import EASINGS
from sle_gan.export.samples import EXTENSIONS, MIX_FROM_PX, MIX_SIDES_PX
from sle_gan.export.sizes import size_lines
from sle_gan.export.walk import FRAMES, PATHS, SPACES, Pace, WalkSheet

_STYLES_HELP = "Of networks with styles, such as stylegan2."


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 4 input/output, 130 SIGINT.
    """
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(lambda: arguments.make(arguments), debug=arguments.debug)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments."""
    result = ArgumentParser(prog="generate.py", description="Draw with a trained generator, or export it.")
    commands = result.add_subparsers(
        required=True, metavar="samples | interpolate | history | directions | project | export"
    )
    samples = _add_command(commands, "samples", _samples, "draw the picture of each seed")
    add = samples.add_argument_group("pictures").add_argument
    add("--seeds", type=_seeds, required=True, metavar="SEEDS", help="such as 0-15 or 3,7,20-29")
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
    _add_interpolate(commands)
    history = _add_command(commands, "history", _history, "film a training: its samples from step 0 on", has_step=False)
    add = history.add_argument_group("film").add_argument
    add("--loop", action="store_true", help="begin again at the end")
    add("--fps", type=_at_least(1), default=HISTORY_FPS, metavar="SHEETS", help="shown in a second")
    _add_film_file(add)
    _add_directions(commands)
    _add_project(commands)
    _add_export(commands)
    return result


def _add_interpolate(commands: Any) -> None:
    interpolate = _add_command(commands, "interpolate", _interpolate, "film a walk from seed to seed")
    add = interpolate.add_argument_group("film").add_argument
    help = "two or more, such as 0,1,2; given again, one more walk beside it"
    add("--seeds", type=_seeds, required=True, action="append", metavar="SEEDS", help=help)
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
    add("--space", choices=SPACES, default=SPACES[0], help="walk among latent codes (z) or among styles (w)")


def _add_directions(commands: Any) -> None:
    help = "show in which directions pictures change most, and move along them"
    directions = _add_command(commands, "directions", _directions, help)
    add = directions.add_argument_group("pictures").add_argument
    add("--seeds", type=_seeds, default=range(1), metavar="SEEDS", help="without --direction the first alone is drawn")
    help = "sefa: by what the first layers make of a code or a style; pca: by the variance of styles"
    add("--method", choices=METHODS, default=Move.method, help=help)
    help = "move all seeds along this one, from 0; without it a row for each of the strongest eight"
    add("--direction", type=_at_least(0), metavar="NUMBER", help=help)
    help = "how far, in standard deviations, such as -3:3; a seed's own picture is at 0"
    add("--amount", type=_amounts, default=Move.amounts, metavar="FROM:TO", help=help)
    add("--columns", type=_at_least(2), default=Move.count, metavar="PICTURES", help="in a row of a sheet")
    _add_class(add)
    help = f"a sheet ({', '.join(SHEET_EXTENSIONS)}), or with --frames a film or a folder of frames"
    add("--output", type=file_path, required=True, metavar="FILE", help=help)
    add = directions.add_argument_group("film").add_argument
    add("--frames", type=_at_least(2), metavar="FRAMES", help="of one way: makes a film, there and back")
    _add_crf(add)
    add("--fps", type=_at_least(1), default=FPS, metavar="FRAMES", help="frames shown in a second")
    add = directions.add_argument_group("styles", _STYLES_HELP).add_argument
    add("--truncation", type=_share, metavar="PSI", help="how far pictures go from the average one; 1 is all the way")


def _add_project(commands: Any) -> None:
    project = _add_command(commands, "project", _project, "find the picture that comes closest to a given one")
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


def _add_export(commands: Any) -> None:
    export = _add_command(commands, "export", _export, "write the generator in another program's format")
    add = export.add_argument_group("format").add_argument
    formats = "; ".join(f"{name}: {row.about}" for name, row in FORMATS.items())
    add("--format", choices=tuple(FORMATS), default="saved-model", help=formats)
    help = "where versions 1, 2, ... are written; RUN/exported/FORMAT without it"
    add("--output", type=file_path, metavar="FOLDER", help=help)
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


def _add_command(
    commands: Any, name: str, make: Callable[[argparse.Namespace], int], help: str, *, has_step: bool = True
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help, description=help, formatter_class=HelpFormatter)
    command.set_defaults(make=make)
    add = command.add_argument_group("the run").add_argument
    help = "a run folder, or the name of one; a folder of exported weights, or hf://OWNER/NAME"
    add("run", metavar="RUN", help=help)
    add("--output-folder", default="runs", metavar="FOLDER", help="where runs are looked for by name")
    if has_step:
        add("--step", type=_at_least(0), metavar="STEP", help="of an older checkpoint that is still kept")
    add("--debug", action="store_true", help="show the traceback of an error")
    return command


def _add_class(add: Callable[..., object]) -> None:
    help = "of a run with --conditional: the class of all pictures; the classes in turn without it"
    add("--class", dest="class_name", metavar="NAME", help=help)


def _samples(arguments: argparse.Namespace) -> int:
    samples = open_run(arguments.run, arguments.output_folder).samples(
        arguments.seeds,
        arguments.mix_seeds,
        arguments.mix_from,
        class_name=arguments.class_name,
        truncation=arguments.truncation,
        step=arguments.step,
    )
    saved = samples.save(
        arguments.output,
        arguments.format,
        grid=arguments.grid,
        reject_copies=arguments.reject_copies,
        data_folder=arguments.data_folder,
        aspect=arguments.aspect,
    )
    if saved.copies:
        left_out = f"{len(saved.copies)} of {len(samples.seeds)} left out as near copies of training images"
        print(f"{left_out}: seeds {format_seeds(saved.copies)}")
    repeated = "" if saved.count == len(samples) - len(saved.copies) or arguments.grid else ", each seed once"
    print(f"{saved.count} pictures of step {saved.step} in {saved.output}{repeated}")
    return 0


def _interpolate(arguments: argparse.Namespace) -> int:
    run = open_run(arguments.run, arguments.output_folder)
    walks = [
        run.film(
            seeds,
            arguments.frames,
            loop=arguments.loop,
            easing=arguments.easing,
            beat=arguments.beat,
            fps=arguments.fps,
            space=arguments.space,
            path=arguments.path,
            class_name=arguments.class_name,
            truncation=arguments.truncation,
            step=arguments.step,
        )
        for seeds in arguments.seeds
    ]
    film = walks[0] if len(walks) == 1 else WalkSheet(walks)
    film.save(arguments.output, arguments.crf)
    print(f"{len(film)} frames of step {walks[0].drawing.step} in {arguments.output}")
    return 0


def _history(arguments: argparse.Namespace) -> int:
    film = open_run(arguments.run, arguments.output_folder).history(arguments.fps, loop=arguments.loop)
    film.save(arguments.output, arguments.crf)
    print(f"{len(film.sheets)} sheets in {arguments.output}")
    return 0


def _directions(arguments: argparse.Namespace) -> int:
    run = open_run(arguments.run, arguments.output_folder)
    count = arguments.frames or arguments.columns
    move = Move(method=arguments.method, direction=arguments.direction, amounts=arguments.amount, count=count)
    drawn_with = {"class_name": arguments.class_name, "truncation": arguments.truncation, "step": arguments.step}
    if arguments.frames:
        film = run.moved_film(arguments.seeds, move, fps=arguments.fps, **drawn_with)
        film.save(arguments.output, arguments.crf)
        print(f"{len(film)} frames of step {film.sheet.drawing.step} in {arguments.output}")
        return 0
    sheet = run.moved(arguments.seeds, move, **drawn_with)
    sheet.save(arguments.output)
    rows = f"{len(sheet.seeds)} seeds along direction {move.direction}" if move.direction is not None else "directions"
    print(f"{rows} at step {sheet.drawing.step} in {arguments.output}")
    return 0


def _project(arguments: argparse.Namespace) -> int:
    run = open_run(arguments.run, arguments.output_folder)
    projection = run.project(
        arguments.picture,
        starts=arguments.starts,
        steps=arguments.search_steps,
        seed=arguments.seed,
        class_name=arguments.class_name,
        step=arguments.step,
    )
    projected = projection.save(arguments.output or run.folder.output / "projected" / arguments.picture.stem)
    distances = f"perceptual distance {projected.distance:.3f}, of pixels {projected.pixel_distance:.4f}"
    print(f"{distances}, at step {projection.drawing.step}, in {projected.folder}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    run = open_run(arguments.run, arguments.output_folder)
    options = {
        "seeds": arguments.seeds,
        "license": arguments.license,
        "push": arguments.push,
        "runtime": arguments.runtime,
    }
    exported = run.export(arguments.format, arguments.output, arguments.step, **options)
    title = FORMATS[arguments.format].title
    print(f"{title} of step {exported.step} in {exported.folder}: the same pictures as the run on 8 seeds")
    for name, difference in exported.differences.items():
        if difference.rounded:
            print(f"{name}: {difference.mean:.2f} of 255 beside them on average, {difference.largest} at most")
    print("\n".join(size_lines(exported.sizes)))
    if exported.address is not None:
        print(f"published: {exported.address}")
    return 0


def _seeds(text: str) -> Sequence[int]:
    seeds = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if not match:
            raise argparse.ArgumentTypeError(f"must be whole numbers and ranges such as 0-15,20; got {text!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last > LARGEST_SEED:
            raise argparse.ArgumentTypeError(f"must be from 0 to {LARGEST_SEED}; got {last}")
        if first > last:
            raise argparse.ArgumentTypeError(f"must be ranges that rise, such as {last}-{first}; got {part.strip()}")
        seeds.append(range(first, last + 1))
    return seeds[0] if len(seeds) == 1 else [seed for part in seeds for seed in part]


def _amounts(text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be two numbers such as -3:3; got {text!r}") from None
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
