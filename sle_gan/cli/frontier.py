"""`sle-gan frontier`: trains dense and sparse generators on the same images, and shows what sparsity costs in quality.

Every training and every scoring is a process of its own. What is finished is not done again, so the same command goes
on where it was stopped.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from sle_gan.assembly.generator_cost import generator_cost
from sle_gan.cli.program import ArgumentParser, HelpFormatter, file_path, run_program
from sle_gan.cli.settings_flags import reader
from sle_gan.cli.terminal import print_table
from sle_gan.errors import InputError
from sle_gan.evaluation import kid_name
from sle_gan.evaluation.judges import judge_of
from sle_gan.marks import SOFTWARE
from sle_gan.report.frontier import Trained, frontier_cells, frontier_plot, to_markdown
from sle_gan.report.record import read_record
from sle_gan.run import RunFolder
from sle_gan.settings import TicketSearchSettings
from sle_gan.settings.kinds import POSITIVE, RATE
from sle_gan.shell import shell_line

_SLE_GAN = [sys.executable, "-c", "import sys; from sle_gan.cli.main import main; sys.exit(main())"]


class Point(NamedTuple):
    """A training of the frontier.

    Attributes:
        method: what it is called in the table; None for a search, which is no row of it.
        name: of its run, without the seed.
        words: what `train` is told beside the common words.
        search: name of the run, without the seed, that finds its ticket; or None.
    """

    method: str | None
    name: str
    words: tuple
    search: str | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, that of a training that failed, 130 SIGINT.
    """
    argv = sys.argv[1:] if argv is None else argv
    cut = argv.index("--") if "--" in argv else len(argv)
    arguments = parser().parse_args(argv[:cut])
    return run_program(lambda: _frontier(arguments, argv[cut + 1 :]), debug=arguments.debug)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments before `--`."""
    result = ArgumentParser(
        prog="sle-gan frontier",
        description="Train dense and sparse on the same images, score, and plot quality against sparsity. What follows "
        "-- is for every training, such as -- --resolution 64 --steps 5000.",
        formatter_class=HelpFormatter,
    )
    add = result.add_argument
    add("--data-folder", required=True, metavar="FOLDER", help="images")
    add(
        "--output-folder",
        type=file_path,
        default="frontier",
        metavar="FOLDER",
        help="of the runs, the table and the plot",
    )
    add("--seeds", type=_several(int, 0), default="0,1", metavar="NUMBERS", help="each method is trained with each")
    add("--sparsities", type=_several(reader(RATE)), default="0.3", metavar="SHARES", help="of Re-GAN's sparse phases")
    add(
        "--ticket-rounds",
        type=_several(reader(POSITIVE)),
        default="3",
        metavar="COUNTS",
        help="tickets after so many rounds of 20 %%, and random masks as dense as each",
    )
    add(
        "--generator-densities",
        type=_several(reader(RATE)),
        default="0.2",
        metavar="SHARES",
        help="sparse from scratch",
    )
    add("--discriminator-density", type=reader(RATE), default=0.3, metavar="SHARE", help="with these")
    add(
        "--number-of-images", type=reader(POSITIVE), default=1000, metavar="IMAGES", help="drawn and scored of each run"
    )
    add("--debug", action="store_true", help="show the traceback of an error")
    return result


def _several(convert: Callable[[str], Any], least: int | None = None) -> Callable[[str], list[Any]]:
    def numbers(text: str) -> list[Any]:
        try:
            found = [convert(part) for part in text.split(",")]
        except ValueError:
            found = []
        if not found or (least is not None and min(found) < least):
            raise argparse.ArgumentTypeError(f"must be numbers such as those of the default; got {text!r}")
        return found

    return numbers


def points(arguments: argparse.Namespace) -> list[Point]:
    """Lists the trainings for one seed, a search before what needs its ticket.

    Args:
        arguments: the parsed arguments.

    Returns:
        List of `Point`.
    """
    found = [Point("dense", "dense", ())]
    for sparsity in arguments.sparsities:
        words: tuple[str, ...] = ("--reconfigure", "--sparsity", str(sparsity))
        found.append(Point(f"Re-GAN, {sparsity:.0%} pruned in turn", f"regan-{sparsity:g}", words))
    for density in arguments.generator_densities:
        words = ("--sparse-from-scratch", "--generator-density", str(density))
        words += ("--discriminator-density", str(arguments.discriminator_density))
        method = f"STU-GAN, {density:.0%} and {arguments.discriminator_density:.0%} live"
        found.append(Point(method, f"stu-{density:g}", words))
    most = max(arguments.ticket_rounds)
    search = f"search-{most}"
    found.append(Point(None, search, ("--find-ticket", "--ticket-rounds", str(most))))
    for rounds in arguments.ticket_rounds:
        density = 0.8**rounds
        found.append(Point(f"ticket, {density:.0%} live", f"ticket-{rounds}", (), search))
        random = ("--ticket-masks", "random")
        found.append(Point(f"random masks, {density:.0%} live", f"random-{rounds}", random, search))
    return found


def _frontier(arguments: argparse.Namespace, common: Sequence[str]) -> int:
    if not Path(arguments.data_folder).expanduser().is_dir():
        raise InputError(f"--data-folder must be a folder of images; got {arguments.data_folder}")
    common = ["--data-folder", arguments.data_folder, "--output-folder", str(arguments.output_folder), *common]
    trained = []
    for seed in arguments.seeds:
        for point in points(arguments):
            run = RunFolder(arguments.output_folder / f"{point.name}-seed{seed}")
            words = [*common, *point.words, *_ticket_words(point, arguments, seed)]
            code = _call("train", *words, "--name", run.name, "--seed", str(seed))
            if code == 0 and point.method is not None and _scores(run, arguments) is None:
                count = str(arguments.number_of_images)
                code = _call("evaluate", str(run.path), "--metrics", "kid", "--number-of-images", count)
            if code:
                print(f"stopped at {run.path}; the same command goes on", file=sys.stderr)
                return code
            if point.method is not None:
                trained.append(_measured(point, run, arguments, seed))
    name = f"KID x 10^3 ({judge_of(run.settings())}, {arguments.number_of_images} images)"
    table = frontier_cells(trained, name)
    (arguments.output_folder / "frontier.md").write_text(to_markdown(*table), encoding="utf-8")
    frontier_plot(trained, name).savefig(arguments.output_folder / "frontier.png", metadata={"Software": SOFTWARE})
    print_table(*table)
    print(f"floor of the KID, between halves of the images: {trained[0].floor:.1f}")
    print(f"written: {arguments.output_folder / 'frontier.md'}, {arguments.output_folder / 'frontier.png'}")
    return 0


def _ticket_words(point: Point, arguments: argparse.Namespace, seed: int) -> tuple[str, ...]:
    if point.search is None:
        return ()
    rounds = int(point.name.rpartition("-")[2])
    tickets = RunFolder(arguments.output_folder / f"{point.search}-seed{seed}").tickets
    return ("--ticket", str(next(iter(tickets.glob(f"ticket-{rounds:02d}-*.safetensors")))))


def _call(*words: str) -> int:
    print(f"\n$ {shell_line('sle-gan', *words)}", flush=True)
    return subprocess.run([*_SLE_GAN, *words], check=False).returncode


def _scores(run: RunFolder, arguments: argparse.Namespace) -> dict[str, Any] | None:
    step, name = run.latest_step(), kid_name(judge_of(run.settings()))
    rows = [row for row in read_record(run).scores if row["step"] == step]
    rows = [row for row in rows if row["fakes"] == arguments.number_of_images and name in row["scores"]]
    return rows[-1]["scores"][name] if rows else None


def _training_flops(run: RunFolder) -> float:
    """Returns the theoretical FLOPs of a training as a multiple of a dense one of as many steps."""
    return read_record(run).losses[-1].get("training_flops_share", 1.0)


def _measured(point: Point, run: RunFolder, arguments: argparse.Namespace, seed: int) -> Trained:
    cost, score = generator_cost(run), cast(dict[str, Any], _scores(run, arguments))
    search_flops = 0.0
    if point.search is not None:
        search = RunFolder(run.path.with_name(f"{point.search}-seed{seed}"))
        settings = search.settings()
        found_by = cast(TicketSearchSettings, settings.sparsity)
        search_flops = _training_flops(search) * settings.optimization.steps / found_by.round_steps
    return Trained(
        cast(str, point.method),
        seed,
        score["value"],
        score["floor"],
        cost.live_parameters,
        _training_flops(run),
        search_flops,
        cost.flops,
        cost.sizes.sparse_gzip,
    )
