"""`sle-gan study`: trains rows of settings with several seeds, scores them, and says which are better.

Every training is a process of its own. What is finished is not done again, so the same command goes on where it was
stopped.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sle_gan.cli.program import ArgumentParser, HelpFormatter, file_path, run_program
from sle_gan.cli.settings_flags import reader
from sle_gan.cli.terminal import print_table, print_text
from sle_gan.errors import TrainingError
from sle_gan.marks import mark_folder
from sle_gan.run import RunFolder, check_writable
from sle_gan.settings.kinds import POSITIVE
from sle_gan.study.carry_out import CarriedOut, weakest_p
from sle_gan.study.outputs import PAGE, table_cells, write_results
from sle_gan.study.results import results_of, sentence
from sle_gan.study.study_file import Study, read_study
from sle_gan.study.workers import Workers, list_gpus, places

_WORKER = [sys.executable, "-m", "sle_gan.cli.study_worker"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 3 a training failed, 4 input/output, 130 SIGINT, 143 SIGTERM.
    """
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(lambda: _study(arguments), debug=arguments.debug)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments."""
    result = ArgumentParser(
        prog="sle-gan study",
        description="Train rows of settings with several seeds, score them, and say which are better. The same command "
        "goes on where it was stopped. docs/studies.md says what a file holds.",
        formatter_class=HelpFormatter,
    )
    result.add_argument("file", type=file_path, metavar="FILE", help="the study (.toml)")
    result.add_argument(
        "--output-folder",
        type=file_path,
        metavar="FOLDER",
        help="of the runs, the table, the plot and the page; the name of the file without it",
    )
    add_running_flags(result)
    return result


def add_running_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say how a study is carried out.

    Args:
        parser: of a program that carries out a study.
    """
    add = parser.add_argument
    add(
        "--at-once",
        type=reader(POSITIVE),
        metavar="COUNT",
        help="trainings at a time; as many as GPUs, or as the cores allow, without it",
    )
    add("--dry-run", action="store_true", help="check the study, print what would be done, and train nothing")
    add("--debug", action="store_true", help="show the traceback of an error")


def carry_out(study: Study, folder: Path, arguments: argparse.Namespace) -> int:
    """Carries out a study, or says what would be done.

    Args:
        study: the `Study`.
        folder: of its runs and results.
        arguments: those of `add_running_flags`.

    Returns:
        The exit code.

    Raises:
        InputError: if the study cannot be carried out.
        TrainingError: if a training failed, when all others are done.
    """
    check_writable(folder)
    carried_out = CarriedOut(study, folder, _tell)
    gpus = list_gpus()
    carried_out.check(has_gpus=bool(gpus))
    environments = places(study.settings.cores, arguments.at_once, gpus)
    rows, seeds = len(study.rows), len(study.settings.seeds)
    _tell(f"study {study.name}: {rows} rows, {seeds} seeds, {len(environments)} trainings at a time, in {folder}")
    if warning := weakest_p(study):
        _tell(f"warning: {warning}")
    if arguments.dry_run:
        for name, cell in carried_out.cells.items():
            state = "begins" if carried_out.measured(cell) is None else "is done"
            goes_on = cell.run.is_trained() and state == "begins"
            _tell(f"{name}: {'goes on' if goes_on else state}")
        return 0
    with RunFolder(folder).locked():
        mark_folder(folder)
        carried_out.carry_out(Workers(_WORKER, environments))
    failed = "; ".join(f"{name} ({why})" for name, why in list(carried_out.failures.items())[:3])
    if len(carried_out.failures) == len(carried_out.cells):
        raise TrainingError(f"all trainings failed: {failed}")
    results = results_of(carried_out)
    write_results(carried_out, results)
    print_table(*table_cells(results))
    for one in results.rows:
        print_text(sentence(one, results))
    if results.score in results.floors:
        _tell(f"{results.score} between halves of the images: {results.floors[results.score]:.4g}")
    _tell(f"written: {folder / PAGE}, and tables and the plot beside it")
    if carried_out.failures:
        raise TrainingError(f"{len(carried_out.failures)} of {len(carried_out.cells)} trainings failed: {failed}")
    return 0


def _study(arguments: argparse.Namespace) -> int:
    study = read_study(arguments.file)
    return carry_out(study, arguments.output_folder or Path(study.name), arguments)


def _tell(line: str) -> None:
    print(line, flush=True)
