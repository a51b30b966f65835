"""A trial of XLA: whether it makes the training step faster on this machine."""

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf

from sle_gan.keras_version import needs_keras_2
from sle_gan.training.gan import GAN

_STEPS = 3


@needs_keras_2
def compiles(jit: str, gan: GAN, make_dataset: Callable[[], Iterable[Any]], items: Mapping[str, Any]) -> bool:
    """Decides whether the step is compiled with XLA, by a trial where that is asked for.

    Args:
        jit: `on`, `off`, or `auto`: on one GPU, where a trial is faster so.
        gan: a compiled `GAN`.
        make_dataset: function of nothing -> a data set of batches as `GAN.train_step` takes them, for a trial.
        items: all that a step changes, by name, as `tf.train.Checkpoint` takes it.

    Returns:
        A bool.
    """
    # On CPUs XLA was slower: docs/benchmarks.md. The trial is of one device that has the batch for itself.
    has_trial = tf.config.list_physical_devices("GPU") and gan.distribute_strategy.num_replicas_in_sync == 1
    if jit != "auto" or not has_trial:
        return jit == "on"
    return xla_is_faster(gan, items, next(iter(make_dataset())))


@needs_keras_2
def xla_is_faster(gan: GAN, items: Mapping[str, Any], images: Any) -> bool:
    """Times steps with and without XLA, and puts everything back as it was.

    Args:
        gan: a compiled `GAN`.
        items: all that a step changes, by name, as `tf.train.Checkpoint` takes it.
        images: a batch as `GAN.train_step` takes it.

    Returns:
        Whether the fastest of a few steps was faster with XLA; False where XLA cannot compile the step.
    """
    checkpoint = tf.train.Checkpoint(**items)
    with tempfile.TemporaryDirectory() as folder:
        before = checkpoint.write(f"{folder}/before")
        try:
            plain, compiled = (_fastest(gan, images, jit_compile) for jit_compile in (False, True))
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.InternalError) as error:
            print(f"XLA cannot compile this step ({str(error).splitlines()[0]}); going on without", flush=True)
            return False
        finally:
            checkpoint.read(before).assert_consumed()
    print(f"a step takes {plain:.3g} s, with XLA {compiled:.3g} s", flush=True)
    return compiled < plain


def _fastest(gan: GAN, images: Any, jit_compile: bool) -> float:
    step = tf.function(gan.train_step, jit_compile=jit_compile)
    step(images)  # traces and compiles
    return min(_timed(step, images) for _ in range(_STEPS))


def _timed(step: Callable[[Any], dict[str, tf.Tensor]], images: Any) -> float:
    start = time.perf_counter()
    float(step(images)["generator_loss"])  # waits for the step
    return time.perf_counter() - start
