"""The generator that alphaGAN searches in, and what is written of its architecture."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from test_fastgan import trainable

from sle_gan.callbacks.architecture import Architecture
from sle_gan.models.alphagan_space import PLACES, SPACE
from sle_gan.models.blocks.alphagan import LATENT_SIZE
from sle_gan.models.generators.alphagan import generator as build_discrete
from sle_gan.models.generators.alphagan_supernet import generator as build_supernet
from sle_gan.models.generators.alphagan_supernet import mixtures, shares, strongest
from sle_gan.run import RunFolder
from sle_gan.search.drawing import cells_figure

MIXED = SPACE.published["alphagan-s"] | {"cell1_up0": "nearest", "cell1_normal2": "conv_5x5", "skip2to3": "deconv"}


@pytest.fixture(scope="module")
def supernet():
    return build_supernet(32, width=8, seed=2)


def force(supernet, genotype, strength=40.0):
    for place, mixture in mixtures(supernet).items():
        mixture.architecture.assign([strength if one == genotype[place] else 0.0 for one in PLACES[place]])


@pytest.fixture(scope="module")
def full_supernet():
    return build_supernet(32, seed=3)


@pytest.mark.paper(
    "alphaGAN",
    "Tian et al. 2021, arXiv:2006.09134, code",
    "27,469,571 weights of the supernet at 32 px, 81 architecture parameters",
)
def test_the_supernet_has_the_weights_and_the_parameters_of_the_paper(full_supernet, supernet):
    assert trainable(full_supernet) == 27_469_571
    assert sum(mixture.architecture.shape.num_elements() for mixture in mixtures(full_supernet).values()) == 81
    # At 48 px the first map alone is larger, 6 px instead of 4: 28,130,051 at 256 channels.
    assert trainable(build_supernet(48, width=8)) - trainable(supernet) == (6 * 6 - 4 * 4) * 32 * 129
    assert 27_469_571 + (6 * 6 - 4 * 4) * 256 * 129 == 28_130_051


@pytest.mark.parametrize("genotype", [*SPACE.published.values(), MIXED], ids=["s", "l", "mixed"])
def test_a_supernet_of_one_operation_at_each_place_is_the_discrete_generator(supernet, genotype):
    force(supernet, genotype)
    assert strongest(supernet) == genotype
    discrete = build_discrete(32, width=8, genotype=SPACE.encode(genotype))
    for layer in discrete.layers:
        place = next((place for place in PLACES if layer.name.startswith(place)), None)
        name = layer.name if place is None else f"{place}_{genotype[place]}{layer.name.removeprefix(place)}"
        if layer.name.endswith(("_norm1", "_norm2")):
            layer.set_weights([np.ones(32), np.zeros(32), *supernet.get_layer(name).get_weights()])
        elif layer.weights:
            layer.set_weights(supernet.get_layer(name).get_weights())
    codes = tf.random.stateless_normal([3, LATENT_SIZE], [1, 2])
    np.testing.assert_allclose(supernet(codes, training=True), discrete(codes, training=True), atol=1e-5)


def test_initial_weights_are_pytorchs_and_initial_parameters_are_small(full_supernet):
    network = full_supernet
    conv, depthwise = (network.get_layer(f"cell1_normal0_{name}") for name in ("conv_3x3", "sep_conv_5x5_depthwise1"))
    for variable, fan_in in ((conv.kernel, 9 * 256), (conv.bias, 9 * 256), (depthwise.depthwise_kernel, 25)):
        assert 0.98 * fan_in**-0.5 < np.abs(variable).max() <= fan_in**-0.5
    parameters = np.concatenate([mixture.architecture.numpy() for mixture in mixtures(network).values()])
    assert 0.5e-3 < parameters.std() < 1.5e-3
    assert not network.get_layer("cell1_normal0_sep_conv_3x3_norm1").trainable_weights


class _Steps:
    """What the callback asks of a GAN."""

    steps = tf.Variable(0, dtype=tf.int64)


def test_the_architecture_is_written_after_each_round_and_drawn_at_the_end(supernet, tmp_path):
    run = RunFolder(tmp_path)
    callback = Architecture(supernet, run, round_steps=3)
    callback.set_model(_Steps())
    _Steps.steps.assign(0)
    force(supernet, SPACE.published["alphagan-s"], 1.0)
    callback.on_train_begin()
    callback.on_step(2, {})
    force(supernet, SPACE.published["alphagan-l"], 1.0)
    callback.on_step(3, {})
    assert SPACE.read(run.genotype_file) == SPACE.published["alphagan-l"]
    callback.on_step(6, {})
    rows = [json.loads(line) for line in run.architecture_file.read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 3, 6]
    assert rows[1]["shares"] == shares(supernet)
    assert rows[1]["shares"]["cell1_up0"]["deconv"] == pytest.approx(np.e / (np.e + 2))
    # A run that goes on from step 3 writes the later rows anew.
    _Steps.steps.assign(3)
    callback.on_train_begin()
    assert len(run.architecture_file.read_text().splitlines()) == 2
    callback.on_train_end()
    assert all(file.stat().st_size > 10_000 for file in (run.cells_picture, run.cells_drawing, run.architecture_plot))


def test_equal_genotypes_are_drawn_to_equal_files_by_every_process(tmp_path):
    files = [tmp_path / "1.svg", tmp_path / "2.svg"]
    program = (
        "import sys; from pathlib import Path; from sle_gan.models.alphagan_space import SPACE;"
        "from sle_gan.search.drawing import cells_figure, save_figure;"
        "save_figure(cells_figure(SPACE.published['alphagan-s']), Path(sys.argv[1]))"
    )
    for seed, file in enumerate(files):
        subprocess.run(
            [sys.executable, "-c", program, file], env=os.environ | {"PYTHONHASHSEED": str(seed)}, check=True
        )
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_drawing_names_each_operation_once_for_each_place():
    words = {word for operations in PLACES.values() for word in operations}
    texts = [text.get_text() for axes in cells_figure(MIXED).axes for text in axes.texts]
    assert sorted(text for text in texts if text in words) == sorted(MIXED.values())
