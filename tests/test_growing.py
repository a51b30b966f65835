import itertools
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from processes import assert_same_end, script

from sle_gan.assembly.building import build_training
from sle_gan.assembly.feed import Feed
from sle_gan.assembly.resolve import resolve
from sle_gan.callbacks.growing import Growing
from sle_gan.data.pooled import pooled_images
from sle_gan.errors import InputError
from sle_gan.layers.resample import average_pool_to, upsample_nearest
from sle_gan.models import Pair
from sle_gan.models.pairing import graphs_of_side
from sle_gan.run import RunFolder
from sle_gan.settings.train import with_times_of
from sle_gan.training.growth import check_growth, growth_of, images_shown
from sle_gan.training.optimizers import adam

IMAGES = np.random.default_rng(0).integers(0, 256, size=(6, 32, 32, 3), dtype=np.uint8)
TINY = {"channel_base": 64, "channel_max": 8, "batch_size": 2, "flip": False, "diff_augment": None}


def settings(image_count=1000, **given):
    return resolve({"data_folder": "x", "model": "progan", "resolution": 32, **given}, image_count)


# The schedule


@pytest.mark.paper(
    "ProGAN", "Karras et al. 2018, arXiv:1710.10196, appendix A, and its code", "600,000 images for each phase"
)
def test_the_side_and_its_share_follow_from_the_images_alone():
    growth = growth_of(settings(steps=200_000, growth_images=600_000))
    found = {images: growth.stage_at(images)[1:] for images in (0, 600_000, 900_000, 1_200_000, 3_300_000, 3_600_000)}
    assert found == {
        0: (4, 0.0, 128),
        600_000: (4, 0.0, 128),
        900_000: (8, 0.5, 128),
        1_200_000: (8, 0.0, 128),
        3_300_000: (32, 0.5, 64),
        3_600_000: (32, 0.0, 64),
    }
    levels = [growth.level_at(images) for images in (0, 600_000, 900_000, 1_200_000, 3_300_000, 3_600_000)]
    assert levels == [3.0, 3.0, 2.5, 2.0, 0.5, 0.0]
    assert [growth.stage_at(images).index for images in (600_000, 600_001, 1_199_999, 1_200_000)] == [0, 1, 1, 2]
    largest = growth_of(settings(resolution=256, steps=10**6, growth_images=600_000))
    assert largest.phases[-1].begin == 7_200_000
    assert [phase.batch_size for phase in largest.phases[::2]] == [128, 128, 128, 64, 32, 16, 8]


@pytest.mark.parametrize("given", [{"n_critic": 2}, {"growth_batch": "same"}, {"growth_schedule": "regan"}, {}])
def test_steps_and_images_say_the_same(given):
    asked = settings(steps=300, growth_images=1500, image_count=100, **given)
    growth = growth_of(asked)
    shown = 0
    for step in range(300):
        assert growth.images_at(step) == images_shown(asked, step) == shown
        assert growth.steps_to(shown) == step
        assert growth.steps_to(shown + 1) == step + 1
        shown += growth.stage_at(shown).batch_size * growth.n_critic


def test_growing_takes_half_of_the_steps_at_most_the_papers_images():
    for given in ({"steps": 2000}, {"epochs": 150}):
        asked = settings(**given)
        assert growth_of(asked).last_phase_step == pytest.approx(asked.optimization.steps / 2, rel=0.02)
    assert images_shown(settings(epochs=150), settings(epochs=150).optimization.steps) in range(150_000, 150_064)
    assert settings(steps=10**6).growth.phase_images == 600_000
    assert settings(growth="none").growth is None
    assert resolve({"data_folder": "x", "model": "sngan", "resolution": 32}, 5).growth is None


