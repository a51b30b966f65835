"""Pictures that are not square, from the setting to the networks; `test_wide_runs.py` trains with them."""

import functools
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sle_gan.assembly.beginning import take_over
from sle_gan.assembly.resolve import resolve
from sle_gan.data.decode import decode_images, read_image
from sle_gan.data.doctor import diagnose
from sle_gan.data.folder import scan
from sle_gan.errors import InputError
from sle_gan.evaluation.health import pixel_diversity
from sle_gan.evaluation.sliced_wasserstein import LevelPatches
from sle_gan.layers.resample import average_pool_to, crop_quadrant, downsample_nearest
from sle_gan.models import DISCRIMINATORS, GENERATORS, Pair
from sle_gan.models.blocks.projected import seen_size
from sle_gan.models.build import build_discriminator, build_generator
from sle_gan.models.pairing import training_graph
from sle_gan.picture_shape import PictureShape
from sle_gan.settings import ImageSettings
from sle_gan.settings.nested import from_nested, to_nested
from sle_gan.settings.words import as_words

OF_ANY_SHAPE = ("both", "fastgan", "projected", "projected-color", "stylegan2")


def drawn(*shape):
    return np.random.default_rng(0).integers(0, 256, size=shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("given", "shape", "kept"),
    [
        (64, (64, 64), 64),
        ("64", (64, 64), 64),
        ("64x64", (64, 64), 64),
        ("96x64", (96, 64), "96x64"),
        ("64x96", (64, 96), "64x96"),
        (PictureShape(80, 64), (80, 64), "80x64"),
    ],
)
def test_a_shape_is_read_from_what_people_and_files_say(given, shape, kept):
    assert PictureShape.of(given) == shape
    assert PictureShape.of(given).resolution == kept
    assert PictureShape.of(kept) == shape


@pytest.mark.parametrize(
    "given", ["", "x64", "96x", "96x64x3", "96X64", "-96x64", "9.5x4", "0x64", 0, -4, 64.0, True, None]
)
def test_what_is_no_shape_is_refused(given):
    with pytest.raises(ValueError, match=r"shape|sides"):
        PictureShape.of(given)


@pytest.mark.parametrize(
    ("shape", "side", "expected"),
    [("96x64", 4, (6, 4)), ("64x80", 32, (32, 40)), ("384x256", 128, (192, 128)), ("300x200", 101, (152, 101))],
)
def test_a_shape_keeps_its_ratio_at_another_side(shape, side, expected):
    assert PictureShape.of(shape).of_side(side) == expected


@pytest.mark.parametrize(
    ("shape", "nearest"),
    [("100x64", "96x64"), ("64x100", "64x96"), ("104x64", "112x64"), ("640x64", "256x64"), ("65x64", "64")],
)
def test_networks_take_whole_quarters_up_to_four_to_one(shape, nearest):
    found = PictureShape.of(shape).in_quarters()
    assert str(found) == nearest
    assert found.in_quarters() == found


def test_a_square_is_kept_as_a_number_and_another_shape_as_text():
    for resolution in (64, "64x64"):
        settings = resolve({"data_folder": "x", "resolution": resolution})
        assert to_nested(settings)["images"]["resolution"] == 64
    settings = resolve({"data_folder": "x", "resolution": "96x64"})
    content = json.loads(json.dumps(to_nested(settings)))
    assert content["images"]["resolution"] == "96x64"
    assert from_nested(content) == settings
    assert as_words({"resolution": settings.images.resolution}) == ["--resolution", "96x64"]


@pytest.mark.parametrize("model", ["alphagan", "autogan", "biggan", "progan", "sngan"])
def test_networks_of_squares_alone_refuse_another_shape_and_name_those_that_can(model):
    with pytest.raises(
        InputError, match="are square; those of the generators fastgan, stylegan2 with the discr"
    ) as told:
        resolve({"data_folder": "x", "model": model, "resolution": "48x32"}, 10)
    assert "\n" not in str(told.value)
    assert all(name in str(told.value) for name in OF_ANY_SHAPE)


