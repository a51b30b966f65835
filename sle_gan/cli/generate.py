"""`generate.py`: pictures, films and exports of a run.

The arguments and the run are checked before TensorFlow is imported.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from sle_gan.assembly.opened_run import open_run, open_run_of
from sle_gan.cli.generate_flags import parser
from sle_gan.cli.program import run_program
from sle_gan.errors import InputError
from sle_gan.export.directions import Move
from sle_gan.export.drawing import format_seeds
from sle_gan.export.formats import FORMATS
from sle_gan.export.samples import EXTENSIONS
from sle_gan.export.sizes import size_lines
from sle_gan.export.walk import WalkSheet


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 4 input/output, 130 SIGINT.
    """
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(lambda: _COMMANDS[arguments.command](arguments), debug=arguments.debug)


def _samples(arguments: argparse.Namespace) -> int:
    samples = open_run(arguments.run, arguments.output_folder).samples(
        _given_seeds(arguments) or (),
        arguments.mix_seeds,
        arguments.mix_from,
        class_name=arguments.class_name,
        truncation=arguments.truncation,
        step=arguments.step,
        latents=arguments.latents,
        move=_move(arguments, 1 if len(set(arguments.amount)) == 1 else arguments.count),
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
        left_out = f"{len(saved.copies)} of {len(samples.points)} left out as near copies of training images"
        print(f"{left_out}: seeds {format_seeds(saved.copies)}")
    repeated = "" if saved.count == len(samples) - len(saved.copies) or arguments.grid else ", each seed once"
    print(f"{saved.count} pictures of step {saved.step} in {saved.output}{repeated}")
    return 0


def _interpolate(arguments: argparse.Namespace) -> int:
    run = open_run(arguments.run, arguments.output_folder)
    several = _given_seeds(arguments) or [()]
    if arguments.latents and len(several) > 1:
        raise InputError("--latents goes with a single walk: give --seeds once")
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
            latents=arguments.latents,
            move=_move(arguments),
        )
        for seeds in several
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
    move = _move(arguments, arguments.frames or arguments.columns)
    drawn_with = {"class_name": arguments.class_name, "truncation": arguments.truncation, "step": arguments.step}
    if arguments.frames:
        if move is None:
            raise InputError("a film needs --direction, such as 0")
        film = run.moved_film(arguments.seeds, move, fps=arguments.fps, **drawn_with)
        film.save(arguments.output, arguments.crf)
        print(f"{len(film)} frames of step {film.walks[0].drawing.step} in {arguments.output}")
        return 0
    move = move or Move(method=arguments.method, amounts=arguments.amount, count=arguments.columns)
    sheet = run.moved(arguments.seeds, move, **drawn_with)
    if arguments.output.suffix.lower() not in EXTENSIONS.values():
        raise InputError(f"--output must end in {', '.join(EXTENSIONS.values())}; got {arguments.output}")
    saved = sheet.save(arguments.output, grid=True)
    along = "directions" if move.direction is None else f"{len(sheet.points)} seeds along direction {move.direction}"
    print(f"{along} at step {saved.step} in {arguments.output}")
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


def _redraw(arguments: argparse.Namespace) -> int:
    by_name = arguments.run is not None
    folder = arguments.output_folder
    run = open_run(arguments.run, folder) if by_name else open_run_of(arguments.picture, folder)
    redrawn = run.redraw(arguments.picture, arguments.step).save(arguments.output)
    told = {None: "", 0: ", with the same pixels"}
    differing = f", up to {redrawn.difference} of 255 off the picture: the run or the machine is another"
    print(f"{arguments.picture} of step {redrawn.step} in {redrawn.output}{told.get(redrawn.difference, differing)}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    run = open_run(arguments.run, arguments.output_folder)
    options = {name: getattr(arguments, name) for name in ("seeds", "license", "push", "runtime", "truncation")}
    exported = run.export(arguments.format, arguments.output, arguments.step, **options)
    title = FORMATS[arguments.format].title
    truncated = "" if arguments.truncation is None else f" at a truncation of {arguments.truncation:g}"
    print(f"{title} of step {exported.step}{truncated} in {exported.folder}: the same pictures as the run on 8 seeds")
    for name, difference in exported.differences.items():
        if difference.rounded:
            print(f"{name}: {difference.mean:.2f} of 255 beside them on average, {difference.largest} at most")
    print("\n".join(size_lines(exported.sizes)))
    if exported.address is not None:
        print(f"published: {exported.address}")
    return 0


def _given_seeds(arguments: argparse.Namespace) -> Any:
    if arguments.seeds is None and not arguments.latents:
        raise InputError("--seeds or --latents must name what is drawn")
    return arguments.seeds


def _move(arguments: argparse.Namespace, count: int = Move.count) -> Move | None:
    if arguments.direction is None:
        return None
    return Move(method=arguments.method, direction=arguments.direction, amounts=arguments.amount, count=count)


_COMMANDS = {
    "samples": _samples,
    "interpolate": _interpolate,
    "history": _history,
    "directions": _directions,
    "project": _project,
    "redraw": _redraw,
    "export": _export,
}
