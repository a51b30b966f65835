"""Counts what a generator of drawn flowers draws: species, petal colors, backgrounds, and pictures that are no flower.

    python benchmarks/flower_counts.py train COUNTER --non-flowers FOLDER ...
    python benchmarks/flower_counts.py count COUNTER runs/00000-fastgan-flowers ...

`train` draws 5,000 flowers and trains a small network to name their factors, with mixtures, shuffled and scrambled
flowers as a ninth species: none. Its probabilities are calibrated by a temperature, on flowers and mixtures that it was
not trained on, and a picture counts as a flower if one species is more probable than all else together. Then it is
tested, on fresh flowers and on kinds of pictures that it has never seen. `count` names the factors of a run's pictures
and compares their shares with those that the flowers are drawn with.
"""

import argparse
import functools
import io
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import sle_gan
from sle_gan.data.flowers import BACKGROUNDS, PETAL_COLORS, SPECIES, draw_flower, sample_factors

SIDE_PX = 64
NAMES = {"species": tuple(SPECIES), "petal_color": tuple(PETAL_COLORS), "background": tuple(BACKGROUNDS)}
NONE = len(SPECIES)  # the label of what is no flower, among the species
TRAINING_SEED, CALIBRATION_SEED, TEST_SEED, CONTROL_SEED = 1001, 1002, 1003, 1004  # the demo's flowers have 0 and 1
LEAST_CONFIDENCE = 0.5  # of the species of a flower
DRAWN_SHARE = 0.25  # of its true share, from which on a kind counts as drawn
BATCH_SIZE = 64


def main():
    """Trains the network, or counts with it."""
    parser = argparse.ArgumentParser(description="Count what a generator of flowers draws.")
    commands = parser.add_subparsers(required=True)
    train = commands.add_parser("train", help="train, calibrate and test the network")
    train.add_argument("counter", type=Path, metavar="COUNTER", help="folder that the network is written to")
    train.add_argument("--count", type=int, default=5000, help="flowers to train on")
    train.add_argument("--test-count", type=int, default=2000, help="fresh flowers to test with")
    train.add_argument("--epochs", type=int, default=14)
    train.add_argument("--non-flowers", type=Path, nargs="*", default=[], help="folders of images to test with")
    train.set_defaults(function=train_and_test)
    count = commands.add_parser("count", help="count what runs draw")
    count.add_argument("counter", type=Path, metavar="COUNTER", help="folder of the network")
    count.add_argument("runs", nargs="+", metavar="RUN")
    count.add_argument("--number-of-images", type=int, default=1000, help="drawn of each run")
    count.set_defaults(function=count_runs)
    arguments = parser.parse_args()
    arguments.function(arguments)


