"""A small GAN with batch normalization, whose only draws are its codes, and a sparse training of it."""

import tensorflow as tf
import tf_keras as keras

from sle_gan.data.pipeline import DeviceShare, training_dataset
from sle_gan.sparsity.reconfigure import Reconfigure
from sle_gan.training.devices import shared_dataset
from sle_gan.training.ema import MovingAverage
from sle_gan.training.gan import GAN
from sle_gan.training.losses import hinge_generator


def networks():
    codes = keras.Input([4])
    x = keras.layers.Dense(16, kernel_initializer=keras.initializers.GlorotUniform(1), use_bias=False, name="start")(
        codes
    )
    synchronized = tf.distribute.get_strategy().num_replicas_in_sync > 1
    x = keras.layers.BatchNormalization(momentum=0.9, synchronized=synchronized, name="norm")(x)
    generator = keras.Model(codes, keras.layers.Reshape([4, 4, 1])(tf.nn.tanh(x)))
    images = keras.Input([4, 4, 1])
    dense = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(2))
    discriminator = keras.Model(images, dense(keras.layers.Flatten()(images)))
    return generator, discriminator


def compiled_gan(n_critic=1, accumulate=1, actions=()):
    gan = GAN(*networks(), networks()[0], n_critic=n_critic, accumulate=accumulate, seed=3)
    optimizers = [keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01)]
    gan.compile(
        *optimizers,
        hinge_generator,
        lambda real, fake, seed: tf.reduce_mean(fake) - tf.reduce_mean(real),
        after_step=[*actions, MovingAverage(0.5)],
    )
    return gan


def train(strategy, steps, callbacks=()):
    """Trains with two steps of the discriminator in each, sparse from the second.

    Returns:
        The GAN, and its masks.
    """
    pixels = tf.random.stateless_uniform([7, 4, 4, 1], [1, 2], 0, 256, tf.int32)
    images = tf.cast(pixels, tf.uint8).numpy()
    with strategy.scope():
        gan = compiled_gan(n_critic=2)
        sparse = Reconfigure(
            gan.generator, 0.5, warmup=1, interval=9, average_generator=gan.average_generator, scope="all"
        )
        gan.set_update_rules(generator=sparse.masks)

    def dataset_of(count, devices):
        share = DeviceShare(2, count, devices)
        return training_dataset(images, batch_size=12, seed=5, flip=True, first_step=0, share=share)

    gan.fit(shared_dataset(strategy, dataset_of), steps_per_epoch=steps, callbacks=[sparse, *callbacks], verbose=0)
    return gan, sparse.masks


def values(gan, masks):
    """Returns all weights, means of losses and masks, by name."""
    found = {mean.name: float(mean.result()) for mean in gan.loss_means}
    for network in ("generator", "discriminator", "average_generator"):
        found |= {f"{network}_{index}": v.numpy() for index, v in enumerate(getattr(gan, network).weights)}
    return found | {f"mask_{index}": mask for index, mask in enumerate(masks.read())}
