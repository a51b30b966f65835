"""A generator's weights alone, as safetensors, and the settings that build the network which they fit, as JSON."""

from pathlib import Path

from sle_gan.array_files import read_arrays, write_arrays
from sle_gan.errors import StorageError
from sle_gan.export.formats.exporting import CHECKED_SEEDS, Drawn, Source
from sle_gan.json_files import read_json, write_json
from sle_gan.models.build import build_generator
from sle_gan.models.io import seed_inputs
from sle_gan.settings.nested import from_nested, to_nested, without_paths

_WEIGHTS = "generator.safetensors"
_DESCRIPTION = "generator.json"


def write(source: Source, folder: Path) -> None:
    """Writes `generator.safetensors`, float32 arrays by the names of their variables, and `generator.json`."""
    write_arrays(
        folder / _WEIGHTS, {variable.name: variable.numpy() for variable in source.trained.generator.variables}, {}
    )
    settings = to_nested(without_paths(source.trained.run.settings()))
    write_json(folder / _DESCRIPTION, source.describe() | {"settings": settings})


def draw(source: Source, folder: Path) -> dict[str, Drawn]:
    """Draws with a network that is built from the files alone."""
    settings = from_nested(read_json(folder / _DESCRIPTION)["settings"])
    generator = build_generator(settings.network, settings.images, settings.optimization.seed)
    arrays, _ = read_arrays(folder / _WEIGHTS)
    variables = {variable.name: variable for variable in generator.variables}
    if arrays.keys() != variables.keys():
        name = min(arrays.keys() ^ variables.keys())
        raise StorageError(f"{_WEIGHTS} must hold the variables of the network; {name} is in one of them alone")
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return {_WEIGHTS: Drawn(generator(seed_inputs(generator, range(CHECKED_SEEDS)), training=False).numpy())}
