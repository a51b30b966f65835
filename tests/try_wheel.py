"""Tries an installed sle-gan where nothing else of the project is: `make package` runs it in a bare environment."""

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

PROGRAM = Path(sysconfig.get_path("scripts")) / "sle-gan"
FLOWERS = [
    sys.executable,
    "-I",
    "-m",
    "sle_gan.data.flowers",
    "flowers",
    "--count",
    "12",
    "--size",
    "64",
    "--seed",
    "0",
]
TRAINING = ["--resolution", "64", "--width", "8", "--batch-size", "4", "--steps", "4", "--log-frequency", "2"]
COMMANDS = [
    FLOWERS,
    [PROGRAM, "--version"],
    [PROGRAM, "doctor", "flowers", "--resolution", "64", "--no-estimate"],
    [PROGRAM, "train", "--data-folder", "flowers", "--name", "tried", *TRAINING],
    [PROGRAM, "train", "--data-folder", "flowers", "--preset", "sle-gan", "--dry-run"],
    [PROGRAM, "generate", "samples", "tried", "--seeds", "0-3", "--grid", "--output", "drawn.png"],
    [PROGRAM, "evaluate", "tried", "--metrics", "kid,swd", "--number-of-images", "12"],
    [PROGRAM, "report", "tried"],
    [PROGRAM, "compare", "tried", "--html", "compare.html"],
]
LEFT = ("runs/tried/report.html", "drawn.png", "compare.html")


def main() -> int:
    """Runs the commands in a folder of their own; returns 0 if all did what they should."""
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            print("+", *map(str, command), flush=True)
            subprocess.run(command, cwd=folder, check=True)
        missing = [name for name in LEFT if not (Path(folder) / name).is_file()]
    print(f"missing: {', '.join(missing)}" if missing else "the wheel does what it should")
    return len(missing)


if __name__ == "__main__":
    sys.exit(main())
