"""What every callback that changes masks does: it finds the weights, or says why not; it says if nothing happened."""

import importlib
import pkgutil

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from tiny_gan import compiled_gan

import sle_gan.sparsity
from sle_gan.errors import NothingPrunedWarning
from sle_gan.sparsity.adapt import BALANCE_RULES, BalancedDiscriminator, BalanceRatio
from sle_gan.sparsity.callback import SparseCallback, is_due
from sle_gan.sparsity.dynamic import DynamicSparsity, random_masks
from sle_gan.sparsity.kernels import prunable_kernels
from sle_gan.sparsity.masks import Masks
from sle_gan.sparsity.reconfigure import Reconfigure
from sle_gan.sparsity.schedules import EXPLORATIONS, TicketRounds
from sle_gan.sparsity.ticket import TicketSearch
from sle_gan.training.terms import Unbounded
from sle_gan.training.updates import update_weights

SIDE = 4


class LateGenerator(keras.Model):
    """A generator that makes its weights when it is first called."""

    def __init__(self):
        super().__init__(name="late")
        self.start = keras.layers.Dense(SIDE * SIDE * 2, name="start")
        self.fold = keras.layers.Reshape([SIDE, SIDE, 2])
        self.last = keras.layers.Conv2D(3, 3, padding="same", name="last")

    def call(self, codes):
        return self.last(self.fold(self.start(codes)))


class LateDiscriminator(keras.Model):
    def __init__(self):
        super().__init__(name="late")
        self.first = keras.layers.Conv2D(4, 3, name="first")
        self.head = keras.layers.Dense(1, name="head")

    def call(self, images):
        return self.head(tf.reshape(self.first(images), [-1, 16]))


class SomeonesGAN(keras.Model):
    """A GAN as a user writes it, who has never heard of masks."""

    def __init__(self, generator=None, discriminator=None, **options):
        super().__init__()
        self.generator, self.discriminator = generator or LateGenerator(), discriminator or LateDiscriminator()
        self.rules = lambda: {"generator": Unbounded(), "discriminator": Unbounded()}
        self.compile(**options)
        self.generator_optimizer, self.discriminator_optimizer = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01)

    def train_step(self, images):
        with tf.GradientTape(persistent=True) as tape:
            fakes = self.generator(tf.ones([2, 4]))
            fake_logits, real_logits = self.discriminator(fakes), self.discriminator(images)
            losses = {
                "generator": -tf.reduce_mean(fake_logits) + tf.reduce_mean(fakes**2),
                "discriminator": tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits),
            }
        for name, loss in losses.items():
            network, optimizer = getattr(self, name), getattr(self, f"{name}_optimizer")
            variables = network.trainable_variables
            update_weights(optimizer, tape.gradient(loss, variables), variables, self.rules()[name])
        return losses


class MaskingGAN(SomeonesGAN):
    """One that applies masks within its step."""

    def set_update_rules(self, **rules):
        rules = self.rules() | rules
        self.rules = lambda: rules  # in a function, where Keras does not find them


def images(count):
    return tf.data.Dataset.from_tensors(tf.ones([2, SIDE, SIDE, 3])).repeat(count)


def reconfigure(model, steps, average=None):
    return Reconfigure(model.generator, 0.5, warmup=steps, interval=100, average_generator=average)


def explore(model, steps, average=None, rule="set"):
    def half(kernels):
        return random_masks(kernels, dict.fromkeys(kernels, 0.5), [0])

    gradients = EXPLORATIONS[rule].grows_by_gradient
    masks = Masks(model.generator, average, track_gradients=gradients, first=half)
    times = {"interval": steps, "total_steps": 100, "optimizer": model.generator_optimizer}
    return DynamicSparsity(masks, EXPLORATIONS[rule]._replace(end=1.0), **times)


def explore_by_gradient(model, steps, average=None):
    return explore(model, steps, average, "rigl")


def balance(model, steps, average=None):
    masks, ratio = Masks(model.discriminator, average, track_gradients=True), BalanceRatio()
    ratio.ratios.assign(tf.fill([100], 0.2))  # the discriminator is too strong: it is pruned
    ratio.measured.assign(100)
    times = {"interval": steps, "total_steps": 10**6, "optimizer": model.generator_optimizer}
    return BalancedDiscriminator(masks, ratio, BALANCE_RULES["relaxed"], **times)


CALLBACKS = {
    "reconfigure": (SomeonesGAN, reconfigure),
    "reconfigure within the step": (MaskingGAN, reconfigure),
    "set": (SomeonesGAN, explore),
    "set within the step": (MaskingGAN, explore),
    "rigl": (MaskingGAN, explore_by_gradient),
    "adapt": (MaskingGAN, balance),
}
every_callback = pytest.mark.parametrize(("make_model", "make"), CALLBACKS.values(), ids=CALLBACKS)


class Watch(keras.callbacks.Callback):
    """Notes after each batch which weights of the masked kernels are 0, and which are masked."""

    def __init__(self, masks):
        super().__init__()
        self.masks, self.zeros, self.dead = masks, [], []

    def on_train_batch_end(self, batch, logs=None):
        self.zeros.append([kernel.numpy() == 0 for kernel in self.masks.kernels])
        self.dead.append([~mask for mask in self.masks.read()])


def test_every_callback_that_changes_masks_is_of_one_kind():
    callbacks = set()
    for module in pkgutil.walk_packages(sle_gan.sparsity.__path__, "sle_gan.sparsity."):
        found = vars(importlib.import_module(module.name)).values()
        callbacks |= {kind for kind in found if isinstance(kind, type) and issubclass(kind, keras.callbacks.Callback)}
    assert callbacks == {SparseCallback, Reconfigure, TicketSearch, DynamicSparsity, BalancedDiscriminator}
    assert all(issubclass(kind, SparseCallback) for kind in callbacks)


@every_callback
def test_kernels_that_are_made_in_the_first_call_are_found_at_the_end_of_the_first_batch(make_model, make):
    model = make_model()
    callback = make(model, 2)
    assert not callback.masks.are_found
    assert callback.masks.density() == 1.0
    if make is balance:
        model.generator_optimizer.iterations.assign(991)  # nothing follows a balance before
    watch = Watch(callback.masks)
    model.fit(images(4), callbacks=[callback, watch], verbose=0)
    assert [name.rpartition("/")[2] for name in callback.masks.names] in (["last"], ["first"])
    assert watch.dead[-1][0].any()
    assert watch.dead[-1][0].mean() < 1.0
    for zeros, dead in zip(watch.zeros, watch.dead, strict=True):
        np.testing.assert_array_equal(zeros[0] & dead[0], dead[0])
    kernel = callback.masks.kernels[0]
    assert (kernel.numpy()[~watch.dead[-1][0]] != 0).any()
    if make_model is MaskingGAN:  # the step was compiled again, with masks of gradients
        trained = model.discriminator if make is balance else model.generator
        optimizer = model.discriminator_optimizer if make is balance else model.generator_optimizer
        gradients = [tf.ones_like(v) for v in trained.trainable_variables]
        rule = model.rules()["discriminator" if make is balance else "generator"]
        assert rule is callback.masks
        masked = dict(zip([id(v) for v in trained.trainable_variables], rule.masked(gradients, trained.trainable_variables), strict=True))
        np.testing.assert_array_equal(masked[id(kernel)] == 0, watch.dead[-1][0])
        assert optimizer.iterations.numpy() > 1
