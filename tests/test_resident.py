import numpy as np
import pytest
import tensorflow as tf
from test_gan import linear_gan

from sle_gan.data.pipeline import training_dataset
from sle_gan.data.resident import ResidentImages
from sle_gan.errors import InputError
from sle_gan.training.devices import fetched_ahead, keeps_images, shared_dataset

IMAGES = np.random.default_rng(0).integers(0, 256, [5, 4, 4, 3], np.uint8)
LABELS = np.arange(5, dtype=np.int32)


def batches(images, flip=True, labels=None):
    return training_dataset(images, batch_size=3, seed=1, flip=flip, first_step=2, labels=labels).take(4)


@pytest.mark.parametrize("labels", [None, LABELS], ids=["images", "images and labels"])
@pytest.mark.parametrize("flip", [False, True], ids=["as they are", "mirrored"])
def test_resident_images_give_the_same_batches(flip, labels):
    resident = ResidentImages(IMAGES, labels)
    picked = [resident(*indices) for indices in batches(resident, flip, labels)]
    whole = list(batches(IMAGES, flip, labels))
    assert len(whole) == 4
    for mine, expected in zip(tf.nest.flatten(picked), tf.nest.flatten(whole), strict=True):
        assert mine.dtype == expected.dtype
        np.testing.assert_array_equal(mine, expected)


def test_images_that_a_device_cannot_hold_are_refused(monkeypatch):
    def full(images):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(tf, "constant", full)
    with pytest.raises(InputError, match="2 MiB of images do not fit on the device; give --images-on-device off"):
        ResidentImages(np.zeros([2, 1024, 1024, 1], np.uint8))


def trained(prepare, dataset):
    gan = linear_gan()
    prepare(gan)
    gan.fit(dataset, verbose=0)
    assert int(gan.steps) == 4
    return np.concatenate([variable.numpy().ravel() for variable in gan.variables])


POINTS = np.random.default_rng(1).integers(0, 256, [5, 1, 1, 1], np.uint8)


def keep(gan):
    gan.resident = ResidentImages(POINTS, device="CPU:1")


def test_a_training_on_resident_images_is_the_same_training():
    alike = trained(keep, batches(ResidentImages(POINTS, device="CPU:1")))
    np.testing.assert_array_equal(alike, trained(lambda gan: None, batches(POINTS)))


def test_a_training_on_batches_that_are_fetched_ahead_is_the_same_training():
    fetched = fetched_ahead(batches(POINTS), "CPU:1")
    assert all("CPU:1" in batch.device for batch in fetched)
    np.testing.assert_array_equal(trained(lambda gan: None, fetched), trained(lambda gan: None, batches(POINTS)))


def devices_of(monkeypatch, gpus):
    """Has the second CPU stand for a GPU; what asks for GPUs is told of it."""
    devices = {"GPU": tf.config.list_logical_devices("CPU")[1:] if gpus else [], None: []}
    monkeypatch.setattr(tf.config, "list_logical_devices", devices.__getitem__)


@pytest.mark.parametrize("gpus", [False, True])
def test_batches_are_fetched_ahead_to_a_gpu(monkeypatch, gpus):
    devices_of(monkeypatch, gpus)
    dataset = shared_dataset(tf.distribute.get_strategy(), lambda count, devices: batches(POINTS))
    assert all(("CPU:1" in batch.device) == gpus for batch in dataset)


@pytest.mark.parametrize(
    ("choice", "gpus", "size_bytes", "kept"),
    [
        ("auto", True, 2**29, True),
        ("auto", True, 2**29 + 1, False),
        ("auto", False, 1, False),
        ("on", False, 2**40, True),
        ("off", True, 1, False),
    ],
)
def test_small_images_are_kept_on_a_gpu(monkeypatch, choice, gpus, size_bytes, kept):
    devices_of(monkeypatch, gpus)
    assert keeps_images(choice, tf.distribute.get_strategy(), size_bytes) == kept


def test_several_devices_keep_no_images(two_replicas):
    assert not keeps_images("auto", two_replicas, 1)
    with pytest.raises(InputError, match="--images-on-device on needs a single device"):
        keeps_images("on", two_replicas, 1)