def train_and_test(arguments):
    """Draws the flowers, trains, calibrates, tests, and writes the network with what it is worth."""
    folder = arguments.counter
    folder.mkdir(parents=True, exist_ok=True)
    training = drawn_flowers(folder, TRAINING_SEED, arguments.count)
    calibration = drawn_flowers(folder, CALIBRATION_SEED, arguments.test_count // 2)
    test = drawn_flowers(folder, TEST_SEED, arguments.test_count)
    begin = time.process_time()
    network = trained_network(*training, arguments.epochs)
    cpu_seconds = time.process_time() - begin
    network.save_weights(folder / "network.h5")
    counter = calibrated(network, *calibration)
    named = counter.name(test[0])
    accuracy = {factor: float(np.mean(named[factor] == test[1][factor])) for factor in NAMES}
    kinds = {
        "fresh flowers": test[0],
        **disturbed(test[0]),
        **mixtures(*test, seed=1),
        **never_seen(test, arguments.non_flowers),
    }
    none = {kind: float(counter.name(images)["is_none"].mean()) for kind, images in kinds.items()}
    facts = {
        "temperature": counter.temperature,
        "calibration_error": calibration_error(counter, *test),
        "accuracy": accuracy,
        "none": none,
        "cpu_seconds": round(cpu_seconds),
    }
    (folder / "counter.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"trained on {arguments.count} flowers in {cpu_seconds / 60:.1f} CPU minutes")
    print(", ".join(f"{factor} {share:.1%}" for factor, share in accuracy.items()), "right of the fresh flowers")
    print(f"calibration error {facts['calibration_error']:.3f}, temperature {counter.temperature:.2f}")
    print("| pictures | none |\n|---|---|")
    for kind, share in none.items():
        print(f"| {kind} | {share:.1%} |")


def count_runs(arguments):
    """Prints a line of counts for each run, after one of fresh flowers."""
    network = build_network()
    network.load_weights(arguments.counter / "network.h5")
    facts = json.loads((arguments.counter / "counter.json").read_text())
    counter = Counter(network, facts["temperature"])
    print("| pictures | species drawn | off by | colors drawn | off by | backgrounds drawn | off by | none |")
    print("|---|---|---|---|---|---|---|---|")
    fresh, _ = drawn_flowers(arguments.counter, CONTROL_SEED, arguments.number_of_images)
    print(table_line("fresh flowers", counts_of(counter.name(fresh))), flush=True)
    for name in arguments.runs:
        run = sle_gan.open_run(name)
        pictures = run.draw(range(arguments.number_of_images))
        print(table_line(run.folder.name, counts_of(counter.name(at_side(pictures)))), flush=True)


def drawn_flowers(folder, seed, count):
    """Draws flowers, or reads them where they were drawn before.

    Returns:
        uint8 `[count, 64, 64, 3]`, and a dictionary of int labels `[count]` by factor.
    """
    file = folder / f"flowers-{seed}-{count}.npz"
    if not file.exists():
        with ProcessPoolExecutor() as pool:
            images = list(pool.map(functools.partial(_pixels, seed), range(count), chunksize=32))
        factors = [sample_factors(seed, index) for index in range(count)]
        labels = {factor: [names.index(getattr(one, factor)) for one in factors] for factor, names in NAMES.items()}
        np.savez(file, images=np.stack(images), **labels)
    content = np.load(file)
    return content["images"], {factor: content[factor] for factor in NAMES}


def _pixels(seed, index):
    return np.asarray(draw_flower(sample_factors(seed, index), SIDE_PX))


def mixtures(images, labels, seed):
    """Makes pictures that are no flower of flowers: two species in one another, and flowers in pieces.

    Args:
        images: uint8 `[count, side, side, 3]`.
        labels: by factor, int `[count]`.
        seed: of what is mixed with what.

    Returns:
        uint8 `[count or fewer, side, side, 3]` by name.
    """
    random = np.random.default_rng(seed)
    others = random.permutation(len(images))
    differ = labels["species"] != labels["species"][others]
    ones, others = images[differ].astype(np.float32), images[others[differ]].astype(np.float32)
    share = random.uniform(0.35, 0.65, [len(ones), 1, 1, 1])
    position, is_across = np.arange(SIDE_PX), random.random(len(ones)) < 0.5
    is_right = np.where(is_across[:, None, None], position[:, None], position) >= SIDE_PX // 2
    return {
        "two species blended": np.uint8(share * ones + (1 - share) * others),
        "halves of two species": np.uint8(np.where(is_right[..., None], others, ones)),
        "shuffled squares": np.stack([_shuffled(image, random) for image in images]),
        "scrambled phases": np.stack([_scrambled(image, random) for image in images]),
    }


def _shuffled(image, random):
    size = SIDE_PX // int(random.choice([2, 4]))
    count = SIDE_PX // size
    squares = image.reshape(count, size, count, size, 3).swapaxes(1, 2).reshape(-1, size, size, 3)
    squares = squares[random.permutation(len(squares))]
    return squares.reshape(count, count, size, size, 3).swapaxes(1, 2).reshape(image.shape)


def _scrambled(image, random):
    """Returns a picture of the same spectrum and mean colors whose phases are those of noise."""
    noise = np.fft.fft2(random.normal(size=image.shape[:2]))
    phase = noise / np.abs(noise)
    phase[0, 0] = 1.0
    spectrum = np.abs(np.fft.fft2(image, axes=(0, 1))) * phase[:, :, None]
    return np.uint8(np.clip(np.fft.ifft2(spectrum, axes=(0, 1)).real, 0, 255))


def disturbed(images):
    """Returns flowers that are still flowers, by name: blurred, and compressed."""

    def through(image, side_px, quality):
        small = Image.fromarray(image).resize((side_px, side_px), Image.Resampling.BOX)
        file = io.BytesIO()
        small.save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC))

    return {
        "fresh flowers through 24 px": np.stack([through(image, 24, 95) for image in images]),
        "fresh flowers as JPEG of quality 40": np.stack([through(image, SIDE_PX, 40) for image in images]),
    }


