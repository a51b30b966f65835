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
        self.generator_optimizer = keras.optimizers.Adam(0.01)
        self.discriminator_optimizer = keras.optimizers.Adam(0.01)

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
    assert callback.masks.names == (("first",) if make is balance else ("last",))
    dead = watch.dead[-1][0]
    assert 0 < dead.sum() < dead.size
    assert not any((masked[0] & ~zeros[0]).any() for zeros, masked in zip(watch.zeros, watch.dead, strict=True))
    assert (callback.masks.weights()[0] != 0).any()
    if make_model is MaskingGAN:  # its step was compiled again, so that the optimizer is given masked gradients
        network = "discriminator" if make is balance else "generator"
        assert model.rules()[network] is callback.masks
        optimizer = getattr(model, f"{network}_optimizer")
        place = [id(v) for v in getattr(model, network).trainable_variables].index(id(callback.masks.kernels[0]))
        before = optimizer.variables[1 + 2 * place].numpy()
        model.train_function(iter(images(1)))
        np.testing.assert_allclose(
            optimizer.variables[1 + 2 * place].numpy()[dead], 0.9 * before[dead], rtol=1e-5, atol=1e-12
        )


def test_masks_that_are_found_later_are_those_of_the_checkpoint(tmp_path):
    def trained(steps, path=None):
        model = SomeonesGAN(run_eagerly=True)
        callback = reconfigure(model, 2)
        items = {"generator": model.generator, "optimizer": model.generator_optimizer, **callback.checkpoint_items()}
        checkpoint = tf.train.Checkpoint(**items)
        if path is not None:
            checkpoint.restore(path).expect_partial()
        model.fit(images(steps), callbacks=[callback], verbose=0)
        return callback, checkpoint

    before, checkpoint = trained(4)
    after, _ = trained(1, checkpoint.save(str(tmp_path / "ckpt")))
    assert int(after.phase) == 1
    assert after.masks.density() == 0.5
    np.testing.assert_array_equal(after.masks.read()[0], before.masks.read()[0])
    np.testing.assert_array_equal(after.masks.weights()[0] == 0, before.masks.weights()[0] == 0)


def test_first_masks_give_way_to_those_of_a_checkpoint(tmp_path):
    network = LateGenerator()
    network(tf.ones([1, 4]))
    drawn = lambda seed: lambda kernels: random_masks(kernels, dict.fromkeys(kernels, 0.5), [seed])  # noqa: E731
    saved = Masks(network, first=drawn(0))
    path = tf.train.Checkpoint(**saved.checkpoint_items()).save(str(tmp_path / "ckpt"))
    network = LateGenerator()
    masks = Masks(network, first=drawn(1))
    tf.train.Checkpoint(**masks.checkpoint_items()).restore(path)
    network(tf.ones([1, 4]))
    assert masks.look()
    np.testing.assert_array_equal(masks.read()[0], saved.read()[0])
    np.testing.assert_array_equal(masks.weights()[0] != 0, saved.read()[0])


@every_callback
def test_a_network_that_is_not_the_one_in_training_is_told_at_the_end_of_the_first_batch(make_model, make):
    model = make_model(run_eagerly=True)
    callback = make(make_model(), 2)  # of another model's networks, which nobody calls
    callback.optimizer = model.generator_optimizer
    with pytest.raises(ValueError, match=r"late has no weights to mask, .* give the network that the training"):
        model.fit(images(1), callbacks=[callback], verbose=0)


@every_callback
def test_a_network_that_another_optimizer_trains_or_none_is_told(make_model, make):
    model = make_model(run_eagerly=True)
    other = make_model()
    other.generator(tf.ones([1, 4]))
    other.discriminator(tf.ones([1, SIDE, SIDE, 3]))
    callback = make(other, 2)
    callback.optimizer = model.generator_optimizer
    with pytest.raises(ValueError, match=r"the optimizer of the \w+ trains none of the weights of late"):
        model.fit(images(1), callbacks=[callback], verbose=0)


