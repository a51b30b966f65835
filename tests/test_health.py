import itertools

import numpy as np
import pytest
import tensorflow as tf
from run_files import losses, scores, settings_of, write_rows

from sle_gan.assembly.building import build_gan, build_networks
from sle_gan.assembly.resolve import resolve
from sle_gan.callbacks.health import Health
from sle_gan.callbacks.samples import Samples
from sle_gan.cli.train import main
from sle_gan.data.flowers import write_flowers
from sle_gan.evaluation.health import judge, overfitting, pixel_diversity
from sle_gan.evaluation.held_out import HeldOutLogits
from sle_gan.run import RunFolder, read_rows
from sle_gan.training.ema import Calibration

TWENTY = range(50, 1001, 50)
HELD_OUT = {"train_logits": 0.5, "held_out_logits": -0.3, "drawn_logits": -0.5, "held_out_below": 0.9}


def anything(changes):
    """Of a training that takes every suggestion."""
    return True


def verdict_of(rows, **settings):
    return judge(sorted(rows, key=lambda row: row["step"]), settings_of(**settings), anything)


def scored(steps, values, **more):
    return [
        scores(step, scores={"kid_efficientnet_lite0": {"value": value, "spread": 2.0, "floor": 1.0}}, **more)
        for step, value in zip(steps, values, strict=True)
    ]


def test_a_training_of_even_networks_is_healthy():
    verdict = verdict_of(losses(*TWENTY))
    assert verdict.verdict == "healthy"
    assert verdict.suggestion is None
    assert "in training the discriminator's mean output is +0.10 on reals and -0.10 on fakes" in verdict.evidence


@pytest.mark.parametrize("steps", [[], [50, 100, 150], [200], [10, 20, 30, 40, 50]])
def test_a_few_steps_say_nothing(steps):
    verdict = verdict_of(losses(*steps, real_signs=1.0))
    assert verdict.verdict == "too early to say"
    assert f"{max(steps, default=0)} steps and {len(steps)} rows" in verdict.evidence[0]


def test_a_number_that_is_not_finite_is_graver_than_all_else():
    rows = losses(50, 100, generator_loss=lambda step: float("nan") if step == 100 else 0.1)
    verdict = verdict_of(rows)
    assert (verdict.verdict, verdict.suggestion) == ("numbers not finite", "--G-learning-rate 0.0001")
    assert verdict.evidence == ["generator_loss at step 100 is nan"]
    of_score = verdict_of(losses(*TWENTY) + scored([500], [float("inf")]))
    assert of_score.evidence == ["kid_efficientnet_lite0 value at step 500 is inf"]


def test_held_out_images_rated_like_drawn_ones_are_overfitting():
    verdict = verdict_of(losses(*TWENTY, **HELD_OUT))
    assert (verdict.verdict, verdict.suggestion) == (
        "discriminator overfits",
        "--diff-augment color,translation,cutout",
    )
    assert verdict.evidence[0] == "the discriminator rates a held-out image below one it trains on in 90% of all pairs"
    assert "80% of the way" in verdict.evidence[2]


def test_what_is_suggested_augments_more_or_else_slows_the_discriminator():
    rows = losses(*TWENTY, **HELD_OUT)
    assert verdict_of(rows, diff_augment=None).suggestion == "--diff-augment color,translation"
    assert verdict_of(rows, diff_augment="color,cutout").suggestion == "--D-learning-rate 0.0001"


@pytest.mark.parametrize("change", [{"held_out_logits": 0.2}, {"held_out_below": 0.6}, {"drawn_logits": 0.6}])
def test_held_out_images_rated_like_training_images_are_healthy(change):
    assert verdict_of(losses(*TWENTY, **(HELD_OUT | change))).verdict == "healthy"


def test_only_the_last_quarter_of_a_training_counts():
    assert verdict_of(losses(*TWENTY, real_signs=lambda step: 0.9 if step <= 750 else 0.1)).verdict == "healthy"
    assert verdict_of(losses(*TWENTY, real_signs=lambda step: 0.1 if step <= 750 else 0.9)).verdict != "healthy"


