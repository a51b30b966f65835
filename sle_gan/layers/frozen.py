"""Networks whose first part is frozen, and how what trains behind it shares an image with others."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2

_TINY = 1e-12


class FrozenFirst(keras.Model):
    """A discriminator that looks at images through frozen layers: what they see can be kept for several steps.

    It is itself the functional model of images -> what `judge` returns, through `look`.

    Args:
        look: model of images, with classes and labels, -> what `judge` takes.
        judge: model of that -> logits, or logits and maps; all that is trained is in it.
        see: like `look` with the same values, for fakes: gradients that pass it may be changed. `look` without it.
        name: of the model.

    Attributes:
        look: as above.
        judge: as above.
        see: as above.
    """

    @needs_keras_2
    def __init__(self, look: keras.Model, judge: keras.Model, see: keras.Model | None = None, name: str | None = None):
        super().__init__(look.inputs, judge(look.outputs), name=name)
        self.look = look
        self.judge = judge
        self.see = look if see is None else see


class BalancedFork(keras.layers.Layer):
    """Gives images to two judges, of which neither drowns the other's gradient.

    The first judge is given all images, the second the first of them. On the way back the gradient of the second is
    scaled as a whole, so that its norm is `share / (1 - share)` times that of the first judge's.

    Args:
        share: of the second judge in the sum of both norms, between 0 and 1.
        **kwargs: as `keras.layers.Layer`.
    """

    def __init__(self, share: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share

    def call(self, images: tf.Tensor | Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the images float32 `[batch, height, width, channels]` for the first judge, and that for the second.

        Args:
            images: a list of images in several sizes, or images in one.
        """

        @tf.custom_gradient
        def fork(*images: tf.Tensor) -> Any:
            def gradient(*upstream: tf.Tensor) -> list[tf.Tensor]:
                *firsts, second = upstream
                first_norm, second_norm = _norm(firsts), _norm([second])
                scale = self.share / (1.0 - self.share) * first_norm / (second_norm + _TINY)
                return [firsts[0] + scale * second, *firsts[1:]]

            return [tf.identity(image) for image in (*images, images[0])], gradient

        return fork(*tf.nest.flatten(images))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "share": self.share}


def _norm(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.sqrt(tf.add_n([tf.reduce_sum(tensor**2) for tensor in tensors]))
