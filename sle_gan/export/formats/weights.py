"""A generator's weights alone, as safetensors, and the settings that build the network which they fit, as JSON."""

from pathlib import Path

import numpy as np

from sle_gan.array_files import write_arrays
from sle_gan.export.formats.exporting import CHECKED_SEEDS, Drawn, Source
from sle_gan.export.trained import TrainedGenerator
from sle_gan.json_files import write_json
from sle_gan.settings.nested import to_nested, without_paths
from sle_gan.shared_generator import DESCRIPTION_FILE, WEIGHTS_FILE, SharedGenerator


def write(source: Source, folder: Path) -> None:
    """Writes `generator.safetensors`, float32 arrays by the names of their variables, and `generator.json`."""
    write_arrays(
        folder / WEIGHTS_FILE, {variable.name: variable.numpy() for variable in source.trained.generator.variables}, {}
    )
    settings = to_nested(without_paths(source.trained.run.settings()))
    write_json(folder / DESCRIPTION_FILE, source.describe() | {"settings": settings})


def draw(source: Source, folder: Path) -> dict[str, Drawn]:
    """Draws with the folder as `sle_gan.open_run` does, with a network that is built from the files alone."""
    shared = TrainedGenerator(SharedGenerator(folder))
    return {WEIGHTS_FILE: Drawn(np.stack(list(shared.draw_seeds(range(CHECKED_SEEDS)))))}
