"""Which Keras an object is of: this library takes those of Keras 2 (`tf_keras`). No TensorFlow."""

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def check_keras_2(**objects: object) -> None:
    """Refuses models, layers, optimizers and other objects of Keras 3, with which the pruning library does not work.

    Args:
        **objects: by the names that the user knows them by; lists and tuples are looked into. All else is let through.

    Raises:
        TypeError: if one is of Keras 3: `import keras`, or `tensorflow.keras` where that is Keras 3.
    """
    for name, value in objects.items():
        found = _of_keras_3(value)
        if found is not None:
            raise TypeError(
                f"{name} must be of Keras 2, but {found.__module__}.{found.__qualname__} is of Keras 3: "
                "`import tf_keras as keras` in place of `import keras` or `tensorflow.keras`, and build it with that"
            )


def needs_keras_2(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Decorates a function that takes models, layers or optimizers: all it is given goes through `check_keras_2`."""
    names = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        check_keras_2(**dict(zip(names, args, strict=False)), **kwargs)
        return function(*args, **kwargs)

    return checked


def _of_keras_3(value: object) -> type | None:
    """Returns the class that is of Keras 3, of an object or of one in a list or tuple; None if there is none."""
    if isinstance(value, list | tuple):
        return next(filter(None, map(_of_keras_3, value)), None)
    return next((kind for kind in type(value).__mro__ if kind.__module__.partition(".")[0] == "keras"), None)
