"""One table of layers and networks, and what every one of them must do."""

import re
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.attention import LearnedScale
from sle_gan.layers.carry import CarryAlong
from sle_gan.layers.chain import ChainNormalization
from sle_gan.layers.equalized import ChannelBias, EqualizedConv2D, EqualizedDense
from sle_gan.layers.frozen import BalancedFork
from sle_gan.layers.growing import GrownPicture, GrowthLevel
from sle_gan.layers.minibatch import MinibatchDeviation
from sle_gan.layers.mixture import Mixture
from sle_gan.layers.modulated import ModulatedConv2D
from sle_gan.layers.noise import NoiseInjection
from sle_gan.layers.spectral import SpectralConv2D, SpectralConv2DTranspose, SpectralDense, SpectralUpConv2D
from sle_gan.layers.styles import LearnedConstant, PartnerCodes, StyleAverage, StyleMixing
from sle_gan.models import DISCRIMINATORS, GENERATORS, MODELS, Pair
from sle_gan.models.blocks.projected import ProjectedFeatures
from sle_gan.models.pairing import training_graph
from sle_gan.models.rows import NetworkOptions
from sle_gan.training.gan import GAN
from sle_gan.training.losses import hinge_discriminator, hinge_generator
from sle_gan.training.reconstruction import Reconstruction, mean_absolute_difference

SIDE, CLASSES = 64, 3
OUR_LAYERS = (
    BalancedFork,
    CarryAlong,
    ChainNormalization,
    ChannelBias,
    EqualizedConv2D,
    EqualizedDense,
    GrownPicture,
    GrowthLevel,
    LearnedConstant,
    LearnedScale,
    MinibatchDeviation,
    Mixture,
    ModulatedConv2D,
    NoiseInjection,
    PartnerCodes,
    ProjectedFeatures,
    SpectralConv2D,
    SpectralConv2DTranspose,
    SpectralDense,
    SpectralUpConv2D,
    StyleAverage,
    StyleMixing,
)


class Row(NamedTuple):
    build: object
    inputs: list  # shapes without the batch
    output: tuple


