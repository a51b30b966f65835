"""Completion in a shell: what bash offers, and that it is there at once."""

import argparse
import shutil
import subprocess
import sys

import pytest

from sle_gan.cli.main import PARSERS, PROGRAMS, main

ASK = """
source {script}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=()
function_name=$(complete -p sle-gan | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
$function_name sle-gan "${{COMP_WORDS[$COMP_CWORD]}}" "${{COMP_WORDS[$((COMP_CWORD - 1))]}}"
echo "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """The script for bash, written by a process that must not have loaded TensorFlow."""
    code = (
        "import sys; from sle_gan.cli.main import main; code = main(['completion', 'bash']); "
        "assert 'tensorflow' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    file = tmp_path_factory.mktemp("completion") / "sle-gan"
    file.write_text(done.stdout)
    return file


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("sle-gan comp", {"compare", "completion"}),
        ("sle-gan train --resol", {"--resolution"}),
        ("sle-gan train --model sty", {"stylegan2"}),
        ("sle-gan generate inter", {"interpolate"}),
        ("sle-gan generate samples --reject", {"--reject-copies"}),
        ("sle-gan completion z", {"zsh"}),
    ],
)
def test_bash_completes_programs_flags_and_choices(script, words, offered):
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    ask = ASK.format(script=script, words=words)
    done = subprocess.run(["bash", "--norc", "-c", ask], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offered


def test_bash_offers_folders_for_a_run_and_files_for_a_file(script, tmp_path):
    (tmp_path / "runs-here").mkdir()
    (tmp_path / "rows.csv").touch()
    for words, offered in (("sle-gan report r", {"runs-here"}), ("sle-gan compare --csv r", {"runs-here", "rows.csv"})):
        ask = ASK.format(script=script, words=words)
        done = subprocess.run(["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert set(done.stdout.split()) == offered


def test_every_program_is_completed():
    assert PARSERS.keys() == PROGRAMS.keys()


@pytest.mark.parametrize(("shell", "beginning"), [("zsh", "#compdef sle-gan"), ("tcsh", "# AUTOMATICALLY")])
def test_other_shells_have_a_script_too(capsys, shell, beginning):
    assert main(["completion", shell]) == 0
    assert capsys.readouterr().out.startswith(beginning)


def helps_of(parser):
    yield parser.format_help()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from helps_of(below)


@pytest.mark.parametrize("program", PARSERS)
def test_the_help_of_every_program_and_command_can_be_shown(program):
    assert all("usage:" in text for text in helps_of(PARSERS[program]()))


def test_without_shtab_a_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr("sle_gan.extras.importlib.util.find_spec", lambda name: None)
    assert main(["completion", "bash"]) == 2
    told = "the completion of a shell needs the extra `completion`, which is not installed: pip install shtab"
    assert told in capsys.readouterr().err
