"""AutoGAN: its cells by hand, its counts, and genotypes as data that anyone may have written."""

import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
from test_fastgan import trainable

from sle_gan.assembly.resolve import resolve
from sle_gan.errors import InputError
from sle_gan.layers.norm import instance_norm
from sle_gan.layers.resample import upsample_bilinear
from sle_gan.models.autogan_genotypes import GENOTYPES, genotype_of, in_numbers, settle_genotype
from sle_gan.models.discriminators.autogan import discriminator as build_discriminator
from sle_gan.models.discriminators.autogan import discriminator_blocks
from sle_gan.models.generators.autogan import generator as build_generator
from sle_gan.settings.presets import with_preset
from sle_gan.sparsity.flops import layer_macs

A_IN_NUMBERS = "1 0 1 1 | 1 0 0 1 1 | 1 0 1 0 3"


@pytest.mark.paper(
    "AutoGAN",
    "Gong et al. 2019, arXiv:1908.03835, code",
    "4,405,251 parameters of A at 32 px and 5,065,731 at 48 px, 4,471,043 of B, 4,406,275 of C",
)
@pytest.mark.parametrize(
    ("genotype", "resolution", "count"),
    [("a", 32, 4_405_251), ("a", 48, 5_065_731), ("b", 32, 4_471_043), ("c", 32, 4_406_275)],
)
def test_the_generators_have_the_parameters_of_the_paper(genotype, resolution, count):
    assert trainable(build_generator(resolution, genotype=genotype)) == count


@pytest.mark.paper(
    "AutoGAN", "Gong et al. 2019, arXiv:1908.03835, code", "SNGAN's discriminator of 32 px, 1,053,824 parameters"
)
@pytest.mark.parametrize("resolution", [32, 48])
def test_the_discriminator_is_sngans_of_32_px_at_every_resolution(resolution):
    discriminator = build_discriminator(resolution)
    assert trainable(discriminator) == 1_053_824
    assert len(discriminator_blocks(discriminator)) == 4


@pytest.mark.paper(
    "AutoGAN",
    "Gong et al. 2019, arXiv:1908.03835, code",
    "1,765,015,552 MACs of A at 32 px, less what 1x1 convolutions save on the smaller maps",
)
def test_the_macs_are_those_of_the_paper_less_what_smaller_maps_save():
    macs = layer_macs(build_generator(32))
    # By name, the sides of the map that the 1x1 convolution sees here and in the released code.
    sides = {
        "cell1_shortcut": (4, 8),
        "cell2_shortcut": (8, 16),
        "cell2_skip1": (8, 16),
        "cell3_skip1": (8, 32),
        "cell3_skip2": (16, 32),
    }
    saved = sum((theirs**2 - ours**2) * 256 * 256 for ours, theirs in sides.values())
    assert sum(macs.values()) + saved == 1_765_015_552
    assert all(macs[name] == ours**2 * 256 * 256 for name, (ours, _) in sides.items())


def enlarged(generator, x, factor, name, mode):
    if mode == "nearest":
        return tf.repeat(tf.repeat(x, factor, axis=1), factor, axis=2)
    if mode == "bilinear":
        return tf.image.resize(x, [factor * x.shape[1]] * 2, "bilinear")
    for time in range(1, factor.bit_length()):
        x = generator.get_layer(f"{name}_double{time}")(x)
    return x


def convolved(generator, x, cell, name, number, prepare):
    convolution = generator.get_layer(f"{name}_conv{number}")

    def active(x):
        if cell.norm == "batch":
            x = generator.get_layer(f"{name}_norm{number}")(x)
        return tf.nn.relu(instance_norm(x) if cell.norm == "instance" else x)

    return convolution(prepare(active(x))) if cell.activation == "before" else active(convolution(prepare(x)))


