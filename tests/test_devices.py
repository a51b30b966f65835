import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from tiny_gan import compiled_gan, train, values

from sle_gan.assembly.building import build_gan, build_networks
from sle_gan.assembly.resolve import resolve
from sle_gan.callbacks.densities import Densities
from sle_gan.cli.train import main
from sle_gan.errors import InputError
from sle_gan.run import RunFolder, read_rows
from sle_gan.sparsity.record import SparsityRecord
from sle_gan.training.devices import precision, slow_precision, strategy_of
from sle_gan.training.probe import xla_is_faster


def test_all_logical_cpus_share_a_batch_when_asked():
    strategy = strategy_of("mirrored", 4)
    assert strategy.num_replicas_in_sync == len(tf.config.list_logical_devices("CPU")) == 2
    for name in ("one", "auto"):
        assert strategy_of(name, 4).num_replicas_in_sync == 1
    with pytest.raises(InputError, match="--batch-size must be a multiple of 2, the number of devices; got 3"):
        strategy_of("mirrored", 3)


def test_what_is_built_in_16_bits_keeps_its_weights_in_32():
    with precision("bfloat16"):
        dense = keras.layers.Dense(2)
    assert dense(tf.ones([1, 3])).dtype == tf.bfloat16
    assert dense.kernel.dtype == tf.float32
    assert keras.layers.Dense(2)(tf.ones([1, 3])).dtype == tf.float32


def test_only_float16_without_a_gpu_is_told_to_be_slow_and_what_to_take():
    line = slow_precision("float16", has_gpu=False)
    assert line is not None
    assert "slower" in line
    assert line.endswith("train without --mixed-precision here")
    assert [slow_precision(name, has_gpu=False) for name in (None, "bfloat16")] == [None, None]
    assert [slow_precision(name, has_gpu=True) for name in (None, "bfloat16", "float16")] == [None, None, None]


def test_two_replicas_make_the_steps_of_one_device_with_the_whole_batch(two_replicas):
    images = tf.random.stateless_uniform([6, 4, 4, 1], [1, 2], -1, 1)
    batches = tf.data.Dataset.from_tensors(images).repeat(3)
    alone = compiled_gan()
    alone.fit(batches, verbose=0)
    with two_replicas.scope():
        shared = compiled_gan()
    shared.fit(batches, verbose=0)
    for network in ("generator", "discriminator", "average_generator"):
        for one, two in zip(getattr(alone, network).weights, getattr(shared, network).weights, strict=True):
            np.testing.assert_allclose(two.numpy(), one.numpy(), rtol=1e-4, atol=1e-6, err_msg=one.name)
            copies = [value.numpy() for value in two_replicas.experimental_local_results(two)]
            if one.trainable:
                np.testing.assert_array_equal(*copies)
    for one, two in zip(alone.loss_means, shared.loss_means, strict=True):
        assert float(two.result()) == pytest.approx(float(one.result()), rel=1e-4), one.name


def test_a_sparse_training_of_two_replicas_is_that_of_one_device_and_its_densities_are_told(two_replicas, tmp_path):
    alone = values(*train(tf.distribute.get_strategy(), steps=3))
    gan, masks = train(two_replicas, steps=3)
    for name, value in values(gan, masks).items():
        np.testing.assert_allclose(value, alone[name], rtol=1e-4, atol=1e-6, err_msg=name)
    assert alone["mask_0"].mean() == 0.5
    with two_replicas.scope():
        record = SparsityRecord(
            gan.average_generator, gan.discriminator, {"generator": masks}, batch_size=6, n_critic=2
        )
    densities = Densities(record, tmp_path / "densities.jsonl", tmp_path / "plot.png", tmp_path)
    densities.set_model(gan)
    densities.on_train_begin()
    densities.on_train_end()
    (row,) = read_rows(tmp_path / "densities.jsonl")
    assert row["step"] == 3
    assert row["generator"]["start.kernel"] == 0.5
    assert record.training_macs(5) == 2 * record.training_macs(4) > 0


def test_a_trial_of_xla_leaves_everything_as_it_was(capsys):
    gan = compiled_gan()
    images = tf.random.stateless_uniform([6, 4, 4, 1], [1, 2], -1, 1)
    gan.train_step(images)
    items = gan.checkpoint_items()
    variables = [*gan.variables, *gan.generator_optimizer.variables, *gan.discriminator_optimizer.variables]
    before = [variable.numpy() for variable in variables]
    faster = xla_is_faster(gan, items, images)
    told = capsys.readouterr().out.split()
    plain, compiled = float(told[3]), float(told[7])
    assert faster == (compiled < plain)
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.name)


@pytest.mark.parametrize(
    ("more", "stops"),
    [
        ("--mixed-precision float16 --images-on-device on", ("4",)),
        pytest.param("--mixed-precision float16 --images-on-device on", ("2", "4"), marks=pytest.mark.slow),
        pytest.param("--mixed-precision bfloat16", ("2", "4"), marks=pytest.mark.slow),
        pytest.param("--jit on", ("2", "4"), marks=pytest.mark.slow),
    ],
)
def test_a_sparse_training_runs_in_16_bits_and_compiled_and_goes_on(photographs, tmp_path, more, stops):
    fixed = "--model sngan --resolution 32 --width 8 --batch-size 2 --n-critic 1 --log-frequency 1 --name run"
    sparse = "--reconfigure --reconfigure-warmup 1 --reconfigure-interval 1"
    words = ["--data-folder", str(photographs), "--output-folder", str(tmp_path), *fixed.split(), *sparse.split()]
    for steps in stops:
        assert main([*words, *more.split(), "--steps", steps]) == 0
    run = RunFolder(tmp_path / "run")
    rows = [row for row in read_rows(run.metrics_file) if "event" not in row]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["generator_density"] == pytest.approx(0.7, abs=1e-3)
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert run.generator_weights.exists()


LAZY = {"r1_gamma": 1, "r1_interval": 2, "dig_weight": 1, "dig_interval": 2, "batch_size": 4, "n_critic": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    "network",
    [
        {"model": "fastgan", "resolution": 64},
        {"model": "sngan", "resolution": 32},
        {"model": "stylegan2", "resolution": 32, "path_length_weight": 2, "path_length_interval": 2},
        {"model": "biggan", "resolution": 32},
    ],
    ids=lambda given: given["model"],
)
def test_every_network_compiles_with_the_penalties_of_some_steps(network):
    settings = resolve({"data_folder": ".", "width": 8, **LAZY, **network})
    gan = build_gan(settings, *build_networks(settings))
    step = tf.function(gan.train_step, jit_compile=True)
    side = settings.images.resolution
    images = tf.random.stateless_uniform([4, side, side, 3], [0, 0], -1, 1)
    penalties = [float(step(images)["penalty"]) for _ in range(3)]
    assert penalties[0] > 0.0
    assert penalties[1] == 0.0  # they are due at every second step
    assert penalties[2] > 0.0
    gan.raise_if_not_finite()