def test_without_held_out_images_the_signs_decide_and_held_out_images_are_suggested():
    verdict = verdict_of(losses(*TWENTY, real_signs=0.7))
    assert (verdict.verdict, verdict.suggestion) == ("discriminator overfits", "--held-out 0.1")
    assert verdict.evidence[0] == "it calls 85% of what it sees of real images real (mean sign 0.70)"
    of_pairs = verdict_of(losses(*TWENTY, real_signs=0.7), loss="relativistic")
    assert of_pairs.evidence[0].startswith("it rates 85% of what it sees of real images above the generated ones")
    assert verdict_of(losses(*TWENTY, real_signs=0.6)).verdict == "healthy"
    assert verdict_of(losses(*TWENTY, real_signs=1.0, **(HELD_OUT | {"held_out_logits": 0.5}))).verdict == "healthy"


def test_overfitting_is_the_share_of_the_way_from_training_images_to_drawn_ones():
    rows = [
        {"train_logits": 1.0, "held_out_logits": 0.0, "drawn_logits": -1.0},
        {"train_logits": 2.0, "held_out_logits": 2.0, "drawn_logits": 0.0},
    ]
    assert overfitting(rows[:1]) == pytest.approx(0.5)
    assert overfitting(rows) == pytest.approx((1.5 - 1.0) / (1.5 + 0.5))
    assert overfitting([rows[0] | {"drawn_logits": 1.5}]) is None


def test_samples_that_hardly_differ_are_a_collapse():
    rows = losses(*TWENTY)
    verdict = verdict_of([*rows, scores(1000, diversity={"fakes": 0.2, "reals": 1.4, "ratio": 0.14})])
    assert verdict.verdict == "collapsing"
    assert verdict.evidence[0].startswith("the samples differ from each other 0.14 times as much")
    assert verdict_of([*rows, scores(1000, diversity={"ratio": 0.5})]).verdict == "healthy"
    fallen = [scores(500, diversity={"ratio": 0.9}), scores(1000, diversity={"ratio": 0.4})]
    assert verdict_of([*rows, *fallen]).verdict == "collapsing"


def test_a_kid_without_gain_is_told_with_the_step_of_the_best():
    steps = range(200, 1001, 200)
    rows = losses(*TWENTY)
    verdict = verdict_of(rows + scored(steps, [60, 40, 41, 39.5, 40]))
    assert (verdict.verdict, verdict.suggestion) == ("no gain since step 400", "--steps 400")
    assert verdict.evidence[0] == "kid_efficientnet_lite0 is 40, at best 40 at step 400"
    assert verdict_of(rows + scored(steps, [60, 40, 41, 30, 40])).verdict == "healthy"
    assert verdict_of(rows + scored(steps, [60, 50, 40, 30, 20])).verdict == "healthy"


def test_a_network_of_the_loss_judges_only_where_no_other_has():
    flattered = losses(*TWENTY) + scored(range(200, 1001, 100), [60, 40, 41, 39.5, 40, 40, 40, 40, 40])
    verdict = verdict_of(flattered)
    assert verdict.verdict == "no gain since step 300"
    assert "flattering: this network is part of the training's loss" in verdict.evidence
    by_judge = [
        scores(step, network="open-nsfw", party=False, scores={"kid_open_nsfw": {"value": value, "spread": 2.0}})
        for step, value in ((300, 90), (600, 80), (900, 70))
    ]
    verdict = verdict_of(flattered + by_judge)
    assert verdict.verdict == "healthy"
    assert "kid_open_nsfw is 70, at best 70 at step 900" in verdict.evidence
    assert not any("flattering" in sentence for sentence in verdict.evidence)
    assert not any("flattering" in text for text in verdict_of(flattered, reconstruction_loss="l1").evidence)


def test_diversity_has_not_fallen_where_another_network_measures_it():
    measured = [scores(500, diversity={"ratio": 0.9}), scores(1000, diversity={"ratio": 0.4, "network": "open-nsfw"})]
    assert verdict_of([*losses(*TWENTY), *measured]).verdict == "healthy"