@pytest.mark.paper("Re-GAN", "Saxena et al., CVPR 2023, its ProGAN", "a side fades in until its last pass")
def test_re_gans_sides_fade_in_throughout_and_its_epochs_count_from_the_last():
    regan = {"progan_variant": "regan", "reconfigure": True, "reconfigure_unit": "epochs", "reconfigure_interval": 10}
    asked = settings(5120, epochs=26, reconfigure_warmup=10, **regan)
    growth = growth_of(asked)
    assert [(phase.begin, phase.side) for phase in growth.phases] == [(0, 4), (10240, 8), (20480, 16), (30720, 32)]
    # weight of the new side: (batch + epoch x batches) / (epochs x batches), epochs from 1
    shares = [growth.stage_at(10240 + images).old_share for images in (0, 2560, 5120, 10239)]
    np.testing.assert_allclose(shares, [0.5, 0.25, 0.0, 0.0])
    assert growth.stage_at(30720).old_share == pytest.approx(1 - 1 / 20)
    assert growth.stage_at(30720 + 19 * 5120).old_share == pytest.approx(0.0, abs=1e-6)
    assert asked.sparsity.warmup_steps == growth.last_phase_step + 10 * 80
    assert not growth.resets


def test_a_training_that_ends_before_the_full_side_is_told():
    with pytest.raises(
        InputError, match="the full side of 32 px would be reached after step 32812, and the training ends"
    ):
        check_growth(settings(steps=1000, growth_images=600_000))


def test_a_longer_training_keeps_its_phases():
    old, new = settings(steps=1000), settings(steps=2000)
    assert with_times_of(old, new).growth == old.growth
    other = settings(steps=2000, growth_images=77)
    assert with_times_of(old, other).growth.phase_images == 77


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"adv_augment": True}, "--adv-augment"),
        ({"augment": "ada"}, "--augment ada"),
        ({"ema_kimg": 10}, "--ema-kimg"),
        ({"find_ticket": True}, "--find-ticket"),
        ({"sparse_from_scratch": True}, "--sparse-from-scratch"),
        ({"dig_weight": 1, "dig_smoothing": True}, "--dig-smoothing"),
        ({"hours": 1}, "--hours"),
        ({"accumulate": 2}, "--accumulate"),
        ({"strategy": "mirrored"}, "--strategy mirrored"),
    ],
)
def test_what_does_not_go_with_growing_is_refused_and_goes_without(given, what):
    with pytest.raises(InputError, match=f"{what} cannot be used while networks grow; give --growth none with it"):
        settings(**given)
    assert settings(**given, growth="none").growth is None


def test_networks_that_hold_one_side_do_not_grow():
    with pytest.raises(
        InputError, match="--growth progressive needs two networks that hold all sides, such as --model"
    ):
        settings(discriminator="stylegan2", growth="progressive")
    assert settings(discriminator="stylegan2").growth is None


# What it changes


def test_pooled_images_are_rounded_means():
    images = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3)
    expected = average_pool_to(tf.cast(images, tf.float32), 4)
    np.testing.assert_allclose(pooled_images(images, 4), expected, atol=0.5)
    assert pooled_images(images, 8) is images


def test_an_adam_that_begins_anew_makes_the_steps_of_a_new_one():
    gradients = [tf.constant([g]) for g in (1.0, -3.0, 0.5)]
    late, new = adam(0.1, 0.9, 0.99, begins_anew=True), keras.optimizers.Adam(0.1, 0.9, 0.99, epsilon=1e-8)
    variables = tf.Variable([2.0]), tf.Variable([2.0])
    late.build([variables[0]])
    for _ in range(50):
        late.apply_gradients([(tf.constant([7.0]), variables[0])])
    late.begin_anew()
    assert [float(v[0]) for v in (late._momentums + late._velocities)] == [0.0, 0.0]
    assert int(late.iterations) == 50
    variables[0].assign([2.0])
    for gradient in gradients:
        late.apply_gradients([(gradient, variables[0])])
        new.apply_gradients([(gradient, variables[1])])
        np.testing.assert_allclose(variables[0], variables[1], rtol=1e-5)


def grown(folder, **given):
    """Returns a training of 16 steps in seven phases, and its callback."""
    asked = settings(6, steps=16, growth_images=4, **TINY, **given)
    training = build_training(RunFolder(folder), asked, tf.distribute.get_strategy(), None)
    gan, growth = training.gan, growth_of(asked)
    feed = Feed(asked, growth, gan, IMAGES, None, False, training.supplement)
    networks = training.generator, training.discriminator

    def graphs_of(side):
        return graphs_of_side(Pair("progan", "progan"), *networks, side)

    return training, Growing(growth, [*networks, gan.average_generator], graphs_of, feed.dataset_from)