def never_seen(flowers, folders):
    """Returns pictures that are no flower, of kinds that the network is not trained with, by name.

    Args:
        flowers: images and labels, as `drawn_flowers` returns them.
        folders: of images.
    """
    images, labels = flowers
    random = np.random.default_rng(2)
    others = random.permutation(len(images))
    differ = labels["species"] != labels["species"][others]
    offset = np.arange(SIDE_PX) - SIDE_PX / 2
    is_inside = (offset[:, None] ** 2 + offset**2 < (0.25 * SIDE_PX) ** 2)[None, :, :, None]
    bare = [replace(sample_factors(TEST_SEED, index), scale=0.05) for index in range(200)]
    kinds = {
        "middle of another species": np.where(is_inside, images[others], images)[differ],
        "backgrounds without a flower": np.stack([np.asarray(draw_flower(one, SIDE_PX)) for one in bare]),
        "uniform noise": random.integers(0, 256, [200, SIDE_PX, SIDE_PX, 3], np.uint8),
    }
    return kinds | {f"images of {folder.name}": sle_gan.load_images(folder, SIDE_PX) for folder in folders}


def build_network():
    """Builds the network: uint8 `[batch, 64, 64, 3]` -> logits of the species and none, the colors, the backgrounds."""
    from tf_keras import layers, models

    images = layers.Input([SIDE_PX, SIDE_PX, 3])
    maps = layers.Rescaling(1 / 127.5, offset=-1)(images)
    for channels in (16, 32, 64, 96):
        maps = layers.Conv2D(channels, 3, padding="same", use_bias=False)(maps)
        maps = layers.ReLU()(layers.BatchNormalization()(maps))
        maps = layers.MaxPooling2D()(maps)
    features = layers.Dropout(0.3)(layers.Flatten()(layers.Conv2D(64, 1, activation="relu")(maps)))
    features = layers.Dense(128, activation="relu")(features)
    sizes = {factor: len(names) + (factor == "species") for factor, names in NAMES.items()}
    return models.Model(images, {factor: layers.Dense(size, name=factor)(features) for factor, size in sizes.items()})


def trained_network(images, labels, epochs):
    """Trains the network on flowers, and on as many pictures that are none as a third of them.

    Args:
        images: uint8 `[count, 64, 64, 3]`.
        labels: by factor, int `[count]`.
        epochs: passes over the images.
    """
    import tensorflow as tf
    import tf_keras as keras

    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    pictures = [
        made[random.permutation(len(made))[: len(images) // 12]] for made in mixtures(images, labels, 0).values()
    ]
    others = np.concatenate(pictures)
    targets = {factor: np.concatenate([values, np.zeros(len(others), int)]) for factor, values in labels.items()}
    targets["species"][len(images) :] = NONE
    is_flower = np.concatenate([np.ones(len(images)), np.zeros(len(others))])
    weights = {factor: np.ones(len(is_flower)) if factor == "species" else is_flower for factor in NAMES}
    rows = (np.concatenate([images, others]), targets, weights)
    dataset = tf.data.Dataset.from_tensor_slices(rows).shuffle(len(is_flower), seed=0).batch(BATCH_SIZE)
    dataset = dataset.map(lambda batch, *rest: (_varied(tf.cast(batch, tf.float32)), *rest)).prefetch(2)
    network = build_network()
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * len(dataset))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(rate), dict.fromkeys(NAMES, loss), weighted_metrics=[])
    network.fit(dataset, epochs=epochs, verbose=2)
    return network