def test_kids_of_other_measurements_are_no_gain_and_no_loss():
    steps = range(200, 1001, 200)
    few = scored(steps, [60, 50, 40, 30, 20])
    many = scored([300, 700], [20, 90], fakes=5000)
    assert verdict_of(losses(*TWENTY) + few + many).verdict == "healthy"


def test_a_return_to_a_checkpoint_is_told_until_it_is_long_ago():
    cause = "generator_loss not finite at step 900"
    back = {"step": 850, "event": "rollback", "failed_step": 900, "cause": cause, "learning_rate_factor": 0.5}
    verdict = verdict_of([*losses(*TWENTY), back])
    assert verdict.verdict == "numbers not finite"
    assert verdict.evidence == [f"{cause}; the training went back to step 850"]
    assert verdict.suggestion == "--G-learning-rate 0.0001"
    assert verdict_of([*losses(*range(50, 2001, 50)), back]).verdict == "healthy"


def test_collapse_is_graver_than_overfitting_and_all_is_in_the_evidence():
    rows = [*losses(*TWENTY, **HELD_OUT), scores(1000, diversity={"ratio": 0.1})]
    verdict = verdict_of(rows)
    assert verdict.verdict == "collapsing"
    assert any("90% of all pairs" in sentence for sentence in verdict.evidence)


def test_the_diversity_of_pixels_is_the_distance_of_thumbnails_over_all_pairs():
    images = np.random.default_rng(0).integers(0, 256, size=(5, 32, 32, 3), dtype=np.uint8)
    thumbs = images.astype(float).reshape(5, 16, 2, 16, 2, 3).mean(axis=(2, 4))
    squares = [np.square(a - b).mean() for a, b in itertools.combinations(thumbs, 2)]
    assert pixel_diversity(images) == pytest.approx(np.sqrt(np.mean(squares)))
    assert pixel_diversity(np.repeat(images[:1], 4, axis=0)) == 0


@pytest.fixture(scope="module")
def gan():
    settings = resolve({"data_folder": "x", "resolution": 64, "width": 8, "reconstruction_loss": "l1"})
    gan = build_gan(settings, *build_networks(settings))
    rng = np.random.default_rng(0)
    for variable in gan.discriminator.weights:
        if "moving_variance" in variable.name:
            variable.assign(rng.uniform(0.5, 2, size=variable.shape))
    return gan


def photographs(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size=(count, 64, 64, 3), dtype=np.uint8)


def state_of(gan):
    return [variable.numpy() for variable in gan.variables]


