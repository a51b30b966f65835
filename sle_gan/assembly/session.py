"""A training from its first step to its last: what is trained, the callbacks, and the run folder."""

import contextlib
import functools
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.assembly.advice import accepts_for_run
from sle_gan.assembly.building import Training, build_training
from sle_gan.assembly.feed import Feed
from sle_gan.assembly.frozen import check_frozen, frozen_checksums
from sle_gan.assembly.other_runs import network_of_weights
from sle_gan.assembly.scores import score_callbacks, scores_of
from sle_gan.assembly.step_cost import describe_cpu_cost, training_costs, uncounted
from sle_gan.assembly.supplement import Supplement
from sle_gan.callbacks.best import BestGenerators
from sle_gan.callbacks.checkpoint import Checkpoints
from sle_gan.callbacks.growing import Growing
from sle_gan.callbacks.health import Health
from sle_gan.callbacks.metrics import Metrics
from sle_gan.callbacks.progress import TrainingProgress
from sle_gan.callbacks.report import Report
from sle_gan.callbacks.rollback import Rollback
from sle_gan.callbacks.samples import Samples
from sle_gan.callbacks.signals import Signals
from sle_gan.disk import check_space, is_full
from sle_gan.errors import NotFiniteError, NothingPrunedWarning, StorageError, TrainingError
from sle_gan.evaluation import kid_name
from sle_gan.evaluation.held_out import HeldOutLogits
from sle_gan.json_files import replaced, write_json
from sle_gan.models.build import pair_of
from sle_gan.models.pairing import graphs_of_side
from sle_gan.models.weight_files import note_network
from sle_gan.report.run_report import write_report
from sle_gan.run import RunFolder
from sle_gan.settings import TrainSettings
from sle_gan.shell import shell_line
from sle_gan.training.accumulation import describe_shares
from sle_gan.training.devices import keeps_images, shared_dataset
from sle_gan.training.ema import Calibration
from sle_gan.training.gan import GAN
from sle_gan.training.growth import Growth, growth_of, images_shown
from sle_gan.training.memory import checkpoint_bytes
from sle_gan.training.probe import compiles
from sle_gan.training.teacher import Teacher
from sle_gan.training.workers import largest_of_workers

SAMPLE_SEEDS = range(24)


