"""Draws a data set of flowers.

python -m sle_gan.data.flowers OUTPUT_FOLDER --count 200 --size 128 --seed 0
"""

import argparse
import sys
from collections.abc import Sequence

from sle_gan.data.flowers.data_set import write_flowers
from sle_gan.errors import SleGanError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; those of the process if None.

    Returns:
        The exit code: 0 for done, 2 for bad input, 4 if the folder cannot be written.
    """
    parser = argparse.ArgumentParser(
        prog="python -m sle_gan.data.flowers",
        description="Draw flowers, and write beside them what each was drawn from.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("output_folder", metavar="OUTPUT_FOLDER", help="where the pictures are written")
    parser.add_argument("--count", type=int, default=200, help="number of pictures")
    parser.add_argument("--size", type=int, default=128, help="side of the pictures in pixels, 16 to 4096")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other flowers")
    arguments = parser.parse_args(argv)
    try:
        write_flowers(arguments.output_folder, arguments.count, arguments.size, arguments.seed)
    except SleGanError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"drew {arguments.count} flowers of {arguments.size} px in {arguments.output_folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