class Watch(keras.callbacks.Callback):
    """Notes what the callback before it has left after each step."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        gan = self.model
        moments = sum(float(tf.reduce_sum(tf.abs(v))) for v in gan.generator_optimizer._velocities)
        levels = {float(net.get_layer("growth").level) for net in (gan.generator, gan.average_generator)}
        self.seen.append((gan.judges.judge, moments == 0.0, *levels))


def test_a_training_grows_through_all_sides(tmp_path):
    training, growing = grown(tmp_path)
    gan, watch = training.gan, Watch()
    gan.run_eagerly = True  # faster than to compile four sides
    first = [v.numpy() for v in training.generator.trainable_variables]
    gan.fit(growing.dataset_from(0), steps_per_epoch=16, callbacks=[growing, watch], verbose=0)
    stages = [growing.stage_at(step) for step in range(17)]
    assert [stage.side for stage in stages] == [4, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16, 32, 32, 32, 32, 32, 32]
    # Both optimizers begin anew where a phase begins, and nowhere else.
    changes = [after.index != before.index for before, after in itertools.pairwise(stages)]
    assert [is_reset for _, is_reset, _ in watch.seen] == changes
    assert [level for _, _, level in watch.seen] == [growing.growth.level_at(2 * step) for step in range(1, 17)]
    assert int(gan.generator_optimizer.iterations) == 16
    moved = [np.any(v.numpy() != old) for v, old in zip(training.generator.trainable_variables, first, strict=True)]
    assert all(moved)


def test_reals_are_faded_as_the_pictures_are(tmp_path):
    training, growing = grown(tmp_path)
    gan = training.gan
    growing.enter(gan, 4)  # 8 images shown: the end of the fade to 8 px
    reals = tf.random.stateless_normal([2, 8, 8, 3], [1, 2])
    for level, share in ((2.0, 0.0), (2.25, 0.25)):
        for variable in growing.levels:
            variable.assign(level)
        (prepared,) = gan.step_inputs.reals([reals], [0, 1])
        blurred = upsample_nearest(average_pool_to(reals, 4))
        np.testing.assert_allclose(prepared, (1 - share) * reals + share * blurred, atol=1e-6)


def test_a_side_that_is_not_there_yet_is_not_trained(tmp_path):
    training, growing = grown(tmp_path)
    gan = training.gan
    growing.enter(gan, 0)
    before = {v.name: v.numpy() for v in training.generator.trainable_variables}
    gan.train_step(next(iter(growing.dataset_from(0))))
    moved = {v.name for v in training.generator.trainable_variables if np.any(v.numpy() != before[v.name])}
    assert moved
    assert all(name.startswith(("start", "map4", "side4")) for name in moved)


@pytest.mark.slow
def test_a_run_that_is_resumed_within_a_fade_ends_bit_for_bit_as_one_that_was_left_alone(photographs, tmp_path):
    def train(folder):
        words = "--model progan --resolution 32 --width 8 --batch-size 2 --steps 22 --growth-images 6 --name grown"
        given = [*words.split(), "--data-folder", str(photographs), "--output-folder", str(folder)]
        subprocess.run(script(*given, "--checkpoint-frequency", "10", "--log-frequency", "2"), check=True, timeout=300)
        return RunFolder(folder / "grown")

    whole = train(tmp_path / "whole")
    growth = growth_of(whole.settings())
    assert 0.0 < growth.stage_at(growth.images_at(10)).old_share < 1.0
    shutil.copytree(whole.path, tmp_path / "again" / "grown")
    again = RunFolder(tmp_path / "again" / "grown")
    for file in again.checkpoints.glob("ckpt-2*"):
        file.unlink()
    (again.checkpoints / "checkpoint").write_text(
        'model_checkpoint_path: "ckpt-10"\nall_model_checkpoint_paths: "ckpt-10"\n'
    )
    again.generator_weights.unlink()
    train(tmp_path / "again")
    assert_same_end(again, whole)
