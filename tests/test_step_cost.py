"""What a step costs beside the passes of its networks."""

import functools

import pytest

from sle_gan.assembly.building import build_gan, build_networks
from sle_gan.assembly.resolve import resolve
from sle_gan.assembly.step_cost import describe_cpu_cost, other_macs_per_step, uncounted
from sle_gan.sparsity.flops import layer_macs, training_macs_per_step
from sle_gan.sparsity.record import SparsityRecord, dense_costs
from sle_gan.training.reconstruction import Reconstruction


def settings(**given):
    return resolve({"data_folder": "x", "resolution": 64, **given}, image_count=100)


@pytest.fixture(scope="module")
def gans():
    """FastGAN at 64 px and width 24, by what it reconstructs with."""
    asked = {loss: settings(width=24, batch_size=8, reconstruction_loss=loss) for loss in ("perceptual", "l1")}
    return {loss: build_gan(each, *build_networks(each)) for loss, each in asked.items()}


def test_decoders_and_the_perceptual_network_are_counted(gans):
    decoders = sum(layer_macs(gans["l1"].method(Reconstruction).decoders).values())
    assert other_macs_per_step(gans["l1"], images_per_step=8) == 8 * 3 * decoders
    # By hand, at 64 px: the stem's 32 maps of 32 x 32, and the first stage behind it.
    perceptual = other_macs_per_step(gans["perceptual"], 8) - other_macs_per_step(gans["l1"], 8)
    stem, first_stage = 9 * 3 * 32 * 32**2, (9 * 32 + 32 * 16) * 32**2
    assert perceptual / (8 * 9) > stem + first_stage


def test_fastgans_step_at_64_px_and_width_24_is_67_gflop_of_which_51_are_passes_of_its_networks(gans):
    gan = gans["perceptual"]
    decoders = sum(layer_macs(gan.method(Reconstruction).decoders).values())
    perceptual = 19_858_688  # of EfficientNet-Lite0's first five stages at 64 px
    others = other_macs_per_step(gan, 8)
    assert others == 8 * (3 * decoders + 9 * perceptual)
    of_step = functools.partial(training_macs_per_step, batch_size=8, n_critic=1)
    costs = [dense_costs(gan.average_generator, gan.discriminator, of_step, each) for each in (0.0, others)]
    flops = [each["training_flops_per_step"] / 1e9 for each in costs]
    assert flops == pytest.approx([50.70, 67.19], abs=0.01)


def test_shares_are_of_all_that_a_step_computes_also_in_runs_that_counted_less(gans):
    gan = gans["l1"]
    alone, with_others = (
        SparsityRecord(gan.average_generator, gan.discriminator, {}, batch_size=8, other_macs_per_step=others)
        for others in (0.0, 1e9)
    )
    alone.follow(0)
    with_others.follow(0)
    assert with_others.training_macs(3) == alone.training_macs(3) + 3e9
    assert with_others.row(3)["training_flops_share"] == 1.0
    for theirs, ours in zip(*(each.checkpoint_items()["training_macs"] for each in (alone, with_others)), strict=True):
        assert theirs.numpy() == ours.numpy()


def test_what_is_not_counted_is_named():
    assert uncounted(settings()) == []
    asked = settings(model="stylegan2", path_length_weight=2.0, adv_augment=True, accumulate=2)
    assert uncounted(asked) == ["R1", "path length", "adversarial features", "fakes that shares draw again"]


def test_a_cpu_is_told_what_a_training_costs_and_what_makes_it_less(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})
    line = describe_cpu_cost(400e9, settings(width=24, steps=1800))
    assert line.startswith(
        "cpu: no GPU here; at 64 px and width 24 a step is 400 GFLOP: 2 s at least on 2 cores, and 1.0 hours for 1,800 "
        "steps; a smaller --width makes it less, by its square at most, and so does a smaller --resolution"
    )
