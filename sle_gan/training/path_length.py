"""Path length: equal steps in the styles should change the pictures equally.

Source: Karras et al. 2020, arXiv:1912.04958, section 3.2.
"""

import tensorflow as tf

_KEPT = 0.99  # of the mean length at each step that computes it


class PathLength(tf.Module):
    """The mean squared distance of path lengths from their moving mean, added to the generator's loss lazily.

    The weight is multiplied by the interval, so that the mean over the steps is that of every step.

    Args:
        mixing: model of latent codes `[batch, latent size]`, or of a list of them and labels -> styles of all layers
            `[batch, layers, size]`.
        synthesis: model of styles -> images.
        weight: what the penalty is multiplied by; 2 in the paper.
        interval_steps: the generator's steps from one computation to the next.
        shares: of the batch that such a step goes through in turn; each moves the mean by its part.

    Attributes:
        mean_length: the moving mean, which a resumed run needs.
    """

    def __init__(self, mixing, synthesis, weight, interval_steps, shares=1):
        super().__init__()
        self.mixing = mixing
        self.synthesis = synthesis
        self.weight = weight
        self.interval_steps = interval_steps
        self._kept = _KEPT ** (1 / shares)
        self.mean_length = tf.Variable(0.0, trainable=False, name="mean_path_length")

    def __call__(self, step, count, seed, classes=None):
        """Returns the weighted penalty where it is due at this step, otherwise 0.

        Args:
            step: int64 scalar, the number of the generator's steps before this one.
            count: the images of a step or share, a number or int32 scalar; half as many are drawn.
            seed: int32 `[2]`, of codes, noise and labels.
            classes: the `ClassShares` that labels are drawn by; None without.

        Returns:
            float32 scalar.
        """

        def due():
            code_seed, noise_seed, label_seed = (
                tf.random.experimental.stateless_fold_in(seed, use) for use in range(3)
            )
            half = tf.maximum(count // 2, 1)
            codes = tf.random.stateless_normal([half, self.mixing.inputs[0].shape[-1]], code_seed)
            inputs = codes if classes is None else [codes, classes.draw(half, label_seed)]
            lengths = self.lengths(inputs, noise_seed)
            mean = self._kept * self.mean_length + (1.0 - self._kept) * tf.reduce_mean(lengths)
            self.mean_length.assign(mean)
            return self.weight * self.interval_steps * tf.reduce_mean((lengths - mean) ** 2)

        if self.interval_steps == 1:
            return due()
        return tf.cond(step % self.interval_steps == 0, due, lambda: tf.zeros([]))

    def lengths(self, inputs, seed):
        """Returns how far a random direction of unit step in the styles moves each picture.

        Args:
            inputs: codes float32 `[batch, latent size]`; with classes a list of them and one-hot labels.
            seed: int32 `[2]`, of the direction in the space of pictures.

        Returns:
            float32 `[batch]`, differentiable.
        """
        styles = self.mixing(inputs, training=True)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(styles)
            images = tf.cast(self.synthesis(styles, training=True), tf.float32)
            pixels = tf.cast(images.shape[1] * images.shape[2], tf.float32)
            direction = tf.random.stateless_normal(tf.shape(images), seed) * tf.math.rsqrt(pixels)
            total = tf.reduce_sum(images * direction)
        gradients = tape.gradient(total, styles)  # [batch, layers, size]
        return tf.sqrt(tf.reduce_mean(tf.reduce_sum(gradients**2, axis=2), axis=1) + 1e-12)