def test_a_ratio_or_side_that_networks_lack_names_one_that_they_have():
    for given, told in [("100x64", "such as 96x64$"), ("64x300", "such as 64x256$"), ("96x48", "the shorter side of")]:
        with pytest.raises(InputError, match=told):
            resolve({"data_folder": "x", "resolution": given})


def test_what_follows_from_the_pixels_follows_from_both_sides():
    wide, square = (resolve({"data_folder": "x", "model": "stylegan2", "resolution": given}) for given in ("96x64", 64))
    assert wide.penalties.r1_gamma == pytest.approx(1.5 * square.penalties.r1_gamma)
    assert wide.network == square.network
    assert wide.optimization == square.optimization


def square_marks():
    """A picture of 90 x 40 px: a frame of red around a middle of blue."""
    picture = np.zeros([40, 90, 3], np.uint8)
    picture[..., 0] = 255
    picture[5:35, 5:85] = [0, 0, 255]
    return Image.fromarray(picture)


@pytest.mark.parametrize(
    ("size", "resolution", "box"),
    [
        ((90, 40), "6x4", (15, 0, 75, 40)),  # 60 x 40 of the middle
        ((90, 40), "4x6", (31, 0, 58, 40)),  # 26.7 x 40
        ((40, 90), "6x4", (0, 31, 40, 58)),
        ((90, 60), "6x4", (0, 0, 90, 60)),
    ],
)
def test_a_crop_is_the_largest_middle_of_that_ratio(tmp_path, size, resolution, box):
    picture = Image.fromarray(drawn(size[1], size[0], 3))
    picture.save(tmp_path / "a.png")
    shape = PictureShape.of(resolution)
    expected = picture.resize(shape, Image.Resampling.LANCZOS, box, reducing_gap=3.0)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", resolution, 3, "crop", (0, 0, 0)), expected)


@pytest.mark.parametrize(
    ("resolution", "inner"),
    [("90x60", np.s_[10:50, :]), ("120x40", np.s_[:, 15:105]), ("45x40", np.s_[10:30, :]), ("90x40", np.s_[:, :])],
)
def test_a_padded_picture_is_whole_within_its_borders(tmp_path, resolution, inner):
    square_marks().save(tmp_path / "a.png")
    result = read_image(tmp_path / "a.png", resolution, 3, "pad", (0, 255, 0))
    assert result.shape == (*PictureShape.of(resolution).size, 3)
    is_border = np.ones(result.shape[:2], bool)
    is_border[inner] = False
    np.testing.assert_array_equal((result == [0, 255, 0]).all(axis=-1), is_border)
    assert (result[inner][0, :, 0] > 128).all()  # the frame


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_photograph_that_lies_on_its_side_is_read_as_the_turned_one(tmp_path, fit, orientation):
    coarse = Image.fromarray(drawn(6, 9, 3)).resize((960, 640), Image.Resampling.BICUBIC)
    stored = coarse.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else coarse
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", quality=97, exif=exif)
    coarse.save(tmp_path / "a.png")
    of_jpeg, of_png = (
        read_image(tmp_path / f"a.{end}", "96x64", 3, fit, (9, 9, 9)).astype(int) for end in ("jpg", "png")
    )
    assert of_jpeg.shape == (64, 96, 3)
    assert np.abs(of_jpeg - of_png).mean() < 2