def built(*layers, name="net"):
    return keras.Sequential([keras.Input([4, 4, 3]), *layers], name=name)


def frozen():
    network = built(keras.layers.Conv2D(2, 3))
    network.trainable = False
    return network


@pytest.mark.parametrize(
    ("network", "scope", "told"),
    [
        (lambda: built(keras.layers.Flatten()), "kernels", "no weights to mask, although the first batch is done"),
        (lambda: built(keras.layers.Dense(2)), "kernels", "no kernels of convolutions .*; give scope='all'"),
        (
            lambda: built(keras.layers.Dense(2, name="to_rgb")),
            "all-but-rgb",
            "no weight of net; give scope='all'",
        ),
        (frozen, "all", "all are frozen; set its trainable to True"),
    ],
)
@pytest.mark.parametrize("track_gradients", [False, True])
def test_a_network_in_which_nothing_can_be_masked_is_told(network, scope, told, track_gradients):
    with pytest.raises(ValueError, match=told):
        Masks(network(), scope=scope, track_gradients=track_gradients)


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (lambda: keras.layers.Conv2D(2, 3, name="other"), r"of same \(3, 3, 3, 2\) it has none of that name"),
        (
            lambda: keras.layers.Conv2D(5, 3, name="same"),
            r"has one of \(3, 3, 3, 5\): name the layers of both alike",
        ),
        (lambda: keras.layers.Flatten(name="same"), "it has none of that name: .* and call it once"),
    ],
)
def test_an_average_of_other_names_or_shapes_is_told(layer, told):
    with pytest.raises(ValueError, match=told):
        Masks(built(keras.layers.Conv2D(2, 3, name="same")), built(layer()))


@every_callback
def test_a_late_average_of_other_names_is_told_by_every_callback(make_model, make):
    model = make_model(run_eagerly=True)
    callback = make(model, 2, built(keras.layers.Conv2D(2, 3, name="other")))
    with pytest.raises(ValueError, match="the averaged network must have the weights of late"):
        model.fit(images(1), callbacks=[callback], verbose=0)


def test_an_average_that_is_not_trained_is_pruned_with_its_network():
    network = built(keras.layers.Conv2D(2, 3, name="same"))
    average = keras.models.clone_model(network)
    average.trainable = False
    masks = Masks(network, average)
    masks.set([np.zeros([3, 3, 3, 2], bool)])
    assert not average.weights[0].numpy().any()


def test_weights_that_come_after_the_masks_are_told():
    network = built(keras.layers.Conv2D(2, 3, name="one"))
    masks = Masks(network)
    masks.find()
    network.add(keras.layers.Conv2D(2, 2, name="two"))
    with pytest.raises(ValueError, match=r"weights that it did not have when its masks were made \(two\)"):
        masks.look()


class Block(keras.layers.Layer):
    def __init__(self, name, shared):
        super().__init__(name=name)
        self.shared, self.scale = shared, self.add_weight("scale", [])
        self.inner = [keras.layers.Conv2D(3, 1, name="same") for _ in range(2)]

    def call(self, images):
        for layer in (*self.inner, self.shared):
            images = layer(images)
        return self.scale * images


def test_kernels_within_layers_of_any_depth_and_any_name_are_found_once():
    shared = keras.layers.Conv2D(3, 1, name="shared")
    dense = keras.layers.TimeDistributed(keras.layers.Dense(2, name="dense"), name="rows")
    network = built(Block("a", shared), Block("b", shared), dense)
    assert list(prunable_kernels(network)) == ["a/shared", "a/same", "a/same_2", "b/same", "b/same_2"]
    everything = prunable_kernels(network, "all")
    assert {id(v) for v in everything.values()} == {id(v) for v in network.trainable_weights}
    assert {"a.scale", "a/same_2.bias", "b.scale", "rows/dense.kernel"} <= set(everything)


