"""Weights of a network as arrays by the names of its variables. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from sle_gan.errors import InputError
from sle_gan.keras_version import needs_keras_2

if TYPE_CHECKING:
    import tf_keras as keras


@needs_keras_2
def assign_arrays(network: keras.Model, arrays: Mapping[str, NDArray[Any]], source: object) -> None:
    """Gives each variable of a network the array of its name.

    Args:
        network: whose variables have names of their own each.
        arrays: by the names of all its variables.
        source: where they come from, for an error.

    Raises:
        InputError: if they are not those of the network; nothing is changed then.
    """
    variables = {variable.name: variable for variable in network.variables}
    must = f"{source} must hold the weights of this {network.name}"
    if arrays.keys() != variables.keys():
        raise InputError(f"{must}; {min(arrays.keys() ^ variables.keys())} is in one of them alone")
    for name, variable in variables.items():
        if arrays[name].shape != tuple(variable.shape):
            shapes = f"{list(arrays[name].shape)} there and {list(variable.shape)} here"
            raise InputError(f"{must}; {name} has the shape {shapes}")
    for name, variable in variables.items():
        variable.assign(arrays[name])
