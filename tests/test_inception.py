"""The 2015 Inception on drawn weights of its names and shapes, where its weights come from, and preprocessing."""

import hashlib
import http.server
import re
import threading

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
import tf_keras as keras
from inception_file import CONVOLUTIONS, drawn_weights, write_state_dict
from PIL import Image

from sle_gan.errors import InputError
from sle_gan.evaluation import download
from sle_gan.pretrained import NETWORKS
from sle_gan.pretrained.efficientnet_lite0 import weights_path
from sle_gan.pretrained.inception import inception


@pytest.fixture(scope="module")
def arrays():
    return drawn_weights()


@pytest.fixture(scope="module")
def weights(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "drawn.pth"
    write_state_dict(path, arrays)
    return path


@pytest.fixture(scope="module")
def maps(weights):
    """Every map of one drawn picture, by name."""
    names = ("Mixed_5b", "Mixed_6a", "Mixed_7b", "Mixed_7c", "pooled", "logits")
    pixels = np.random.default_rng(1).integers(0, 256, [1, 299, 299, 3]).astype(np.float32)
    maps = dict(zip(names, inception(weights, names)(pixels), strict=True))
    return {"images": pixels} | {name: tensor.numpy() for name, tensor in maps.items()}


@pytest.mark.paper(
    "Scores",
    "Heusel et al. 2017, arXiv:1706.08500, the 2015 Inception",
    "every weight of the network by name and shape",
)
def test_the_names_and_shapes_are_those_of_the_published_network(arrays):
    # The published trunk has 21,785,568 weights (gains and biases of the normalization counted), the file 95,628,359
    # bytes, of which all but 0.1 % are numbers.
    kernels = sum(array.size for name, array in arrays.items() if name.endswith("conv.weight"))
    channels = sum(array.size for name, array in arrays.items() if name.endswith("running_mean"))
    assert (len(CONVOLUTIONS), kernels, channels) == (94, 21_785_568 - 2 * 17_216, 17_216)
    number_bytes = 4 * (kernels + 4 * channels + 1008 * 2049)
    assert 0 < 95_628_359 - number_bytes < 95_628_359 / 1000


def test_the_trunk_agrees_with_the_inception_of_keras(arrays, maps):
    """Up to the block before the last the two differ in the weights alone."""
    network = keras.applications.InceptionV3(weights=None, include_top=False, input_shape=(299, 299, 3))

    def number(layer):
        found = re.search(r"_(\d+)$", layer.name)
        return int(found[1]) if found else 0

    convolutions, norms = (
        sorted((layer for layer in network.layers if isinstance(layer, kind)), key=number)
        for kind in (keras.layers.Conv2D, keras.layers.BatchNormalization)
    )
    for (name, *_), convolution, norm in zip(CONVOLUTIONS, convolutions, norms, strict=True):
        gain = arrays[f"{name}.bn.weight"]
        convolution.set_weights([arrays[f"{name}.conv.weight"].transpose(2, 3, 1, 0) * gain])
        # Its normalization has no gain: the gain goes before it, and the variance stays.
        bias, mean, variance = (arrays[f"{name}.bn.{part}"] for part in ("bias", "running_mean", "running_var"))
        norm.set_weights([bias, mean * gain, variance])
    trunk = keras.Model(network.input, network.get_layer("mixed9").output)
    expected = trunk(maps["images"] / 128 - 1).numpy()
    assert expected.std() > 0.05
    np.testing.assert_allclose(maps["Mixed_7b"], expected, atol=1e-3 * expected.std())


def convolve(arrays, name, x):
    """One convolution, its normalization and ReLU in float64, kept apart; the map keeps its size."""
    kernel = arrays[f"{name}.conv.weight"].astype(np.float64)
    height, width = kernel.shape[2:]
    padded = np.pad(x, [(height // 2,) * 2, (width // 2,) * 2, (0, 0)])
    y = sum(
        padded[top : top + x.shape[0], left : left + x.shape[1]] @ kernel[:, :, top, left].T
        for top in range(height)
        for left in range(width)
    )
    norm = {part: arrays[f"{name}.bn.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}
    y = (y - norm["running_mean"]) / np.sqrt(norm["running_var"] + 1e-3) * norm["weight"] + norm["bias"]
    return np.maximum(y, 0)


def test_the_last_block_agrees_with_scipy_and_takes_the_maximum_in_its_pooled_branch(arrays, maps):
    x = maps["Mixed_7b"][0].astype(np.float64)
    block = "Mixed_7c"
    three = convolve(arrays, f"{block}.branch3x3_1", x)
    double = convolve(arrays, f"{block}.branch3x3dbl_2", convolve(arrays, f"{block}.branch3x3dbl_1", x))
    pooled = scipy.ndimage.maximum_filter(x, (3, 3, 1), mode="constant", cval=-np.inf)
    branches = [
        convolve(arrays, f"{block}.branch1x1", x),
        convolve(arrays, f"{block}.branch3x3_2a", three),
        convolve(arrays, f"{block}.branch3x3_2b", three),
        convolve(arrays, f"{block}.branch3x3dbl_3a", double),
        convolve(arrays, f"{block}.branch3x3dbl_3b", double),
        convolve(arrays, f"{block}.branch_pool", pooled),
    ]
    expected = np.concatenate(branches, axis=-1)
    np.testing.assert_allclose(maps[block][0], expected, atol=1e-4 * expected.std())
    averaged = convolve(arrays, f"{block}.branch_pool", scipy.ndimage.uniform_filter(x, (3, 3, 1), mode="constant"))
    assert np.abs(averaged - expected[..., -192:]).max() > 0.1 * expected.std()
    np.testing.assert_allclose(maps["pooled"][0], expected.mean(axis=(0, 1)), rtol=1e-4, atol=1e-5)


def test_the_logits_are_without_their_bias(arrays, maps):
    np.testing.assert_allclose(maps["logits"][0], arrays["fc.weight"] @ maps["pooled"][0], atol=1e-4)


def test_a_file_that_lacks_a_weight_or_has_another_shape_is_told(arrays, tmp_path):
    first = "Conv2d_1a_3x3.conv.weight"
    for changed, told in [
        ({}, f"must hold {first} of shape \\(32, 3, 3, 3\\), as the 2015 Inception; it has nothing"),
        ({first: np.zeros((32, 1, 3, 3), np.float32)}, r"it has \(32, 1, 3, 3\)"),
    ]:
        write_state_dict(tmp_path / "other.pth", {"fc.bias": arrays["fc.bias"]} | changed)
        with pytest.raises(InputError, match=told):
            inception(tmp_path / "other.pth")


# --- where the weights come from ---


def test_a_file_of_another_checksum_is_refused_and_the_right_one_taken(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match=r"weights.pth must be the 2015 Inception's weights, SHA-256 6726825d"):
        download.inception_weights(path, print)
    monkeypatch.setattr(download, "INCEPTION_SHA256", hashlib.sha256(b"something else").hexdigest())
    assert download.inception_weights(path, print) == path
    with pytest.raises(InputError, match=r"is no file; without it .* https://github\.com/mseitzer"):
        download.inception_weights(tmp_path / "none.pth", print)


@pytest.fixture
def served(tmp_path):
    """The address of a web server on this machine that serves one folder, and the folder."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


def test_weights_are_fetched_once_into_the_cache_folder_with_progress(served, tmp_path, monkeypatch):
    address, folder = served
    content = np.random.default_rng(0).bytes(3 * 2**20)
    (folder / "weights.pth").write_bytes(content)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "INCEPTION_SHA256", hashlib.sha256(content).hexdigest())
    lines = []
    path = download.inception_weights(None, lines.append, f"{address}/weights.pth")
    assert path == tmp_path / "cache" / "sle-gan" / "weights.pth"
    assert path.read_bytes() == content
    assert lines == [f"fetching {address}/weights.pth to {path}", "1 of 3 MiB", "2 of 3 MiB", "3 of 3 MiB"]
    (folder / "weights.pth").unlink()
    assert download.inception_weights(None, lines.append, f"{address}/weights.pth") == path
    assert len(lines) == 4


def test_weights_that_cannot_be_fetched_are_told_with_address_and_target(served, tmp_path, monkeypatch):
    address, _ = served
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for unreachable in (f"{address}/none.pth", "http://127.0.0.1:1/none.pth"):
        with pytest.raises(InputError) as told:
            download.inception_weights(None, print, unreachable)
        target = tmp_path / "cache" / "sle-gan" / "none.pth"
        assert str(told.value).endswith(f"get {unreachable} and put it at {target}")
        assert "\n" not in str(told.value)
        assert not any(target.parent.iterdir())


# --- preprocessing, for either network ---


@pytest.fixture(scope="module")
def lite0():
    return NETWORKS["efficientnet-lite0"].module().feature_network()


@pytest.mark.parametrize("side", [64, 448])
def test_legacy_resizing_takes_the_four_pixels_around_and_no_others(lite0, side):
    images = np.random.default_rng(side).integers(0, 256, [2, side, side, 3]).astype(np.uint8)
    places = np.arange(224) * side / 224  # pixel 0 stays at 0: TensorFlow 1 counted from corners, not from middles
    low = np.floor(places).astype(int)
    high, share = np.minimum(low + 1, side - 1), places - low
    rows = images[:, low] * (1 - share)[:, None, None] + images[:, high] * share[:, None, None]
    expected = rows[:, :, low] * (1 - share)[:, None] + rows[:, :, high] * share[:, None]
    np.testing.assert_allclose(lite0.preprocess(images, "legacy"), expected, atol=0.01)


def test_clean_resizing_of_waves_loses_those_that_the_small_picture_cannot_hold(lite0):
    x = np.arange(896)
    slow, fast = (127.5 + 100 * np.sin(2 * np.pi * count * (x + 0.5) / 896) for count in (8, 300))
    images = np.stack([np.tile(wave[:, None], [896, 1, 1]) for wave in (slow, fast)]).round().astype(np.uint8)
    resized = lite0.preprocess(images, "clean")
    middles = 127.5 + 100 * np.sin(2 * np.pi * 8 * (np.arange(224) + 0.5) / 224)
    np.testing.assert_allclose(resized[0, 100, :, 0], middles, atol=1)
    assert np.abs(resized[1, :, 8:-8] - 127.5).max() < 5
    assert lite0.preprocess(images[1:], "legacy").std() > 50


def test_clean_resizing_is_not_rounded_and_is_clipped(lite0):
    images = np.zeros([1, 32, 32, 1], np.uint8)
    images[:, :, 16:] = 255
    resized = lite0.preprocess(images, "clean")
    assert resized.min() == 0
    assert resized.max() == 255
    assert np.abs(resized - resized.round()).max() > 0.1
    by_pillow = np.asarray(Image.fromarray(images[0, ..., 0]).resize((224, 224), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(resized[0, ..., 1], by_pillow, atol=0.51)


def test_features_do_not_depend_on_the_images_beside_them(lite0):
    images = np.random.default_rng(3).integers(0, 256, [18, 48, 48, 3]).astype(np.uint8)
    features, logits = lite0(images, "legacy")
    assert features.shape == (18, 1280)
    assert logits.shape == (18, 1000)
    alone, alone_logits = lite0(images[17:], "legacy")
    np.testing.assert_array_equal(alone[0], features[17])
    np.testing.assert_array_equal(alone_logits[0], logits[17])


def test_grey_images_count_as_rgb_of_equal_parts_and_others_are_refused(lite0):
    grey = np.random.default_rng(3).integers(0, 256, [1, 48, 48, 1]).astype(np.uint8)
    for mode in ("legacy", "clean"):
        np.testing.assert_array_equal(lite0(grey, mode)[0], lite0(np.repeat(grey, 3, axis=-1), mode)[0])
    for shape, dtype in (([1, 48, 48, 4], np.uint8), ([1, 48, 48, 3], np.float32), ([48, 48, 3], np.uint8)):
        wrong = np.zeros(shape, dtype)
        with pytest.raises(InputError, match="images must be uint8"):
            lite0(wrong, "legacy")
    with pytest.raises(InputError, match="mode must be one of legacy, clean; got 'fast'"):
        lite0(grey, "fast")


def test_a_network_tells_the_checksum_of_its_weights(lite0):
    assert lite0.weights_sha256.startswith("57934424")  # the file's name says so
    assert lite0.weights_sha256 == hashlib.sha256(weights_path().read_bytes()).hexdigest()


def test_lite0_takes_bytes_as_its_model_takes_numbers_from_minus_1_to_1(lite0):
    from sle_gan.pretrained.efficientnet_lite0 import efficientnet_lite0

    images = np.random.default_rng(5).integers(0, 256, [2, 224, 224, 3]).astype(np.uint8)
    expected = efficientnet_lite0(("pooled",))(tf.cast(images, tf.float32) / 127.5 - 1)
    np.testing.assert_allclose(lite0(images, "clean")[0], expected, atol=1e-4)