@every_callback
def test_a_training_that_ends_before_the_masks_change_is_told(make_model, make):
    model = make_model(run_eagerly=True)
    with pytest.warns(NothingPrunedWarning, match=r"^\w+: training ended at step 2, and .*; train longer"):
        model.fit(images(2), callbacks=[make(model, 3)], verbose=0)


def test_a_search_that_ends_within_its_first_round_is_told(tmp_path):
    gan = compiled_gan()
    gan.run_eagerly = True
    search = TicketSearch(TicketRounds(2, 0.2, 3, None), tmp_path, {}, masks=Masks(gan.generator, scope="all"))
    with pytest.warns(NothingPrunedWarning, match="training ended at step 1, and no ticket was found: .* at step 3"):
        gan.fit(tf.data.Dataset.from_tensors(tf.ones([2, 4, 4, 1])), callbacks=[search], verbose=0)
    with pytest.raises(ValueError, match=r"trains an sle_gan.training.gan.GAN; got SomeonesGAN"):
        SomeonesGAN().fit(images(1), callbacks=[search], verbose=0)


def test_reconfigure_without_times_takes_them_from_fit_or_asks_for_its_length():
    model = SomeonesGAN(run_eagerly=True)
    callback = Reconfigure(model.generator)
    model.fit(images(None), steps_per_epoch=4, epochs=2, callbacks=[callback], verbose=0)
    assert callback._steps == (2, 1)
    unknown = images(4).filter(lambda batch: True)
    with pytest.raises(ValueError, match="give steps_per_epoch to fit"):
        model.fit(unknown, callbacks=[Reconfigure(model.generator)], verbose=0)


def test_weights_that_grow_by_gradients_ask_for_masks_and_models_that_keep_them():
    model = SomeonesGAN(run_eagerly=True)
    with pytest.raises(ValueError, match="a model that applies masks within its step"):
        model.fit(images(1), callbacks=[explore_by_gradient(model, 1)], verbose=0)
    masks, times = Masks(LateGenerator()), {"interval": 1, "total_steps": 2, "optimizer": model.generator_optimizer}
    with pytest.raises(ValueError, match="track_gradients=True"):
        DynamicSparsity(masks, EXPLORATIONS["rigl"], **times)
    with pytest.raises(ValueError, match="track_gradients=True"):
        BalancedDiscriminator(masks, BalanceRatio(), BALANCE_RULES["strict"], **times)


def test_a_model_that_was_compiled_before_is_compiled_again_with_its_masks():
    model = MaskingGAN()
    model.fit(images(1), verbose=0)
    watch = Watch((callback := explore(model, 100)).masks)
    with pytest.warns(NothingPrunedWarning):
        model.fit(images(2), callbacks=[callback, watch], verbose=0)
    for zeros, dead in zip(watch.zeros, watch.dead, strict=True):
        np.testing.assert_array_equal(zeros[0], dead[0])


def test_executions_of_several_steps_do_not_pass_over_a_change():
    assert [is_due(5, step - 3, step) for step in (3, 6, 9, 12, 15, 18)] == [False, True, False, True, True, False]
    assert [is_due(2, step - 1, step) for step in (1, 2, 3, 4)] == [False, True, False, True]


@pytest.mark.parametrize("make_model", [SomeonesGAN, MaskingGAN])
def test_masks_that_are_made_late_are_the_same_on_two_replicas(make_model, two_replicas):
    with two_replicas.scope():
        model = make_model()
        callback = reconfigure(model, 2)
    batches = tf.data.Dataset.from_tensors(tf.ones([4, SIDE, SIDE, 3])).repeat(4)
    model.fit(batches, callbacks=[callback], verbose=0)
    assert callback.masks.density() == 0.5
    for variable in (*callback.masks.masks, *callback.masks.kernels):
        first, second = (value.numpy() for value in two_replicas.experimental_local_results(variable))
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(callback.masks.weights()[0] == 0, ~callback.masks.read()[0])
