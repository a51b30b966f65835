"""Commands that are printed: a shell reads them as they are meant, whatever a folder is called."""

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import sle_gan
from sle_gan.settings.field import flag_name
from sle_gan.settings.kinds import PATH, TEXT
from sle_gan.settings.train import GIVABLE
from sle_gan.shell import shell_line

NAMES = ["plain", "my photos", "it's", 'a "b"', "$HOME `id` $(id)", "a;b&c|d>e", "*?[x]~", "-x y", "", "ü 猫", "\\n\\"]
UNPRINTABLE = ["a\nb", "\033[2J", "tab\there's", os.fsdecode(b"\xff caf\xe9"), "\u202e\\'"]


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_reads_a_line_as_its_words(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    words = NAMES + UNPRINTABLE * (shell == "bash")
    line = shell_line("printf", r"%s\0", *words)
    read = subprocess.run([shell, "-c", line], capture_output=True, check=True).stdout
    assert read.decode("utf-8", "surrogateescape").split("\0")[:-1] == words
    assert line.isprintable()


def test_numbers_and_paths_are_words():
    assert shell_line("python", "train.py", "--steps", 20, "--name", Path("my run")) == (
        "python train.py --steps 20 --name 'my run'"
    )


# Where a value that may hold a space follows a flag or a program in a message, it is quoted.

TAKES_TEXT = {flag_name(name) for name, setting in GIVABLE.items() if setting.kind in (PATH, TEXT)}
TAKES_TEXT |= {"--name", "--output", "--file", "--real", "--fake", "--pairs", "--sheet", "--class"}
PROGRAM = re.compile(r"(?<![\w-])(python3? \S+\.py|sle-gan|sle-gan [a-z]+)( --.*| )$")


def unquoted(source):
    """Returns the lines of f-strings that put a value into a command without `shell_line`."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        before = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                before += part.value
                continue
            flag = re.search(r"(--[a-zA-Z][\w-]*)[ =]$", before)
            is_command = (flag and flag[1] in TAKES_TEXT) or PROGRAM.search(before)
            if is_command and "shell_line(" not in ast.unparse(part) and ast.unparse(part.value) != "__version__":
                lines.append(part.lineno)
            before = f"{before} --" if PROGRAM.search(before) else ""
    return lines


def test_every_command_that_a_message_holds_is_quoted_by_one_function():
    for source, expected in (
        ('f"next: python train.py {path}"', [1]),
        ('f"sle-gan evaluate {run} --step 3"', [1]),
        ('f"python train.py --steps 3 --name {run.name}"', [1]),
        ('f"give --data-folder {folder}"', [1]),
        ("f\"$ sle-gan {' '.join(words)}\"", [1]),
        ('f"give --data-folder {shell_line(folder)}"', []),
        ('f"next: python train.py --name {shell_line(name)}"', []),
        ('f"give --steps {count}; {reason}"', []),
    ):
        assert unquoted(source) == expected, source
    package = Path(sle_gan.__file__).parent
    sources = {file: file.read_text(encoding="utf-8") for file in package.rglob("*.py")}
    assert {file.name: unquoted(source) for file, source in sources.items() if unquoted(source)} == {}
    assert [file.name for file, source in sources.items() if re.search(r"^import shlex|from shlex", source, re.M)] == [
        "shell.py"
    ]
