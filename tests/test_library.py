"""What a Keras user calls: `sle_gan.build` and `sle_gan.train`."""

import dataclasses

import numpy as np
import pytest
import tf_keras as keras

import sle_gan
from sle_gan.assembly.resolve import resolve
from sle_gan.cli.train import main as train_command
from sle_gan.cli.train_flags import parse
from sle_gan.data.flowers import write_flowers
from sle_gan.errors import InputError
from sle_gan.settings.presets import PRESETS
from sle_gan.settings.words import as_words

SMALL = {"width": 8, "batch_size": 2, "n_critic": 1}
IMAGES = np.random.default_rng(0).integers(0, 256, size=(6, 32, 32, 3), dtype=np.uint8)


def small_gan(**more):
    return sle_gan.build("sngan", resolution=32, **SMALL, **more)


def weights(gan):
    return [value for network in (gan.generator, gan.average_generator) for value in network.get_weights()]


def test_two_calls_of_fit_are_one_of_as_many_steps():
    whole, halves = small_gan(), small_gan()
    history = whole.fit(IMAGES, steps=6, verbose=0)
    halves.fit(IMAGES, steps=3, verbose=0)
    halves.fit(IMAGES, epochs=1, verbose=0)  # a pass over the images
    assert int(halves.steps.numpy()) == 6
    assert np.isfinite(history.history["generator_loss"]).all()
    for ours, theirs in zip(weights(whole), weights(halves), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(whole.draw([3, 5])[1], whole.draw(range(5, 14))[0])


def test_phases_of_pruning_follow_from_the_length_of_fit():
    gan, densities = small_gan(), []
    pruning = sle_gan.callbacks.Reconfigure(gan.generator, sparsity=0.3)
    recorder = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: densities.append(pruning.masks.density())
    )
    gan.fit(IMAGES, steps=8, callbacks=[pruning, recorder], verbose=0)
    # A quarter for the warm-up, then eighths: dense to step 2, sparse to 3, dense to 4, and so on; the phase that
    # begins with a step is there when the step before has ended.
    assert [round(density, 2) for density in densities] == [1.0, 0.7, 1.0, 0.7, 1.0, 0.7, 1.0, 1.0]


def test_labels_are_trained_and_drawn():
    gan = small_gan(classes=2)
    labels = np.array([0, 1, 0, 1, 1, 1])
    gan.fit(IMAGES, labels, steps=1, verbose=0)
    in_turn, of_one = gan.draw([4, 5]), gan.draw([4, 5], label=1)
    assert not np.array_equal(in_turn[0], of_one[0])  # seed 4 is of class 0 in turn
    np.testing.assert_array_equal(in_turn[1], of_one[1])
    with pytest.raises(ValueError, match=r"y must be the labels of the images, int \[6\]; got None"):
        gan.fit(IMAGES, steps=1)
    with pytest.raises(ValueError, match="labels must be from 0 to 1; got 0 to 2"):
        gan.fit(IMAGES, labels + np.arange(6) // 5, steps=1)
    with pytest.raises(ValueError, match="label must be from 0 to 1; got 2"):
        gan.draw([0], label=2)


def test_what_cannot_be_used_is_refused_before_anything_is_built():
    for given, message in (
        ({"reconfigure": True}, "build takes no sparsity; give fit a callback"),
        ({"init_from": "run"}, "build takes no init_from"),
        ({"widht": 8}, "there is no setting 'widht'; did you mean 'width'"),
        ({"width": 12}, "--width must be a positive multiple of 8"),
    ):
        with pytest.raises(InputError, match=message):
            sle_gan.build("sngan", resolution=32, **given)
    with pytest.raises(InputError, match="train takes no dry_run"):
        sle_gan.train("flowers", dry_run=True)


def test_images_of_another_shape_or_type_are_refused():
    gan = small_gan()
    for images in (IMAGES.astype(np.float32), IMAGES[:, :16], IMAGES[:0]):
        with pytest.raises(ValueError, match=r"images must be uint8 \[count, 32, 32, 3\]; got"):
            gan.fit(images, steps=1)
    with pytest.raises(ValueError, match="with an array of images fit takes no batch_size"):
        gan.fit(IMAGES, steps=1, batch_size=4)
    with pytest.raises(ValueError, match="y must be None: the networks were built without classes"):
        gan.fit(IMAGES, np.zeros(6, int), steps=1)
    for seeds in ([], [-1], [2**31]):
        with pytest.raises(ValueError, match="seeds must be whole numbers from 0"):
            gan.draw(seeds)


def test_a_run_that_train_leaves_is_one_that_the_program_goes_on_with(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flowers").mkdir()
    write_flowers(tmp_path / "flowers", 6, 32, seed=0)
    settings = {"model": "sngan", "steps": 1, "sample_frequency": 2, **SMALL}
    run = sle_gan.train("flowers", resolution=32, name="called", **settings)
    words = as_words({"data_folder": "flowers", "resolution": 32, "name": "called", **settings})
    assert sorted(run.folder.config().command) == sorted(["train.py", *words])
    assert train_command(words) == 0
    assert "nothing to do: the run is at step 1 of 1" in capsys.readouterr().out


@pytest.mark.slow
def test_train_leaves_the_run_that_the_program_leaves(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flowers").mkdir()
    write_flowers(tmp_path / "flowers", 6, 32, seed=0)
    settings = {"model": "sngan", "sample_frequency": 2, **SMALL}
    run = sle_gan.train("flowers", resolution=32, steps=2, name="called", **settings)
    words = as_words({"data_folder": "flowers", "resolution": 32, "steps": 2, "name": "asked", **settings})
    assert train_command(words) == 0
    asked = sle_gan.open_run("asked")
    renamed = dataclasses.replace(asked.settings.run, name="called")
    assert run.settings == dataclasses.replace(asked.settings, run=renamed)
    np.testing.assert_array_equal(run.draw(range(3)), asked.draw(range(3)))
    words = as_words({"data_folder": "flowers", "resolution": 32, "steps": 2, "name": "called"})
    assert run.folder.config().command[: len(words) + 1] == ["train.py", *words]
    capsys.readouterr()
    longer = sle_gan.train("flowers", resolution=32, steps=3, name="called", **settings)
    assert "resuming called from step 2" in capsys.readouterr().out
    assert longer.folder.latest_step() == 3


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_words_of_settings_ask_for_them(name):
    settings = PRESETS[name].settings
    given = parse(["--data-folder", "x", *as_words(settings)]).settings
    assert {setting: given[setting] for setting in settings if setting in given} == {
        setting: value for setting, value in settings.items() if setting in given
    }
    assert set(settings) - set(given) <= {setting for setting, value in settings.items() if value in (None, False)}
    assert resolve(given, image_count=100) == resolve({"data_folder": "x", **settings}, image_count=100)
