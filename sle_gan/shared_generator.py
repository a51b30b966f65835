"""A generator that is shared without its run: weights as safetensors and settings as JSON, in a folder or on the Hub.

Imports no TensorFlow, and the Hub's library only where a name begins with `hf://`.
"""

from pathlib import Path
from typing import Any

from sle_gan.errors import InputError
from sle_gan.hub import fetch, hub_name
from sle_gan.json_files import read_json
from sle_gan.run import RunFolder, find_run
from sle_gan.run_config import RunConfig
from sle_gan.settings.nested import from_nested

WEIGHTS_FILE = "generator.safetensors"
DESCRIPTION_FILE = "generator.json"
HUB_PREFIX = "hf://"


class SharedGenerator(RunFolder):
    """A folder of `--format weights` or `hub`: what can be drawn of a run at one step, and nothing else of it.

    Args:
        path: the folder.
        output: where what is drawn of it is written where no folder is given; the folder itself if None.

    Raises:
        InputError: if its description is damaged.
    """

    def __init__(self, path: Path, output: Path | None = None) -> None:
        super().__init__(path)
        self.output = path if output is None else output
        self.config_file = path / DESCRIPTION_FILE
        self.weights_file = path / WEIGHTS_FILE
        description = read_json(self.config_file)
        self._description: dict[str, Any] = description if isinstance(description, dict) else {}
        name, step = self._description.get("run"), self._description.get("step")
        if (
            not isinstance(name, str)
            or type(step) is not int
            or not isinstance(self._description.get("settings"), dict)
        ):
            raise InputError(f"{self.config_file} must describe a generator: run, step and settings")
        self.name, self._step = name, step

    def config(self) -> RunConfig:
        """Returns the settings that the generator was trained with; of versions and commands nothing is known."""
        try:
            return RunConfig(from_nested(self._description["settings"]), {}, [])
        except InputError as error:
            raise InputError(f"{self.config_file}: {error}") from None

    def latest_step(self) -> int | None:
        """Returns the one step that is there."""
        return self._step

    def generator_checkpoint(self, step: int | None = None, *, or_newest: bool = False) -> tuple[int, Path]:
        """Returns the one step that is there, and the file of its weights.

        Raises:
            InputError: if another step is asked for.
        """
        if step not in (None, self._step) and not or_newest:
            raise InputError(f"--step must be the one that {self.path} was exported from: {self._step}; got {step}")
        return self._step, self.weights_file


def find_generator(text: Path | str, output_folder: Path | str) -> RunFolder:
    """Finds what can be drawn from: a run, an exported folder, or one on the Hub, which is fetched.

    Args:
        text: a run folder, the name of one in `output_folder`, a folder of `--format weights` or `hub`, or
            `hf://OWNER/NAME`, with `@` and a revision behind it if it is not to be the newest.
        output_folder: where runs lie.

    Raises:
        InputError: if there is none, it is damaged, or the Hub cannot be reached.
    """
    if str(text).startswith(HUB_PREFIX):
        return _fetched(str(text))
    path = Path(text).expanduser()
    is_shared = all((path / name).is_file() for name in (WEIGHTS_FILE, DESCRIPTION_FILE))
    return SharedGenerator(path) if is_shared and not RunFolder(path).exists() else find_run(text, output_folder)


def _fetched(text: str) -> SharedGenerator:
    name = hub_name(text.removeprefix(HUB_PREFIX))
    folder = fetch(name, (WEIGHTS_FILE, DESCRIPTION_FILE))
    if not all((folder / file).is_file() for file in (WEIGHTS_FILE, DESCRIPTION_FILE)):
        raise InputError(f"{text} must hold {WEIGHTS_FILE} and {DESCRIPTION_FILE}, as --format hub writes them")
    return SharedGenerator(folder, Path(name.repository.rpartition("/")[2]))