def test_held_out_logits_are_those_of_the_discriminator_at_rest(gan):
    held_out, images = photographs(11), photographs(20, seed=1)
    row = HeldOutLogits(gan, held_out, images).row()

    def logits(batch):
        batch = tf.constant(batch / 127.5 - 1, tf.float32)
        inputs = [batch[:, :: 64 // x.shape[1], :: 64 // x.shape[2]] for x in gan.discriminator.inputs]
        return (
            tf.nest.flatten(gan.discriminator(inputs, training=False))[0].numpy().reshape(len(batch), -1).mean(axis=1)
        )

    a, b = logits(held_out), logits(images[:11])
    assert row["held_out_logits"] == pytest.approx(a.mean(), abs=1e-5)
    assert row["train_logits"] == pytest.approx(b.mean(), abs=1e-5)
    assert row["held_out_below"] == pytest.approx(np.mean([x < y for x in a for y in b]))
    assert np.isfinite(row["drawn_logits"])
    assert HeldOutLogits(gan, images, images).row()["held_out_below"] == pytest.approx(0.5)


def test_measuring_held_out_images_moves_nothing(gan):
    before = state_of(gan)
    HeldOutLogits(gan, photographs(3), photographs(5, seed=1)).row()
    assert all(np.array_equal(old, new) for old, new in zip(before, state_of(gan), strict=True))


def health_of(tmp_path, images, pictures=None):
    """The callbacks of a training with rows of an even one, and the sheet's pictures."""
    file = tmp_path / "metrics.jsonl"
    write_rows(file, losses(*TWENTY))
    samples = Samples(tmp_path, "run", range(4), 100, lambda step: None)
    samples.pictures = pictures
    return samples, Health(file, settings_of(), images, samples, anything), file


def test_a_generator_that_draws_one_picture_is_called_collapsing(gan, tmp_path, capsys):
    callbacks = health_of(tmp_path, photographs(8))[:2]
    kernels = [weight for weight in gan.average_generator.trainable_weights if "kernel" in weight.name]
    before = [kernel.numpy() for kernel in kernels]
    calibrate = Calibration(gan.average_generator, 4)
    for callback in callbacks:
        callback.set_model(gan)
    for step in (1000, 1100):
        calibrate(step)
        for callback in callbacks:
            callback.on_step(step, {})
        for kernel in kernels:
            kernel.assign(tf.zeros_like(kernel))
    for kernel, value in zip(kernels, before, strict=True):
        kernel.assign(value)
    varied, constant = read_rows(tmp_path / "metrics.jsonl")[-2:]
    assert list(constant) == ["step", "event", "pixel_diversity", "verdict", "evidence", "suggestion"]
    assert (varied["step"], varied["verdict"]) == (1000, "healthy")
    assert (constant["step"], constant["verdict"]) == (1100, "collapsing")
    assert constant["pixel_diversity"] == 0 < varied["pixel_diversity"]
    assert "step 1100: collapsing (the samples differ from each other 0.00 times" in capsys.readouterr().out


def test_a_verdict_is_printed_when_it_is_another_one(tmp_path, capsys):
    images = photographs(4)
    samples, health, file = health_of(tmp_path, images)
    told = []
    for step, pictures in ((1100, images), (1150, images), (1200, images), (1300, images[:1].repeat(4, 0))):
        samples.pictures = pictures
        health.on_step(step, {})
        told.append(capsys.readouterr().out)
    assert told[0].startswith("step 1100: healthy (the samples differ from each other 1.00 times")
    assert told[1:3] == ["", ""]
    assert told[3].startswith("step 1300: collapsing (")
    assert told[3].endswith("; try --diff-augment color,translation,cutout in the next run\n")
    assert [row["step"] for row in read_rows(file) if row.get("event") == "health"] == [1100, 1200, 1300]


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flowers")
    write_flowers(folder, 32, 64, 0)
    return folder


def last_verdict(flowers, output, name, *more):
    fixed = "--resolution 64 --width 8 --reconstruction-loss l1 --sample-frequency 50 --log-frequency 25"
    words = ["--data-folder", str(flowers), "--output-folder", str(output), "--name", name, *fixed.split(), *more]
    assert main(words) == 0
    run = RunFolder(output / name)
    return run, [row for row in read_rows(run.metrics_file) if row.get("event") == "health"][-1]["verdict"]


@pytest.mark.slow
@pytest.mark.parametrize(("augment", "verdict"), [("--no-diff-augment", "discriminator overfits"), (None, "healthy")])
def test_few_images_are_learned_by_heart_without_augmentation_and_not_with_it(flowers, tmp_path, augment, verdict):
    words = ["--steps", "700", "--held-out", "0.5", *([augment] if augment else [])]
    assert last_verdict(flowers, tmp_path, "run", *words)[1] == verdict


@pytest.mark.slow
def test_a_generator_that_learns_nothing_more_has_no_gain(flowers, tmp_path):
    trained, _ = last_verdict(flowers, tmp_path, "trained", "--steps", "200")
    words = ["--generator-weights", str(trained.generator_weights), "--steps", "250"]
    words += ["--G-learning-rate", "1e-9", "--D-learning-rate", "1e-9"]
    score = "--kid --kid-frequency 50 --kid-number-of-images 32"
    assert last_verdict(flowers, tmp_path, "still", *words, *score.split())[1] == "no gain since step 50"


@pytest.mark.slow
def test_a_generator_of_hardly_any_weights_collapses(flowers, tmp_path):
    words = "--steps 250 --sparse-from-scratch --generator-density 0.0005 --exploration off --layer-densities uniform"
    assert last_verdict(flowers, tmp_path, "run", *words.split())[1] == "collapsing"