def _varied(images):
    """Mirrors, blurs and disturbs images a little, so that a generator's own traces hide no flower."""
    import tensorflow as tf

    images = tf.image.random_flip_left_right(images)
    batch = tf.shape(images)[0]
    small = tf.image.resize(images, [SIDE_PX * 3 // 8, SIDE_PX * 3 // 8], method="area")
    blur = tf.random.uniform([batch, 1, 1, 1])
    images = images + blur * (tf.image.resize(small, [SIDE_PX, SIDE_PX]) - images)
    noise = tf.random.uniform([batch, 1, 1, 1], 0, 12) * tf.random.normal(tf.shape(images))
    return tf.clip_by_value(images + noise, 0, 255)


class Counter:
    """Names the factors of pictures.

    Args:
        network: as `build_network` builds it.
        temperature: that its logits of the species are divided by.
    """

    def __init__(self, network, temperature):
        self.network, self.temperature = network, temperature

    def name(self, images):
        """Names the factors of uint8 images: labels by factor, the species' `confidence`, and whether it `is_none`."""
        logits = self.network.predict(images.astype(np.float32), batch_size=BATCH_SIZE, verbose=0)
        named = {factor: values[:, : len(NAMES[factor])].argmax(1) for factor, values in logits.items()}
        confidence = softmax(logits["species"] / self.temperature)[:, :NONE].max(1)
        return named | {"confidence": confidence, "is_none": confidence < LEAST_CONFIDENCE}


def softmax(logits):
    """Returns the probabilities of logits `[count, classes]`."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def calibrated(network, images, labels):
    """Returns a `Counter` whose temperature fits flowers, and mixtures of them, that the network was not trained on."""
    others = np.concatenate([made[: len(images) // 12] for made in mixtures(images, labels, 3).values()])
    pictures = np.concatenate([images, others]).astype(np.float32)
    truth = np.concatenate([labels["species"], np.full(len(others), NONE)])
    logits = network.predict(pictures, batch_size=BATCH_SIZE, verbose=0)["species"]
    at_truth = np.arange(len(truth)), truth

    def surprise(temperature):
        return -np.mean(np.log(softmax(logits / temperature)[at_truth] + 1e-12))

    return Counter(network, float(min(np.geomspace(0.25, 8, 200), key=surprise)))


def calibration_error(counter, images, labels):
    """Returns how far confidence is from accuracy on flowers, on average over ten ranges of confidence."""
    named = counter.name(images)
    right = named["species"] == labels["species"]
    ranges = np.minimum((10 * named["confidence"]).astype(int), 9)
    gaps = [abs(named["confidence"][ranges == one].sum() - right[ranges == one].sum()) for one in range(10)]
    return float(sum(gaps) / len(images))


def true_shares(factor):
    """Returns the shares `[kinds]` that flowers are drawn with: of a petal color, over all species that have it."""
    if factor != "petal_color":
        return np.full(len(NAMES[factor]), 1 / len(NAMES[factor]))
    shares = np.zeros(len(PETAL_COLORS))
    for species in SPECIES.values():
        for color in species.petal_colors:
            shares[NAMES[factor].index(color)] += 1 / len(species.petal_colors) / len(SPECIES)
    return shares


def counts_of(named):
    """Counts kinds among the pictures that are flowers.

    Args:
        named: as `Counter.name` returns it.

    Returns:
        A dictionary of, by factor, (kinds drawn, kinds there are, total variation of the shares from the true ones),
        and of `none`, the share of pictures that are no flower. The total variation is NaN where none is a flower.
    """
    counts = {"none": float(named["is_none"].mean())}
    for factor, names in NAMES.items():
        flowers, truth = named[factor][~named["is_none"]], true_shares(factor)
        numbers = np.bincount(flowers, minlength=len(names))
        shares = numbers / len(flowers) if len(flowers) else np.full(len(names), np.nan)
        drawn = int(np.sum(numbers >= np.maximum(DRAWN_SHARE * truth * len(named["is_none"]), 1)))
        counts[factor] = drawn, len(names), float(np.abs(shares - truth).sum() / 2)
    return counts


def table_line(name, counts):
    """Returns a line of the table, in Markdown."""
    cells = [
        cell for factor in NAMES for drawn, of, off in [counts[factor]] for cell in (f"{drawn} of {of}", f"{off:.2f}")
    ]
    return f"| {name} | {' | '.join(cells)} | {counts['none']:.0%} |"


def at_side(pictures):
    """Returns uint8 pictures `[count, side, side, 3]` at the network's side."""
    if pictures.shape[1] == SIDE_PX:
        return pictures
    size = (SIDE_PX, SIDE_PX)
    return np.stack([np.asarray(Image.fromarray(one).resize(size, Image.Resampling.LANCZOS)) for one in pictures])


if __name__ == "__main__":
    main()
