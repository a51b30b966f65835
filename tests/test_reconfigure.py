import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from tiny_gan import compiled_gan

from sle_gan.callbacks import Reconfigure
from sle_gan.errors import NothingPrunedWarning
from sle_gan.sparsity.kernels import prunable_kernels

SIDE = 8


class SomeonesGAN(keras.Model):
    """A GAN as a user writes it, who has never heard of masks."""

    def __init__(self):
        super().__init__()
        self.generator = keras.Sequential(
            [
                keras.Input([4]),
                keras.layers.Dense(SIDE * SIDE * 2),
                keras.layers.Reshape([SIDE, SIDE, 2]),
                keras.layers.Conv2D(6, 3, padding="same", name="middle"),
                keras.layers.LeakyReLU(),
                keras.layers.Conv2D(3, 3, padding="same", name="last"),
            ]
        )
        self.discriminator = keras.Sequential(
            [keras.Input([SIDE, SIDE, 3]), keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(1)]
        )

    def compile(self, generator_optimizer, discriminator_optimizer, **kwargs):
        super().compile(**kwargs)
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer

    def train_step(self, images):
        with tf.GradientTape(persistent=True) as tape:
            fakes = self.generator(tf.ones([tf.shape(images)[0], 4]))
            loss = -tf.reduce_mean(self.discriminator(fakes))
            judged = tf.reduce_mean(self.discriminator(fakes)) - tf.reduce_mean(self.discriminator(images))
        for network, optimizer, value in (
            (self.generator, self.generator_optimizer, loss),
            (self.discriminator, self.discriminator_optimizer, judged),
        ):
            variables = network.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return {"loss": loss}


class Watch(keras.callbacks.Callback):
    """Notes, after each batch, the share of zeros and the rate."""

    def __init__(self, generator, optimizer, networks=(), scope="kernels"):
        super().__init__()
        self.kernels, *self.networks = (
            list(prunable_kernels(network, scope).values()) for network in (generator, *networks)
        )
        self.optimizer = optimizer
        self.rows = []

    def on_train_batch_end(self, batch, logs=None):
        zeros = [float(np.mean(kernel.numpy() == 0)) for kernel in self.kernels]
        same = all(
            np.array_equal(a.numpy() == 0, b.numpy() == 0)
            for kernels in self.networks
            for a, b in zip(self.kernels, kernels, strict=True)
        )
        self.rows.append((round(float(np.mean(zeros)), 2), round(float(self.optimizer.learning_rate.numpy()), 6), same))


def images(count):
    return tf.data.Dataset.from_tensors(tf.zeros([2, SIDE, SIDE, 3])).repeat(count)


def someones_gan(**options):
    model = SomeonesGAN()
    model.compile(keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01), **options)
    return model


@pytest.mark.paper("Re-GAN", "Saxena et al., CVPR 2023", "weights regrow from 0; the rates of both phases")
def test_any_gan_is_dense_then_sparse_and_dense_in_turn_with_the_rates_of_the_paper():
    model = someones_gan()
    watch = Watch(model.generator, model.generator_optimizer)
    callback = Reconfigure(model.generator, sparsity=0.5, warmup=3, interval=2)
    model.fit(images(8), callbacks=[callback, watch], verbose=0)
    zeros, rates, _ = zip(*watch.rows, strict=True)
    # A phase begins where the step before it ends. Weights regrow from 0 and are seen so once.
    assert zeros == (0.0, 0.0, 0.5, 0.5, 0.5, 0.0, 0.5, 0.5)
    assert rates == (0.01, 0.01, 0.01, 0.01, 0.001, 0.001, 0.01, 0.01)
    assert float(model.generator_optimizer.learning_rate) == pytest.approx(0.01)


def test_the_phase_goes_on_in_the_next_fit_and_epochs_are_a_unit():
    model = someones_gan()
    callback = Reconfigure(model.generator, sparsity=0.5, warmup=1, interval=1, unit="epochs")
    watch = Watch(model.generator, model.generator_optimizer)
    three_steps = {"steps_per_epoch": 3, "epochs": 1, "callbacks": [callback, watch], "verbose": 0}
    with pytest.warns(NothingPrunedWarning, match="training ended at step 3, and nothing was pruned"):
        model.fit(images(None), **three_steps)
    model.fit(images(None), **three_steps)
    zeros, _, _ = zip(*watch.rows, strict=True)
    assert zeros == (0.0, 0.0, 0.0, 0.5, 0.5, 0.5)
    assert int(callback.phase) == 1  # the phase that training ends with is not left


def test_executions_of_several_steps_change_phase_at_their_end():
    model = someones_gan(steps_per_execution=2)
    callback = Reconfigure(model.generator, sparsity=0.5, warmup=4, interval=2)
    watch = Watch(model.generator, model.generator_optimizer)
    model.fit(images(8), callbacks=[callback, watch], verbose=0)
    zeros, _, _ = zip(*watch.rows, strict=True)
    # Seen right after they regrew, the weights are still 0.
    assert zeros == (0.0, 0.5, 0.5, 0.0)
    assert int(callback.phase) == 2