def by_hand(generator, genotype, codes):
    """The cells out of their layers, with the order of 1x1 convolutions and resizing of the released code."""
    x = tf.reshape(generator.get_layer("start")(codes), [2, 4, 4, -1])
    skips = []
    for number, cell in enumerate(genotype_of(genotype), start=1):
        name = f"cell{number}"

        def up(x, part, factor=2, cell=cell, name=name):
            return enlarged(generator, x, factor, f"{name}_{part}", cell.up)

        h = convolved(generator, x, cell, name, 1, lambda x, up=up: up(x, "up"))
        for one in cell.skips:
            skip = up(skips[one - 1], f"skip{one}", h.shape[1] // skips[one - 1].shape[1])
            h += generator.get_layer(f"{name}_skip{one}")(skip)
        skips.append(h)
        out = convolved(generator, h, cell, name, 2, lambda x: x)
        x = out + generator.get_layer(f"{name}_shortcut")(up(x, "shortcut")) if cell.shortcut else out
    return tf.nn.tanh(generator.get_layer("rgb")(tf.nn.relu(generator.get_layer("rgb_norm")(x))))


@pytest.mark.paper(
    "AutoGAN", "Gong et al. 2019, arXiv:1908.03835, code", "the cells by hand; a skip is taken after the sum"
)
@pytest.mark.parametrize("genotype", ["a", "c", "0 2 2 1 | 1 2 0 0 1 | 0 1 2 1 3", "1 1 0 0 | 0 0 1 1 0 | 1 0 0 1 2"])
def test_a_generator_is_the_cells_of_its_genotype(genotype):
    generator = build_generator(32, width=8, seed=3, genotype=genotype)
    rng = np.random.default_rng(0)
    for variable in generator.trainable_variables:
        variable.assign_add(rng.normal(0, 0.05, size=variable.shape))
    codes = tf.random.stateless_normal([2, 128], [1, 2])
    np.testing.assert_allclose(generator(codes), by_hand(generator, genotype, codes), atol=1e-5)


def test_the_third_cell_sees_the_first_in_both_ways():
    # With the straight way cut, what the first cell hands on arrives by itself and within what the second hands on.
    generator = build_generator(32, width=8, seed=3)
    codes = tf.random.stateless_normal([1, 128], [1, 2])

    def moved_by(cut):
        kernels = [generator.get_layer(name).kernel for name in ("cell3_conv1", *cut)]
        kept = [kernel.numpy() for kernel in kernels]
        for kernel in kernels:
            kernel.assign(tf.zeros_like(kernel))
        bias = generator.get_layer("cell1_conv1").bias
        pictures = []
        for shift in (0.0, 1.0):
            bias.assign_add(tf.fill(bias.shape, shift))
            pictures.append(generator(codes).numpy())
        bias.assign_sub(tf.ones(bias.shape))
        for kernel, value in zip(kernels, kept, strict=True):
            kernel.assign(value)
        return np.abs(pictures[1] - pictures[0]).max()

    straight_on = ("cell2_conv1",)  # all of the second cell's own map
    assert moved_by((*straight_on, "cell3_skip2")) > 1e-4
    assert moved_by((*straight_on, "cell3_skip1")) > 1e-4
    assert moved_by((*straight_on, "cell3_skip1", "cell3_skip2")) == 0.0


@pytest.mark.parametrize("factor", [2, 4])
def test_bilinear_doubling_is_that_of_half_pixel_centers_with_right_second_slopes(factor):
    images = np.random.default_rng(0).normal(size=[2, 3, 5, 2]).astype("f")
    expected = tf.image.resize(images, [3 * factor, 5 * factor], "bilinear")
    np.testing.assert_allclose(upsample_bilinear(tf.constant(images), factor), expected, atol=1e-6)
    with pytest.raises(ValueError, match="factor must be even; got 3"):
        upsample_bilinear(images, 3)
    # f = sum of cubes of a linear map A: its second derivative along v is 6 sum (A x) (A v)^2.
    x, v = tf.constant(images), tf.random.stateless_normal(images.shape, [0, 1])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            total = tf.reduce_sum(upsample_bilinear(x, factor) ** 3)
        slope = tf.reduce_sum(inner.gradient(total, x) * v)
    second = tf.reduce_sum(outer.gradient(slope, x) * v)
    by_formula = 6 * tf.reduce_sum(upsample_bilinear(x, factor) * upsample_bilinear(v, factor) ** 2)
    np.testing.assert_allclose(second, by_formula, rtol=1e-4)


def test_instance_normalization_gives_each_map_mean_0_and_variance_1():
    x = np.random.default_rng(0).normal(2.0, 3.0, size=[2, 5, 4, 3]).astype("f")
    normal = instance_norm(tf.constant(x)).numpy()
    np.testing.assert_allclose(normal.mean(axis=(1, 2)), np.zeros([2, 3]), atol=1e-5)
    np.testing.assert_allclose(normal.var(axis=(1, 2)), np.ones([2, 3]), rtol=1e-4)


@pytest.mark.paper(
    "AutoGAN",
    "Gong et al. 2019, arXiv:1908.03835",
    "A as the controller's numbers; a space of 36 x 72 x 144 generators",
)
def test_a_genotype_is_the_controllers_numbers():
    assert in_numbers(GENOTYPES["a"]) == A_IN_NUMBERS
    cells = [
        {in_numbers((*GENOTYPES["a"][:place], cell, *GENOTYPES["a"][place + 1 :])) for cell in all_cells(place + 1)}
        for place in range(3)
    ]
    assert [len(each) for each in cells] == [36, 72, 144]
    for text in itertools.chain(*cells):
        assert in_numbers(genotype_of(text)) == text


def all_cells(number):
    skips = [()] if number == 1 else [(), (1,)] if number == 2 else [(), (1,), (2,), (1, 2)]
    parts = itertools.product(
        ("after", "before"), ("none", "batch", "instance"), ("bilinear", "nearest", "transposed"), (0, 1), skips
    )
    kind = type(GENOTYPES["a"][0])
    return [kind(activation, norm, up, bool(shortcut), arriving) for activation, norm, up, shortcut, arriving in parts]


def as_data(name="a"):
    return {"cells": [cell._asdict() for cell in GENOTYPES[name]]}


def test_a_genotype_may_lie_in_a_file_which_the_run_then_does_not_need(tmp_path):
    file = tmp_path / "found.json"
    file.write_text(json.dumps(as_data("c")))
    settings = resolve({"data_folder": "x", "model": "autogan", "resolution": 32, "genotype": str(file)})
    assert settings.network.genotype == in_numbers(GENOTYPES["c"])
    again = resolve({"data_folder": "x", "model": "autogan", "genotype": f" {settings.network.genotype} "})
    assert again.network.genotype == settings.network.genotype
    assert (settings.network.generator, settings.network.discriminator) == ("autogan", "autogan")
    assert resolve({"data_folder": "x", "model": "autogan"}).network.genotype == "a"
    assert resolve({"data_folder": "x"}).network.genotype is None


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("cells",), [], "must be cells, a list of 3"),
        (("cells",), {"0": 1}, "must be cells, a list of 3"),
        (("more",), 1, "must be cells, a list of 3, and nothing else"),
        (("cells", 1), "x", "cell 2 must have activation"),
        (("cells", 1, "size"), 5, "cell 2 must have activation, norm, up, shortcut, skips, and nothing else"),
        (("cells", 0, "up"), "bicubic", "the up of cell 1 must be one of bilinear, nearest, transposed"),
        (("cells", 0, "norm"), ["none"], "the norm of cell 1 must be one of none"),
        (("cells", 2, "shortcut"), 1, "the shortcut of cell 3 must be true or false"),
        (("cells", 2, "skips"), [3], "the skips of cell 3 must be a list of cells before it"),
        (("cells", 2, "skips"), [2, 1], "the skips of cell 3 must be a list of cells before it, in ascending order"),
        (("cells", 2, "skips"), [True, 2], "the skips of cell 3"),
        (("cells", 1, "skips"), "1", "the skips of cell 2"),
    ],
)
def test_a_file_that_is_no_genotype_is_refused_with_its_fault(tmp_path, place, value, told):
    content = json.loads(json.dumps(as_data()))
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    file = tmp_path / "found.json"
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"--genotype \S*found\.json: .*{told}"):
        settle_genotype(str(file))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("d", "--genotype must be one of a, b, c, or a file; d cannot be read"),
        ("1 0 1 1 | 1 0 0 1 1", "must have 3 cells"),
        ("1 0 1 1 | 1 0 0 1 1 | 1 0 1 0 4", r"cell 3 must be 5 numbers below \(2, 3, 3, 2, 4\); got '1 0 1 0 4'"),
        ("1 0 1 1 1 | 1 0 0 1 1 | 1 0 1 0 3", "cell 1 must be 4 numbers"),
        ("1 0 1 1 | 1 0 0 1 ² | 1 0 1 0 3", "cell 2 must be 5 numbers"),
        ("1 0 1 1 | 1 0 0 -1 1 | 1 0 1 0 3", "cell 2 must be 5 numbers"),
    ],
)
def test_a_word_that_names_no_genotype_is_refused(given, told):
    with pytest.raises(InputError, match=told):
        settle_genotype(given)


