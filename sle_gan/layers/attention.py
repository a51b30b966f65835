"""Self-attention: each position of a feature map gathers from all others, near or far."""

from collections.abc import Callable

import tensorflow as tf
import tf_keras as keras


class LearnedScale(keras.layers.Layer):
    """Multiplies by one learned number that begins at 0."""

    def build(self, input_shape: tf.TensorShape) -> None:
        """Adds the number."""
        super().build(input_shape)
        self.scale = self.add_weight(name="scale", shape=[], initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Scales a tensor of any shape."""
        return inputs * self.scale


def self_attention(x: tf.Tensor, convolution: Callable[[tf.Tensor, int, int, str], tf.Tensor], name: str) -> tf.Tensor:
    """Adds to each position of a map what it gathers from the positions that it attends to; adds nothing at first.

    Args:
        x: float `[batch, side, side, channels]` of static, even side; the channels are a multiple of 8.
        convolution: function of (map, filters, size, name) -> map, without a bias.
        name: prefix of the names of the layers.

    Returns:
        The shape and dtype of `x`.

    Source: Zhang et al. 2019, arXiv:1805.08318, section 3; keys and values are pooled as in Brock et al. 2019,
    arXiv:1809.11096.
    """
    _, height, width, channels = x.shape

    def pooled(maps: tf.Tensor, filters: int) -> tf.Tensor:
        return tf.reshape(tf.nn.max_pool2d(maps, 2, 2, "VALID"), [-1, height * width // 4, filters])

    queries = tf.reshape(convolution(x, channels // 8, 1, f"{name}_query"), [-1, height * width, channels // 8])
    keys = pooled(convolution(x, channels // 8, 1, f"{name}_key"), channels // 8)
    values = pooled(convolution(x, channels // 2, 1, f"{name}_value"), channels // 2)
    similarities = tf.matmul(queries, keys, transpose_b=True)  # [batch, positions, positions / 4]
    attention = tf.cast(tf.nn.softmax(tf.cast(similarities, tf.float32)), values.dtype)
    gathered = tf.reshape(tf.matmul(attention, values), [-1, height, width, channels // 2])
    return x + LearnedScale(name=f"{name}_scale")(convolution(gathered, channels, 1, f"{name}_out"))
