"""What both networks are given in a training step: codes and labels, fakes and reals, augmented."""

from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.resample import downsample_nearest, side_of
from sle_gan.training import draws
from sle_gan.training.accumulation import Share
from sle_gan.training.classes import ClassShares, images_among


class Inputs:
    """Draws what the networks are given; all draws are functions of a seed.

    Args:
        generator: as `sle_gan.training.gan.GAN` takes it.
        discriminator: likewise.
        augment: function of (images, seed int32 `[2]`) -> images, for reals and fakes alike; or None.
        classes: the `ClassShares` of networks whose last input is one-hot labels; or None.
        prepare: function of real images -> real images, before they are augmented; or None.
    """

    @needs_keras_2
    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        augment: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None,
        classes: ClassShares | None,
        prepare: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ):
        self.generator = generator
        self.discriminator = discriminator
        self.augment = augment
        self.classes = classes
        self.prepare = prepare

    def codes(self, count: int | tf.Tensor, seed: tf.Tensor, share: Share) -> tf.Tensor | list[tf.Tensor]:
        """Draws what the generator is given.

        Args:
            count: images of the batch on this device, in all shares.
            seed: int32 `[2]`, of the batch.
            share: the `Share` whose part is kept.

        Returns:
            Codes float32 `[images of the share, size]`; with classes a list of them and one-hot labels.
        """
        codes = latent_codes(self.generator, count, seed, share)
        if self.classes is None:
            return codes
        drawn = self.classes.draw(count, draws.of_replica(draws.fold(seed, draws.LABELS)))
        return [codes, share.rows(drawn)]

    def fakes(self, count: int | tf.Tensor, seed: tf.Tensor, share: Share) -> list[tf.Tensor]:
        """Generates what the discriminator is given: images in one size or several, with classes and their labels.

        Args:
            count: images of the batch on this device, in all shares.
            seed: int32 `[2]`, of the batch.
            share: the `Share` that is drawn.
        """
        return self.augmented_fakes(self.drawn(count, seed, share), share.seed(seed))

    def drawn(self, count: int | tf.Tensor, seed: tf.Tensor, share: Share) -> list[tf.Tensor]:
        """Generates what `fakes` augments: the same arguments, and the same list."""
        inputs = self.codes(count, seed, share)
        _, *labels = tf.nest.flatten(inputs)
        return tf.nest.flatten(self.generator(inputs, training=True)) + labels

    def augmented_fakes(self, drawn: Sequence[tf.Tensor], seed: tf.Tensor) -> list[tf.Tensor]:
        """Augments what `drawn` returns.

        Args:
            drawn: images in one size or several, with classes and their labels.
            seed: int32 `[2]`, of these images.
        """
        return [
            self._augmented(part, draws.fold(seed, draws.FAKE_AUGMENTATION, index)) if part.shape.rank == 4 else part
            for index, part in enumerate(drawn)
        ]

    def reals(self, images: Sequence[tf.Tensor], seed: tf.Tensor) -> list[tf.Tensor]:
        """Makes of real images what the discriminator is given: augmented, in the size of each of its inputs.

        Args:
            images: a list of images float32 `[batch, height, width, channels]` in [-1, 1]; with classes and their
                labels int32 `[batch]`.
            seed: int32 `[2]`, of these images.
        """
        pictures, *labels = images
        pictures = pictures if self.prepare is None else self.prepare(pictures)
        reals = self._augmented(pictures, draws.fold(seed, draws.REAL_AUGMENTATION))
        reals = [downsample_nearest(reals, side_of(inputs)) for inputs in images_among(self.discriminator.inputs)]
        return reals if self.classes is None else reals + [self.classes.one_hot(part) for part in labels]

    def _augmented(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return images if self.augment is None else self.augment(images, draws.of_replica(seed))


@needs_keras_2
def latent_codes(generator: keras.Model, count: int | tf.Tensor, seed: tf.Tensor, share: Share) -> tf.Tensor:
    """Draws latent codes: each device, and each share of its images, draws those of the whole batch and keeps its own.

    So all of them together draw what one would.

    Args:
        generator: model whose first input is codes `[batch, size]`.
        count: images of a batch on this device, in all shares.
        seed: int32 `[2]`, of the batch.
        share: the `Share` whose part is kept.

    Returns:
        float32 `[images of the share, size]`, N(0, 1).
    """
    context = tf.distribute.get_replica_context()
    shape = [context.num_replicas_in_sync, count, *generator.inputs[0].shape[1:]]
    codes = tf.random.stateless_normal(shape, draws.fold(seed, draws.LATENT_CODES))
    return share.rows(codes[context.replica_id_in_sync_group])
