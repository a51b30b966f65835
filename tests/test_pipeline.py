import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from sle_gan.data.pipeline import DeviceShare, training_dataset


def numbered_images(count, side=4):
    """Image i is black but for its number in the left half of the first row."""
    images = np.zeros([count, side, side, 1], np.uint8)
    images[:, 0, : side // 2, 0] = np.arange(count)[:, None] + 1
    return images


def batches(images, count, batch_size=4, seed=0, flip=True, first_step=0):
    dataset = training_dataset(images, batch_size=batch_size, seed=seed, flip=flip, first_step=first_step)
    return np.stack([batch.numpy() for batch in dataset.take(count)])


def numbers(drawn):
    """The numbers of the images of all batches, in order."""
    whole = np.round((drawn + 1) * 127.5).astype(int)
    return whole.max(axis=(2, 3, 4)).ravel() - 1


def test_every_epoch_shows_each_image_once_in_another_order():
    epochs = numbers(batches(numbered_images(10), 15)).reshape(6, 10)
    for epoch in epochs:
        assert sorted(epoch) == list(range(10))
    assert len({tuple(epoch) for epoch in epochs}) == 6


def test_another_seed_gives_another_order():
    first, second = (numbers(batches(numbered_images(32), 8, seed=seed)) for seed in (1, 2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("first_step", [1, 7, 1000])
def test_a_data_set_that_begins_later_is_the_rest_of_the_one_that_began_earlier(first_step):
    images = np.random.default_rng(0).integers(0, 256, size=(9, 4, 4, 3), dtype=np.uint8)
    whole = batches(images, first_step + 3)[first_step:]
    np.testing.assert_array_equal(batches(images, 3, first_step=first_step), whole)


def test_bytes_become_numbers_from_minus_one_to_one():
    images = np.array([0, 51, 255], np.uint8).reshape(3, 1, 1, 1)
    values = np.unique(batches(images, 3, batch_size=3))
    np.testing.assert_allclose(values, [-1, -0.6, 1], atol=1e-6)


def test_half_of_the_images_are_mirrored_independently_of_image_and_epoch():
    drawn = batches(numbered_images(16), 200, batch_size=16)
    mirrored = drawn[:, :, 0, 0, 0] < drawn[:, :, 0, -1, 0]  # [epoch, position]
    assert mirrored.mean() == pytest.approx(0.5, abs=0.03)
    by_image = np.bincount(numbers(drawn), weights=mirrored.ravel()) / 200
    assert np.all(np.abs(by_image - 0.5) < 0.2)
    together = (mirrored[:, :-1] == mirrored[:, 1:]).mean()
    assert together == pytest.approx(0.5, abs=0.03)


def test_nothing_is_mirrored_unless_asked():
    drawn = batches(numbered_images(16), 20, flip=False)
    assert np.all(drawn[:, :, 0, 0] > drawn[:, :, 0, -1])


def test_fewer_images_than_the_batch_repeat():
    assert sorted(numbers(batches(numbered_images(3), 1, batch_size=6))) == [0, 0, 1, 1, 2, 2]


def test_a_mapped_file_gives_what_memory_gives(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, size=(9, 4, 4, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    np.testing.assert_array_equal(batches(mapped, 5), batches(images, 5))


def test_a_mapped_file_is_not_copied(tmp_path):
    np.save(tmp_path / "images.npy", numbered_images(5))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    dataset = training_dataset(mapped, batch_size=4, seed=0, flip=True, first_step=0)
    iterator = iter(dataset)  # what TensorFlow copies, it copies by now
    np.load(tmp_path / "images.npy", mmap_mode="r+")[:] = 255
    rest = [next(iterator) for _ in range(10)][-1]  # those that were made ahead aside
    np.testing.assert_array_equal(rest, np.ones([4, 4, 4, 1]))


def test_images_that_lie_where_tensorflow_cannot_use_them_are_copied_and_right():
    images = np.random.default_rng(0).integers(0, 256, size=(9, 4, 4, 3), dtype=np.uint8)
    content = np.empty(images.size + 64, np.uint8)
    start = -content.ctypes.data % 64 + 1
    odd = content[start : start + images.size].reshape(images.shape)
    odd[:] = images
    np.testing.assert_array_equal(batches(odd, 5), batches(images, 5))


def test_no_python_runs_in_the_threads_of_the_pipeline():
    dataset = training_dataset(numbered_images(5), batch_size=4, seed=0, flip=True, first_step=0)
    variant = tf.data.experimental.to_variant(dataset)
    graph = tf.compat.v1.GraphDef.FromString(tf.raw_ops.DatasetToGraphV2(input_dataset=variant).numpy())
    operations = {node.op for function in graph.library.function for node in function.node_def}
    assert "GatherV2" in operations
    assert not {operation for operation in operations if "PyFunc" in operation}


ITERATE_AND_EXIT = """
import sys

import numpy as np

from sle_gan.data.pipeline import DeviceShare, training_dataset

images = np.load(sys.argv[1], mmap_mode="r")
iterators = [iter(training_dataset(images, batch_size=128, seed=seed, flip=True, first_step=0)) for seed in range(8)]
for iterator in iterators:
    next(iterator)
"""


@pytest.mark.slow
def test_a_process_ends_while_the_pipeline_is_at_work(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros([64, 128, 128, 3], np.uint8))
    for _ in range(8):  # a pipeline that called Python hung one time in six
        words = [sys.executable, "-c", ITERATE_AND_EXIT, str(tmp_path / "images.npy")]
        ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == 0, ended.stderr


def test_batches_have_static_shapes():
    dataset = training_dataset(numbered_images(5), batch_size=4, seed=0, flip=True, first_step=0)
    assert dataset.element_spec == tf.TensorSpec([4, 4, 4, 1], tf.float32)


@pytest.mark.parametrize("devices", [(0, 1), (1,)])
def test_devices_are_given_their_rows_of_each_turn_of_the_batch_of_one_device(devices):
    images = np.random.default_rng(0).integers(0, 256, size=(9, 4, 4, 3), dtype=np.uint8)
    labels = np.arange(9, dtype=np.int32)
    words = {"batch_size": 12, "seed": 3, "flip": True, "first_step": 5, "labels": labels}
    whole = list(training_dataset(images, **words).take(2))
    shared = list(training_dataset(images, **words, share=DeviceShare(2, 2, devices)).take(2 * len(devices)))
    for step, batch in enumerate(whole):
        for place, device in enumerate(devices):
            for all_rows, rows in zip(batch, shared[step * len(devices) + place], strict=True):
                # Two turns of six images each, three of which are a device's.
                expected = all_rows.numpy().reshape(2, 2, 3, *all_rows.shape[1:])[:, device]
                np.testing.assert_array_equal(rows, expected.reshape(6, *all_rows.shape[1:]))
