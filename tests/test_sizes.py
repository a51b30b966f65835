import numpy as np
import pytest
import tf_keras as keras

from sle_gan.export.sizes import decode_sparse, encode_sparse, weight_sizes


def test_what_is_encoded_is_decoded_to_the_last_bit():
    rng = np.random.default_rng(0)
    for shape in ((), (1,), (3, 3, 5, 7)):
        array = (rng.normal(size=shape) * (rng.random(shape) < 0.3)).astype(np.float32)
        np.testing.assert_array_equal(decode_sparse(encode_sparse(array), shape), array)


def test_sizes_are_those_computed_by_hand():
    inputs = keras.Input([10])
    network = keras.Model(inputs, keras.layers.Dense(20, use_bias=False)(inputs))
    kernel = np.random.default_rng(1).normal(size=(10, 20)).astype(np.float32)
    network.set_weights([kernel])
    sizes = weight_sizes(network)
    assert (sizes.dense, sizes.sparse) == (800, 800)  # a bitmap would only add to a dense one
    assert sizes.zero_share == 0
    kernel.ravel()[:150] = 0
    network.set_weights([kernel])
    sizes = weight_sizes(network)
    assert (sizes.dense, sizes.sparse) == (800, 25 + 4 * 50)
    assert sizes.zero_share == pytest.approx(0.75)
    assert sizes.dense_gzip < 800
