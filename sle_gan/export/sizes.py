"""The size of a generator's weights on disk: as they are, compressed, and without the pruned ones."""

import gzip
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.keras_version import needs_keras_2

if TYPE_CHECKING:
    import tf_keras as keras

_LEVEL = 6  # gzip's own default


class WeightSizes(NamedTuple):
    """Bytes of a generator's weights.

    Attributes:
        dense: every weight as float32.
        dense_gzip: `dense`, compressed.
        sparse: each array in the smaller of two forms: as it is, or as `encode_sparse` writes it.
        sparse_gzip: `sparse`, compressed.
        zero_share: share of the weights that are 0, in [0, 1].
    """

    dense: int
    dense_gzip: int
    sparse: int
    sparse_gzip: int
    zero_share: float


def encode_sparse(array: NDArray[np.float32]) -> bytes:
    """Encodes an array with many zeros.

    Args:
        array: float32 of any shape.

    Returns:
        Bytes: first one bit for each element, 1 if it is not 0, padded to whole bytes; then the elements that are not
        0, in order. `decode_sparse` is the inverse.
    """
    live: NDArray[np.bool_] = array != 0
    return np.packbits(live.ravel()).tobytes() + array[live].tobytes()


def decode_sparse(content: bytes, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Decodes what `encode_sparse` wrote.

    Args:
        content: the bytes.
        shape: shape of the array.

    Returns:
        float32 array of that shape.
    """
    size = int(np.prod(shape))
    bits = -(-size // 8)
    live = np.unpackbits(np.frombuffer(content[:bits], np.uint8), count=size).astype(bool)
    array = np.zeros(size, np.float32)
    array[live] = np.frombuffer(content[bits:], np.float32)
    return array.reshape(shape)


@needs_keras_2
def weight_sizes(generator: "keras.Model") -> WeightSizes:
    """Measures the sizes of a generator's weights, by encoding them in memory.

    Args:
        generator: a `keras.Model`.

    Returns:
        `WeightSizes`.
    """
    arrays = [variable.numpy().astype(np.float32) for variable in generator.variables]
    dense = b"".join(array.tobytes() for array in arrays)
    sparse = b"".join(min(array.tobytes(), encode_sparse(array), key=len) for array in arrays)
    live = sum(np.count_nonzero(array) for array in arrays)
    return WeightSizes(
        dense=len(dense),
        dense_gzip=len(gzip.compress(dense, _LEVEL)),
        sparse=len(sparse),
        sparse_gzip=len(gzip.compress(sparse, _LEVEL)),
        zero_share=1 - live / generator.count_params(),
    )


def size_lines(sizes: WeightSizes) -> list[str]:
    """Describes the sizes in lines of text: dense and sparse, each with and without compression."""
    return [
        f"weights: {sizes.dense / 1e6:.2f} MB as float32, {sizes.dense_gzip / 1e6:.2f} MB gzipped; "
        f"{sizes.zero_share:.1%} are 0",
        f"without the zeros: {sizes.sparse / 1e6:.2f} MB, {sizes.sparse_gzip / 1e6:.2f} MB gzipped",
    ]