def test_a_model_that_was_traced_before_is_traced_anew_with_its_masks():
    gan = compiled_gan()
    gan.fit(real_images(1), verbose=0)
    networks, optimizer = (gan.generator, gan.average_generator), gan.generator_optimizer
    callback = Reconfigure(networks[0], 0.5, warmup=2, interval=10, average_generator=networks[1], scope="all")
    watch = Watch(networks[0], optimizer, networks[1:], scope="all")
    gan.fit(real_images(3), callbacks=[callback, watch], verbose=0)
    assert watch.rows == [(0.5, 0.01, True)] * 3
    dead = ~callback.masks.read()[0]
    momentum = optimizer.variables[1 + 2 * index_of(gan, callback.masks.kernels[0])].numpy()
    assert dead.any()
    assert momentum[~dead].any()


def index_of(gan, kernel):
    return [id(v) for v in gan.generator.trainable_variables].index(id(kernel))


def real_images(count, batch=2):
    one = tf.random.stateless_uniform([batch, 4, 4, 1], [0, 1], -1, 1)
    return tf.data.Dataset.from_tensors(one).repeat(count)


@pytest.mark.parametrize(("regrow_state", "expected"), [("keep", True), ("reset", False)])
def test_the_optimizers_state_at_regrown_weights_is_kept_or_reset(regrow_state, expected):
    gan = someones_gan()
    optimizer = gan.generator_optimizer
    callback = Reconfigure(gan.generator, 0.5, warmup=1, interval=2, regrow_state=regrow_state)
    masks, slots = [], []

    def note(*_):
        masks.append(callback.masks.read())
        slots[:] = [variable.numpy() for variable in optimizer.variables] if len(masks) == 3 else slots

    gan.fit(images(4), callbacks=[callback, keras.callbacks.LambdaCallback(on_train_batch_end=note)], verbose=0)
    assert int(callback.phase) == 2  # it regrew where the third step ended
    dead = [~mask for mask in masks[1]]
    velocities = [slots[2 + 2 * index_of(gan, kernel)] for kernel in callback.masks.kernels]
    assert all(velocity[where].any() == expected for velocity, where in zip(velocities, dead, strict=True))
    assert all(velocity[~where].any() for velocity, where in zip(velocities, dead, strict=True))


@pytest.mark.slow
def test_two_replicas_hold_the_same_masks_and_the_same_zeros(two_replicas):
    with two_replicas.scope():
        gan = compiled_gan()
        networks = gan.generator, gan.average_generator
        callback = Reconfigure(networks[0], 0.5, warmup=1, interval=2, average_generator=networks[1], scope="all")
    watch = Watch(networks[0], gan.generator_optimizer, networks[1:], scope="all")
    gan.fit(real_images(3, batch=4), callbacks=[callback, watch], verbose=0)
    assert [row[0] for row in watch.rows] == [0.5, 0.5, 0.5]
    assert int(gan.steps.numpy()) == 3
    for variable in (*gan.generator.trainable_variables, *callback.masks.masks, *gan.average_generator.variables):
        first, second = (value.numpy() for value in two_replicas.experimental_local_results(variable))
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"sparsity": 1.0}, "sparsity must be above 0 and below 1; got 1.0"),
        ({"warmup": 0}, "warmup and interval must be 1 or more; got 0 and None"),
        ({"unit": "kimg"}, r"unit must be one of \('steps', 'epochs'\); got 'kimg'"),
    ],
)
def test_arguments_out_of_range_are_told(arguments, told):
    with pytest.raises(ValueError, match=told):
        Reconfigure(SomeonesGAN().generator, **arguments)


def test_a_rate_that_is_no_number_is_told():
    model = SomeonesGAN()
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile(keras.optimizers.Adam(rate), keras.optimizers.Adam(0.1))
    with pytest.raises(ValueError, match="must be a number"):
        model.fit(images(1), callbacks=[Reconfigure(model.generator)], verbose=0)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_pruned_weights_stay_zero_in_mixed_precision_with_loss_scaling(jit_compile):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = SomeonesGAN()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    optimizers = [keras.mixed_precision.LossScaleOptimizer(keras.optimizers.Adam(0.01)) for _ in range(2)]
    model.compile(*optimizers, jit_compile=jit_compile)
    watch = Watch(model.generator, optimizers[0])
    callback = Reconfigure(model.generator, sparsity=0.5, warmup=2, interval=2, regrow_state="reset")
    model.fit(images(6), callbacks=[callback, watch], verbose=0)
    zeros, rates, _ = zip(*watch.rows, strict=True)
    assert zeros == (0.0, 0.5, 0.5, 0.5, 0.0, 0.0)
    assert rates == (0.01, 0.01, 0.01, 0.001, 0.001, 0.001)
    assert {kernel.dtype for kernel in callback.masks.masks} == {tf.float32}