def test_a_genotype_needs_a_generator_of_cells(tmp_path):
    with pytest.raises(InputError, match="--genotype needs a network that takes it: alphagan, autogan; got sngan"):
        resolve({"data_folder": "x", "model": "sngan", "genotype": "a"})
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        settle_genotype(str(tmp_path / "x.json"))


@pytest.mark.paper(
    "AutoGAN",
    "Gong et al. 2019, arXiv:1908.03835, code",
    "50,000 steps, hinge, 5 steps of the discriminator, batch 64, 2e-4, betas 0 and 0.9, average 0.999",
)
def test_the_recipe_is_the_papers():
    found = resolve(with_preset("autogan-cifar10", {"data_folder": "x"})[0]).optimization
    names = ("steps", "loss", "n_critic", "batch_size", "G_learning_rate", "D_learning_rate")
    assert [getattr(found, name) for name in names] == [50_000, "hinge", 5, 64, 2e-4, 2e-4]
    assert (found.adam_beta_1, found.adam_beta_2, found.ema_decay) == (0.0, 0.9, 0.999)


@pytest.mark.paper(
    "Re-GAN", "Saxena et al., CVPR 2023, code", "AutoGAN-A: 200 passes, warm-up 100, phases of 5, 30 % of all weights"
)
def test_the_numbers_of_regan_with_autogan():
    found = resolve(with_preset("regan-autogan-cifar10", {"data_folder": "x"})[0], 320 * 10)
    assert (found.network.generator, found.network.genotype, found.images.flip) == ("autogan", "a", False)
    assert (found.optimization.steps, found.optimization.n_critic) == (2000, 5)
    assert (found.sparsity.warmup_steps, found.sparsity.interval_steps) == (1000, 50)
    assert (found.sparsity.sparsity, found.sparsity.prune_scope) == (0.3, "all")