def fit(
    run: RunFolder,
    settings: TrainSettings,
    strategy: tf.distribute.Strategy,
    images: np.ndarray,
    held_out: np.ndarray | None = None,
    labels: tuple[np.ndarray, np.ndarray] | None = None,
) -> int:
    """Trains until the run's last step, or until a signal.

    Args:
        run: the `RunFolder`, locked and started.
        settings: of the training.
        strategy: the devices.
        images: uint8 `[count, height, width, channels]`.
        held_out: images that are not trained on, for the discriminator to be judged by, of the same shape; or None.
        labels: with classes, of the images, int32 `[count]`; and those of `held_out`. None without.

    Returns:
        The exit code: 0, or 128 and the signal's number.

    Raises:
        InputError: if the newest checkpoint is damaged, a weight file does not fit, or several devices are to keep all
            images.
        TrainingError: if losses or weights are not finite however often it is tried, or the memory does not suffice.
        StorageError: if the disk space does not or will not suffice, or a checkpoint cannot be written.
    """
    if not tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()  # free on the CPU: a resumed run is equal bit for bit
    optimization = settings.optimization
    on_device = keeps_images(settings.devices.images_on_device, strategy, images.nbytes)
    training = build_training(run, settings, strategy, labels and labels[0])
    generator, discriminator, gan, supplement = training
    growth = growth_of(settings)
    feed = Feed(settings, growth, gan, images, labels and labels[0], on_device, supplement)
    _check_space_for_checkpoints(run, settings, training)
    _write_costs(run, settings, training)
    _note_teacher(run, gan.method(Teacher))
    _print_lines(describe_shares(optimization.accumulate, optimization.batch_size, (generator, discriminator)))
    held_out_row = dict if held_out is None else HeldOutLogits(gan, held_out, images, labels and labels[::-1]).row
    calibrate = Calibration(gan.average_generator, optimization.batch_size // optimization.accumulate, gan.classes)
    items = training.checkpoint_items()
    checkpoints = Checkpoints(
        run.checkpoints,
        items,
        settings.run.checkpoint_frequency,
        settings.run.keep_checkpoints,
        calibrate,
        run.config().last_change_step(),
    )
    rollback = Rollback(gan, checkpoints, calibrate, run.metrics_file)
    done = rollback.resume()
    if done:
        print(f"resuming {run.name} from step {done}")
    signals = Signals(largest_of_workers(strategy))
    steps, images_at = optimization.steps, functools.partial(images_shown, settings)
    progress = TrainingProgress(run.timings_file, steps, images_at, settings.run.log_frequency)
    best = BestGenerators(run, settings.scores.keep_best, kid_name(settings.scores.kid_network))
    news = [settings.run.sample_frequency, *(score.frequency_steps for score in scores_of(settings.scores))]
    growing = [] if growth is None else [_growing(settings, growth, training, feed, done)]
    callbacks = [
        *growing,
        *supplement.callbacks,
        *_observers(run, settings, images, calibrate, lambda step: supplement.row(step) | held_out_row(), best),
        progress,
        *supplement.last_callbacks,
        Report(lambda: write_report(run, accepts_for_run(run)), news),
        checkpoints,
        *([best] if settings.scores.kid else []),
        signals,
    ]

    def fit_from(first_step: int) -> None:
        dataset_of = functools.partial(feed.dataset_from, first_step)
        # What picks resident images is too little to be copied ahead.
        dataset = dataset_of() if on_device else shared_dataset(strategy, dataset_of)
        gan.fit(dataset, steps_per_epoch=steps - first_step, callbacks=callbacks, verbose=0)

    gan.jit_compile = compiles(settings.devices.jit, gan, functools.partial(feed.dataset_from, done), items)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # Keras warns of every callback that takes its time
    for file in (run.generator_weights, run.discriminator_weights):
        file.unlink(missing_ok=True)  # those of an earlier end
    with _disk_errors(run, checkpoints), warnings.catch_warnings():
        # A training is as long as its times need (see `sle_gan.sparsity.times`); one that a signal ends goes on later.
        warnings.simplefilter("ignore", NothingPrunedWarning)
        if done < steps:
            _fit_with_rollbacks(run, gan, fit_from, rollback, progress)
        _save_weights(run, settings, gan.average_generator, discriminator)
    return _end(run, signals.received, supplement)


def _observers(
    run: RunFolder,
    settings: TrainSettings,
    images: NDArray[np.uint8],
    calibrate: Calibration,
    row: Callable[[int], dict[str, Any]],
    best: BestGenerators,
) -> list[keras.callbacks.Callback]:
    """Builds the callbacks that draw, write rows, score and judge, in the order in which each needs the ones before."""
    samples = Samples(run.samples, run.name, SAMPLE_SEEDS, settings.run.sample_frequency, calibrate)
    return [
        samples,
        Metrics(run.metrics_file, run.tensorboard, settings.run.log_frequency, row),
        *score_callbacks(run, settings, images, calibrate, best),
        Health(run.metrics_file, settings, images, samples, accepts_for_run(run)),
    ]


def _write_costs(run: RunFolder, settings: TrainSettings, training: Training) -> None:
    """Writes what the networks and a step cost in theory; where there is no GPU, says what that means."""
    gan = training.gan
    check_frozen(run, gan)
    costs = training_costs(settings, gan, training.supplement.macs_per_step)
    write_json(run.networks_file, costs | {"not_counted": uncounted(settings), "frozen_sha256": frozen_checksums(gan)})
    if not tf.config.list_physical_devices("GPU"):
        print(describe_cpu_cost(costs["training_flops_per_step"], settings), flush=True)


def _growing(settings: TrainSettings, growth: Growth, training: Training, feed: Feed, step: int) -> Growing:
    """Returns the callback that lets the networks of a training grow; they are as they are due after some steps."""
    networks = training.generator, training.discriminator
    graphs_of = functools.partial(graphs_of_side, pair_of(settings.network), *networks)
    callback = Growing(growth, [*networks, training.gan.average_generator], graphs_of, feed.dataset_from)
    callback.enter(training.gan, step)
    return callback


def _note_teacher(run: RunFolder, teacher: Teacher | None) -> None:
    """Writes which weights of the teacher are trained with, where those that were noted are gone."""
    config = run.config()
    if teacher is None or teacher.origin is None or teacher.origin == config.settings.transfer:
        return
    print(f"note: the teacher trains on: it judges as at its step {teacher.origin.teacher_step}", flush=True)
    settings = replace(config.settings, transfer=teacher.origin)
    write_json(run.config_file, config._replace(settings=settings).to_json())


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _end(run: RunFolder, signal: int | None, supplement: Supplement) -> int:
    if signal is not None:
        print(f"saved in {run.path}; {run.way_on()}")
        return 128 + signal
    _print_lines(supplement.summary())
    print(f"done; next: {shell_line('python', 'generate.py', 'samples', run.path, '--seeds', '0-15', '--grid')}")
    return 0


def _fit_with_rollbacks(
    run: RunFolder, gan: GAN, fit_from: Callable[[int], None], rollback: Rollback, progress: TrainingProgress
) -> None:
    """Trains to the end; numbers that are not finite take the training back, until they do so too often."""
    while True:
        try:
            fit_from(int(gan.steps.numpy()))
        except NotFiniteError as error:
            rollback.go_back(error)
        except tf.errors.ResourceExhaustedError as error:
            if is_full(error):
                raise
            raise TrainingError(f"out of memory; {run.way_on_in_less_memory()}") from error
        else:
            return
        finally:
            progress.stop()


def _save_weights(run: RunFolder, settings: TrainSettings, generator: keras.Model, discriminator: keras.Model) -> None:
    for name, file, network in (
        ("generator", run.generator_weights, generator),
        ("discriminator", run.discriminator_weights, discriminator),
    ):
        with replaced(file) as temporary:
            network.save_weights(temporary)
            note_network(temporary, network_of_weights(settings, name))


def _check_space_for_checkpoints(run: RunFolder, settings: TrainSettings, training: Training) -> None:
    of_networks = checkpoint_bytes(training.generator, training.discriminator)
    size = of_networks + training.supplement.checkpoint_bytes
    saves = min(settings.run.keep_checkpoints, settings.optimization.steps // settings.run.checkpoint_frequency + 2)
    check_space(
        run.path,
        # While one is saved, the oldest is still there. The weights at the end take less than half of a checkpoint.
        (saves + 1.5) * size - _size_bytes(run.checkpoints),
        "the checkpoints",
        "or give a lower --keep-checkpoints or another --output-folder",
    )


@contextlib.contextmanager
def _disk_errors(run: RunFolder, checkpoints: Checkpoints) -> Iterator[None]:
    """Tells of a full disk what is kept of the run."""
    try:
        yield
    except (OSError, RuntimeError, tf.errors.OpError) as error:  # HDF5 raises a RuntimeError where it closes a file
        if not is_full(error):
            raise
        kept = checkpoints.latest_step()
        kept_text = "no checkpoint was written yet" if kept is None else f"checkpoint {kept} is kept"
        raise StorageError(f"disk full: {kept_text}; free space, then {run.way_on()}") from error


def _size_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