def test_decoded_images_have_the_shape_and_are_kept_apart_from_squares(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sle_gan.data.kept_images.FEWEST_PIXELS", 0)
    (tmp_path / "images").mkdir()
    square_marks().save(tmp_path / "images" / "a.png")
    found = scan(tmp_path / "images")
    for resolution, size in (("96x64", (64, 96)), ("64x96", (96, 64)), (64, (64, 64)), ("96x64", (64, 96))):
        settings = resolve({"data_folder": "x", "resolution": resolution}).images
        images, _, _ = decode_images(found, settings)
        assert images.shape == (1, *size, 3)
    assert len(list((tmp_path / "cache").rglob("*.zip"))) == 3


@pytest.mark.parametrize(
    ("sizes", "asked", "advice"),
    [
        ([(180, 120)], 64, "about 3:2: --resolution 96x64 shows 100% of an image on average, 64 67%"),
        ([(120, 180)], 64, "about 2:3: --resolution 64x96"),
        ([(180, 90)] * 3 + [(90, 90)], 64, "about 2:1: --resolution 128x64"),
        ([(180, 120)], "96x64", None),
        ([(180, 120), (120, 180)], 64, None),  # as many of each
        ([(100, 95)], 64, None),
        ([(120, 180)], "96x64", "about 2:3: --resolution 64x96"),
        ([(150, 100)], 512, "about 3:2: --resolution 96x64"),  # at the side that does not enlarge them
    ],
)
def test_a_shape_is_proposed_where_it_shows_much_more_of_the_images(tmp_path, sizes, asked, advice):
    for number in range(4):
        width, height = sizes[number % len(sizes)]
        Image.fromarray(drawn(height, width, 3) // (number + 1)).save(tmp_path / f"{number}.png")
    settings = ImageSettings(data_folder=str(tmp_path), resolution=asked)
    lines = [line for line in diagnose(scan(tmp_path), settings, lambda changes: True).advice if " about " in line]
    assert len(lines) == (advice is not None)
    assert all(advice in line for line in lines)
    assert not [line for line in diagnose(scan(tmp_path), settings, lambda changes: False).advice if " about " in line]


def test_maps_of_another_shape_are_resampled_by_the_shorter_side():
    x = tf.reshape(tf.range(24.0), [1, 4, 6, 1])
    np.testing.assert_array_equal(downsample_nearest(x, 2)[0, ..., 0], [[0, 2, 4], [12, 14, 16]])
    assert downsample_nearest(x, 8).shape == (1, 8, 12, 1)
    np.testing.assert_array_equal(average_pool_to(x, 2)[0, ..., 0], [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]])
    quadrants = crop_quadrant(tf.repeat(x, 2, axis=0), tf.constant([1, 2]))[..., 0]
    np.testing.assert_array_equal(quadrants, [[[3, 4, 5], [9, 10, 11]], [[12, 13, 14], [18, 19, 20]]])
    with pytest.raises(ValueError, match="multiple of 2"):
        average_pool_to(tf.zeros([1, 4, 5, 1]), 2)


def turned_weights(network, other):
    """Gives `other`, of the turned shape, the weights of a network with height and width of all kernels exchanged."""
    for ours, theirs in zip(network.weights, other.weights, strict=True):
        value = ours.numpy()
        if value.ndim == 4:
            value = value.transpose(1, 0, 2, 3)
        elif "start" in ours.name and value.ndim == 3:  # StyleGAN2's first map
            value = value.transpose(1, 0, 2)
        theirs.assign(value)


@functools.cache
def build_of(kind, name, resolution):
    return build_network(kind, name, resolution)


def build_network(kind, name, resolution):
    settings = resolve({"data_folder": "x", "resolution": resolution, "width": 8, "model": name})
    return (build_generator if kind == "generator" else build_discriminator)(settings.network, settings.images, 3)


@pytest.mark.parametrize("name", ["fastgan", "stylegan2"])
def test_a_high_generator_is_the_wide_one_on_its_side(name):
    wide, high = (build_of("generator", name, resolution) for resolution in ("96x64", "64x96"))
    turned_weights(wide, high)
    codes = tf.random.stateless_normal([2, wide.input_shape[1]], [1, 2])
    images = wide(codes)
    assert images.shape == (2, 64, 96, 3)
    spread = float(tf.math.reduce_std(images))
    assert spread > 1e-4
    np.testing.assert_allclose(high(codes), tf.transpose(images, [0, 2, 1, 3]), atol=spread / 1000)


def test_a_high_discriminator_is_the_wide_one_on_its_side():
    wide, high = (build_of("discriminator", "fastgan", resolution) for resolution in ("96x64", "64x96"))
    turned_weights(wide, high)
    images = tf.random.stateless_uniform([2, 64, 96, 3], [1, 2], -1.0, 1.0)
    logits, turned = wide(images), high(tf.transpose(images, [0, 2, 1, 3]))
    assert logits.shape == turned.shape == (2, 2 * 5 * 9)  # of the patches of both scales
    of_patches = tf.reshape(logits, [2, 2, 5, 9])
    np.testing.assert_allclose(tf.reshape(turned, [2, 2, 9, 5]), tf.transpose(of_patches, [0, 1, 3, 2]), atol=1e-4)


@pytest.mark.parametrize("name", ["fastgan", "stylegan2"])
def test_every_weight_of_networks_of_another_shape_is_trained(name):
    networks = [build_of(kind, name, "96x64") for kind in ("generator", "discriminator")]
    graph = training_graph(Pair(name, name), *networks)
    codes = tf.random.stateless_normal([2, networks[0].input_shape[1]], [1, 2])
    with tf.GradientTape(persistent=True) as tape:
        pictures = graph.generator(codes, training=True)
        logits = tf.nest.flatten(graph.discriminator(pictures, training=True))[0]
        total = tf.reduce_sum(logits**2)
    assert tf.nest.flatten(pictures)[0].shape == (2, 64, 96, 3)
    of_decoders = [] if graph.decoders is None else graph.decoders.trainable_variables
    for network in networks:
        variables = [one for one in network.trainable_variables if all(one is not other for other in of_decoders)]
        gradients = tape.gradient(total, variables)
        assert all(gradient is not None and tf.reduce_any(gradient != 0.0) for gradient in gradients)
    if graph.decoders is not None:
        assert {tuple(output.shape[1:3]) for output in graph.decoders.outputs} == {(64, 96)}


@pytest.mark.parametrize(
    ("kind", "name", "new"),
    [
        ("generator", "fastgan", {"start", "excite64_squeeze"}),
        ("discriminator", "fastgan", {"excite8_squeeze"}),
        ("discriminator", "stylegan2", {"last_dense"}),
    ],
)
def test_a_wide_network_takes_all_from_the_square_one_but_what_reads_or_makes_a_whole_map(kind, name, new):
    wide, square = build_of(kind, name, "96x64"), build_network(kind, name, 64)
    assert {one.name for one in wide.weights} == {one.name for one in square.weights}
    before = wide.get_weights()
    taken = take_over(wide, square, ((), ()), {})
    assert set(taken.new) == new
    for ours, theirs in zip(wide.weights, square.weights, strict=True):
        if ours.name.partition("/")[0] not in new:
            np.testing.assert_array_equal(ours, theirs)
    wide.set_weights(before)  # other tests use it too


@pytest.mark.parametrize(
    ("shape", "side", "size"), [("96x64", 128, (128, 192)), ("80x64", 64, (64, 96)), ("64x112", 96, (160, 96))]
)
def test_the_frozen_network_sees_each_side_at_a_multiple_of_32(shape, side, size):
    assert seen_size(PictureShape.of(shape), side) == size


def test_scores_take_pictures_of_another_shape():
    images = drawn(4, 64, 96, 3)
    assert [(side, patches.shape[1:]) for side, patches in LevelPatches(4, 0, 8).add(images).levels().items()] == [
        (16, (3, 7, 7)),
        (32, (3, 7, 7)),
        (64, (3, 7, 7)),
    ]
    blocks = images.astype(float).reshape(4, 16, 4, 24, 4, 3).mean(axis=(2, 4)).reshape(4, -1)
    pairs = [np.mean((a - b) ** 2) for i, a in enumerate(blocks) for b in blocks[:i]]
    assert pixel_diversity(images) == pytest.approx(np.sqrt(np.mean(pairs)))


def test_only_networks_of_any_shape_say_so():
    assert sorted(name for name, row in DISCRIMINATORS.items() if row.any_shape) == sorted(OF_ANY_SHAPE)
    assert [name for name, row in GENERATORS.items() if row.any_shape] == ["fastgan", "stylegan2"]