def layer_model(layer, *shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    return keras.Model(inputs, layer(inputs if len(inputs) > 1 else inputs[0]))


LAYERS = {
    "spectral_conv": Row(lambda: layer_model(SpectralConv2D(4, 3), (6, 6, 2)), [(6, 6, 2)], (4, 4, 4)),
    "spectral_up_conv": Row(lambda: layer_model(SpectralUpConv2D(4), (16, 16, 2)), [(16, 16, 2)], (32, 32, 4)),
    "spectral_conv_transpose": Row(
        lambda: layer_model(SpectralConv2DTranspose(4, 4), (1, 1, 3)), [(1, 1, 3)], (4, 4, 4)
    ),
    "spectral_dense": Row(lambda: layer_model(SpectralDense(4), (6,)), [(6,)], (4,)),
    "noise": Row(lambda: layer_model(NoiseInjection(3), (4, 4, 2), (8,)), [(4, 4, 2), (8,)], (4, 4, 2)),
    "equalized_conv": Row(lambda: layer_model(EqualizedConv2D(4, 3), (6, 6, 2)), [(6, 6, 2)], (4, 4, 4)),
    "equalized_dense": Row(lambda: layer_model(EqualizedDense(4, 1, 0.01, 1.0), (6,)), [(6,)], (4,)),
    "modulated_conv": Row(lambda: layer_model(ModulatedConv2D(4, 3), (6, 6, 2), (2,)), [(6, 6, 2), (2,)], (6, 6, 4)),
    "mixture": Row(lambda: layer_model(Mixture(3), (4, 4, 2), (4, 4, 2)), [(4, 4, 2), (4, 4, 2)], (4, 4, 2)),
    "minibatch_deviation": Row(lambda: layer_model(MinibatchDeviation(), (4, 4, 2)), [(4, 4, 2)], (4, 4, 3)),
    "channel_bias": Row(lambda: layer_model(ChannelBias(), (4, 4, 2)), [(4, 4, 2)], (4, 4, 2)),
    "learned_constant": Row(lambda: layer_model(LearnedConstant([4, 4, 2]), (6,)), [(6,)], (4, 4, 2)),
    "learned_scale": Row(lambda: layer_model(LearnedScale(), (4, 4, 2)), [(4, 4, 2)], (4, 4, 2)),
    "partner_codes": Row(lambda: layer_model(PartnerCodes(), (6,)), [(6,)], (6,)),
    "style_average": Row(lambda: layer_model(StyleAverage(), (6,)), [(6,)], (6,)),
    "style_mixing": Row(lambda: layer_model(StyleMixing(5), (6,), (6,), (8,)), [(6,), (6,), (8,)], (5, 6)),
    "carry": Row(lambda: layer_model(CarryAlong(), (4,), (5,)), [(4,), (5,)], (4,)),
}


def network_row(row, classes, inputs, output):
    return Row(lambda: row.build(SIDE, 3, 8, 1, classes), [inputs, *([(classes,)] if classes else [])], output)


# A row for each generator: how long its codes are at 64 px. A row for each discriminator: how many logits it gives.
IMAGES = (SIDE, SIDE, 3)
LATENT_SIZES = {
    "alphagan": 128,
    "autogan": 128,
    "biggan": 100,
    "fastgan": 256,
    "progan": 64,
    "sngan": 128,
    "stylegan2": 512,
}
LOGITS = {
    "autogan": 1,
    "biggan": 1,
    "biggan-brock": 1,
    "both": 54,
    "fastgan": 50,
    "progan": 1,
    "projected": 4,
    "projected-color": 29,
    "sngan": 1,
    "stylegan2": 1,
}
NETWORKS = {
    "chained_fastgan_discriminator": Row(
        lambda: DISCRIMINATORS["fastgan"].build(SIDE, 3, 8, 1, CLASSES, NetworkOptions(norm="chain")),
        [IMAGES, (CLASSES,)],
        (50,),
    )
}
for _prefix, _classes in (("", 0), ("conditional_", CLASSES)):
    for _name, _size in LATENT_SIZES.items():
        NETWORKS[f"{_prefix}{_name}_generator"] = network_row(GENERATORS[_name], _classes, (_size,), IMAGES)
    for _name, _count in LOGITS.items():
        NETWORKS[f"{_prefix}{_name}_discriminator"] = network_row(DISCRIMINATORS[_name], _classes, IMAGES, (_count,))
# A supernet takes as long as nine others, and is made of what alphaGAN's generators are: it is built without classes
# and in 32 bits. How it is trained: `test_search.py`, `test_search_cli.py`.
SUPERNETS = {"alphagan-supernet": network_row(GENERATORS["alphagan-supernet"], 0, (128,), IMAGES)}
ROWS = LAYERS | NETWORKS | SUPERNETS


def quick_with_classes(rows):
    """Parameters of tests: networks without classes are slow ones, since those with them are these and the labels."""
    is_slow = {name: name not in LAYERS and not name.startswith("conditional_") for name in rows}
    return [pytest.param(row, marks=pytest.mark.slow if is_slow[name] else (), id=name) for name, row in rows.items()]


every_row = pytest.mark.parametrize("row", quick_with_classes(ROWS))
every_network = pytest.mark.parametrize("row", quick_with_classes(NETWORKS))


@pytest.fixture(scope="module")
def built():
    """Returns a function of a row -> its model with its first values, which is built once and shared by the tests."""
    models = {}

    def build(row, copy=0):
        key = id(row.build), copy
        if key not in models:
            model = row.build()
            models[key] = model, model.get_weights()
        model, values = models[key]
        model.set_weights(values)
        return model

    return build


def drawn_inputs(row, batch, seed=0):
    inputs = [tf.random.stateless_normal([batch, *shape], [seed, index]) for index, shape in enumerate(row.inputs)]
    return inputs if len(inputs) > 1 else inputs[0]


def with_drawn_weights(model):
    """Moves every weight away from 0 and 1, so that none can be ignored unseen."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        drawn = rng.normal(0, 0.05, size=variable.shape)
        variable.assign_add(np.abs(drawn) if "variance" in variable.name else drawn)
    return model


@every_row
def test_the_output_has_its_shape_and_dtype_and_is_finite(row, built):
    outputs = built(row)(drawn_inputs(row, 2), training=True)
    assert outputs.shape == (2, *row.output)
    assert outputs.dtype == tf.float32
    assert np.isfinite(outputs).all()


@every_row
def test_the_batch_size_is_free_and_the_graph_agrees_with_eager(row, built):
    model = with_drawn_weights(built(row))
    signature = tf.nest.map_structure(lambda x: tf.TensorSpec([None, *x.shape[1:]]), drawn_inputs(row, 1))
    graph = tf.function(lambda inputs: model(inputs, training=False), input_signature=[signature])
    for batch in (1, 3):
        inputs = drawn_inputs(row, batch)
        np.testing.assert_allclose(graph(inputs), model(inputs, training=False), rtol=1e-3, atol=1e-4)


@every_row
def test_the_configuration_rebuilds_the_model(row, built):
    model = with_drawn_weights(built(row))
    with keras.utils.custom_object_scope({layer.__name__: layer for layer in OUR_LAYERS}):
        again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    inputs = drawn_inputs(row, 2)
    np.testing.assert_array_equal(again(inputs), model(inputs))


@every_row
def test_a_checkpoint_restores_every_variable(row, built, tmp_path):
    model, again = with_drawn_weights(built(row)), built(row, 1)
    path = tf.train.Checkpoint(model=model).save(str(tmp_path / "ckpt"))
    tf.train.Checkpoint(model=again).restore(path).assert_consumed()
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@every_row
def test_every_trainable_weight_that_the_output_rests_on_has_a_gradient(row, built):
    model = with_drawn_weights(built(row))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(drawn_inputs(row, 3), training=True) ** 3)
    gradients = tape.gradient(loss, model.trainable_variables)
    without = {v.name for v, g in zip(model.trainable_variables, gradients, strict=True) if g is None}
    zero = {
        v.name
        for v, g in zip(model.trainable_variables, gradients, strict=True)
        if g is not None and not np.any(g.numpy())
    }
    # Colors of smaller sides wait for their turn, or had it: see `test_progan.py`.
    assert all(re.fullmatch(r"side\d+_rgb/.*", name) for name in zero)
    # Side branches serve training alone: see the training graph's own test.
    assert all(name.startswith(("small_rgb", "decode")) for name in without)


def test_every_network_of_the_tables_has_its_rows():
    assert LATENT_SIZES.keys() | SUPERNETS.keys() == GENERATORS.keys()
    assert LOGITS.keys() == DISCRIMINATORS.keys()


@pytest.fixture(scope="module")
def tiny_network():
    """Builds each network once, as often as pairs ask for it, and gives it the same drawn weights again."""
    found = {}

    def network(row, copy=0):
        if (row.file, copy) not in found:
            model = with_drawn_weights(row.build(SIDE, 3, 8, 1))
            found[row.file, copy] = model, model.get_weights()
        model, weights = found[row.file, copy]
        model.set_weights(weights)
        return model

    return network


# Each network with its paper's partner, and with FastGAN's, which draws and judges several pictures and has decoders.
PAIRS = [
    Pair(generator, discriminator)
    for generator in LATENT_SIZES
    for discriminator, row in DISCRIMINATORS.items()
    if not row.has_features or generator in ("fastgan", "sngan")  # of two pictures, and of one
]
QUICK_PAIRS = {model.pair() for model in MODELS.values()} | {Pair("fastgan", "sngan"), Pair("sngan", "fastgan")}


@pytest.mark.parametrize(
    "pair",
    [pytest.param(pair, marks=() if pair in QUICK_PAIRS else pytest.mark.slow, id="-".join(pair)) for pair in PAIRS],
)
def test_every_generator_can_be_trained_with_every_discriminator(pair, tiny_network, tmp_path):
    generators, row = GENERATORS[pair.generator], DISCRIMINATORS[pair.discriminator]
    graph = training_graph(pair, tiny_network(generators), tiny_network(row))
    with tf.GradientTape() as tape:
        codes = tf.random.stateless_normal([3, LATENT_SIZES[pair.generator]], [0, 1])
        pictures = graph.generator(codes, training=True)
        logits, *maps = tf.nest.flatten(graph.discriminator(pictures, training=True))
        decoded = graph.decoders([*maps, tf.constant([0, 1, 3])], training=True) if graph.decoders else []
        loss = sum(tf.reduce_sum(tensor**3) for tensor in (*tf.nest.flatten(pictures), logits, *decoded))
    assert logits.shape == (3, LOGITS[pair.discriminator])
    parts = [part for part in (graph.generator, graph.discriminator, graph.decoders) if part is not None]
    variables = [variable for part in parts for variable in part.trainable_variables]
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None, variable.name
        assert np.any(gradient.numpy()), variable.name

    terms = [Reconstruction(graph.decoders, mean_absolute_difference)] if graph.decoders else []
    gan = GAN(graph.generator, graph.discriminator, tiny_network(generators, 1))
    optimizers = [keras.optimizers.Adam(1e-3, beta_1=0.0), keras.optimizers.Adam(1e-3, beta_1=0.0)]
    gan.compile(*optimizers, hinge_generator, hinge_discriminator, discriminator_terms=terms)
    logs = gan.train_step(tf.random.stateless_uniform([2, *IMAGES], [1, 2], -1, 1))
    assert np.isfinite([float(value) for value in logs.values()]).all()

    items = gan.checkpoint_items()
    path = tf.train.Checkpoint(**items).save(str(tmp_path / "ckpt"))
    variables = [variable for part in (*parts, gan.average_generator) for variable in part.variables]
    values = [variable.numpy() for variable in variables]
    for variable in variables:
        variable.assign(tf.zeros_like(variable))
    tf.train.Checkpoint(**items).restore(path).assert_consumed()
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_array_equal(variable, value)


@every_network
@pytest.mark.parametrize("policy", [pytest.param("mixed_bfloat16", marks=pytest.mark.slow), "mixed_float16"])
def test_mixed_precision_keeps_weights_and_outputs_in_float32(row, built, policy):
    keras.mixed_precision.set_global_policy(policy)
    try:
        model = row.build()
        outputs = model(drawn_inputs(row, 2), training=True)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert outputs.dtype == tf.float32
    assert np.isfinite(outputs).all()
    assert {variable.dtype for variable in model.variables} == {tf.float32}
    full = built(row)
    full.set_weights(model.get_weights())
    np.testing.assert_allclose(model(drawn_inputs(row, 2)), full(drawn_inputs(row, 2)), rtol=0.05, atol=0.1)


@every_network
def test_every_kernel_can_be_pruned(row, built):
    model = built(row)
    layers = [layer for part in (model, *model.submodules) for layer in getattr(part, "layers", [])]
    kernels = {id(layer.kernel) for layer in layers if hasattr(layer, "kernel")}
    depthwise = {id(layer.depthwise_kernel) for layer in layers if hasattr(layer, "depthwise_kernel")}
    matrices = {id(variable) for variable in model.trainable_variables if variable.shape.rank in (2, 4)}
    assert matrices - depthwise == kernels
    assert len(kernels) > 10
