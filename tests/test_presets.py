import json
import math

import pytest
import tensorflow as tf
from PIL import Image

from sle_gan.assembly.resolve import resolve
from sle_gan.cli.train import main
from sle_gan.cli.train_flags import parse
from sle_gan.errors import InputError
from sle_gan.models.build import build_discriminator, build_generator
from sle_gan.settings.presets import PRESETS, with_preset
from sle_gan.settings.train import differing_settings
from sle_gan.sparsity.kernels import prunable_kernels
from sle_gan.training.ema import average_decay

IMAGES = 6000


def settings(preset, **given):
    values, filled = with_preset(preset, {"data_folder": "x", **given})
    return resolve(values, IMAGES), filled


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fills_in_settings_that_exist_and_go_together(name):
    found, filled = settings(name)
    assert filled == PRESETS[name].settings | {"mixed_precision": "float32"}
    kept = found.named()
    given = {key: value for key, value in filled.items() if key not in ("steps", "mixed_precision")}
    assert {key: kept[key] for key in given} == given
    assert (filled["mixed_precision"], kept["mixed_precision"]) == ("float32", None)
    assert kept["steps"] == filled.get("steps", kept["steps"])
    assert PRESETS[name].source


@pytest.mark.paper(
    "StyleGAN2",
    "Zhao et al. 2020, arXiv:2006.10738, code (100-shot)",
    "300,000 images, batch 16, R1 of 10 at every step, no path length",
)
def test_the_numbers_of_the_hundred_shot_recipe():
    found, _ = settings("stylegan2-diffaugment-100shot")
    optimization = found.optimization
    assert optimization.steps * optimization.batch_size == 300_000
    names = ("G_learning_rate", "D_learning_rate", "adam_beta_1", "adam_beta_2", "ema_kimg")
    assert [getattr(optimization, name) for name in names] == [0.002, 0.002, 0.0, 0.99, 10.0]
    assert (found.penalties.r1_gamma, found.penalties.r1_interval) == (10.0, 1)
    assert found.penalties.path_length_weight == 0.0
    assert found.augmentation.diff_augment == "color,translation,cutout"


def test_what_is_given_wins_also_where_it_is_the_default():
    found, filled = settings("sngan-cifar10-10pct", data_ratio=1.0, resolution=64)
    assert (found.images.data_ratio, found.images.resolution, found.network.model) == (1.0, 64, "sngan")
    assert filled.keys() == {"model", "steps", "diff_augment", "flip", "mixed_precision"}
    found, _ = settings("sngan-cifar10", diff_augment="color")
    assert found.augmentation.diff_augment == "color"


def test_a_length_that_is_given_in_steps_replaces_one_in_epochs_and_the_other_way_round():
    found, _ = settings("regan-sngan-cifar10-10pct", steps=7)
    assert (found.optimization.steps, found.optimization.epochs) == (7, None)
    found, filled = settings("sngan-cifar10", epochs=3)
    assert found.optimization.epochs == 3
    assert found.optimization.steps == 57  # ceil(3 * 6000 / (64 * 5))
    assert "steps" not in filled


def test_a_preset_is_another_way_to_write_its_settings():
    preset, _ = settings("fastgan-fewshot-256")
    assert differing_settings(preset, resolve({"data_folder": "x", "resolution": 256})) == ""


def test_an_unknown_preset_lists_those_that_there_are(capsys):
    with pytest.raises(SystemExit) as end:
        parse(["--data-folder", "x", "--preset", "sgan"])
    assert end.value.code == 2
    assert "'fastgan-fewshot-256', 'progan-cifar10', 'projected-fewshot-256'" in capsys.readouterr().err


def test_a_dry_run_tells_what_was_filled_in(tmp_path, capsys):
    for index in range(3):
        Image.new("RGB", (40, 40), (80 * index, 0, 0)).save(tmp_path / f"{index}.png")
    words = f"--data-folder {tmp_path} --output-folder {tmp_path} --preset sngan-cifar10 --width 8 --seed 4 --dry-run"
    assert main([*words.split(), "--steps", "9"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == (
        "preset sngan-cifar10 (Miyato et al. 2018, arXiv:1802.05957): model sngan, resolution 32, diff-augment off, "
        "flip off, mixed-precision float32"
    )
    settings = dict(line.split(" (default")[0].split(": ", 1) for line in told[1:] if ": " in line)
    expected = {"batch_size": "64", "steps": "9", "resolution": "32", "preset": "sngan-cifar10", "diff_augment": "None"}
    assert {name: settings.get(name) for name in expected} == expected
    json.dumps(PRESETS)  # what is filled in can be kept in a configuration


def test_the_depth_of_the_mapping_is_that_of_the_networks_with_styles():
    def layers(**given):
        return resolve({"data_folder": "x", **given}).network.mapping_layers

    assert layers(model="stylegan2") == 2
    assert settings("stylegan2-ada-256")[0].network.mapping_layers == 8
    assert layers() is None
    with pytest.raises(InputError, match="--mapping-layers needs a network with styles"):
        layers(mapping_layers=8)
    with pytest.raises(InputError, match="--mapping-layers must be 16 at most; got 17"):
        layers(model="stylegan2", mapping_layers=17)


@pytest.mark.paper(
    "DigGAN",
    "Fang, Sun & Schwing 2022, arXiv:2211.14694, code",
    "10,000 passes, lambda 10,000 without and 1,000 with DiffAugment on a tenth of CIFAR-10, smoothed slopes",
)
def test_the_numbers_of_biggan_on_a_tenth_of_cifar():
    found, _ = settings("diggan-biggan-cifar10-10pct-diffaugment")
    names = ("batch_size", "n_critic", "ema_decay", "ema_start", "epochs")
    assert [getattr(found.optimization, name) for name in names] == [50, 4, 0.9999, 1000, 10_000]
    assert (found.penalties.dig_weight, found.penalties.dig_interval, found.images.data_ratio) == (1000.0, 4, 0.1)
    assert found.penalties.dig_smoothing
    assert settings("diggan-biggan-cifar10-10pct")[0].penalties.dig_weight == 10_000.0
    assert settings("biggan-cifar10-10pct-diffaugment")[0].optimization.epochs == 5000  # Zhao et al.'s
    assert (found.network.model, found.images.conditional) == ("biggan", True)
    assert found.augmentation.diff_augment == "translation,cutout"


@pytest.mark.paper(
    "StyleGAN2",
    "Zhao et al. 2020, arXiv:2006.10738, code (100-shot)",
    "the average: a copy until 10 kimg, then a half-life of 10",
)
def test_the_average_of_the_hundred_shot_recipe_is_a_copy_until_10_kimg_then_has_a_half_life_of_10():
    decay = average_decay(settings("stylegan2-diffaugment-100shot")[0].optimization)
    kept = [float(decay(tf.constant(steps, tf.int64))) for steps in (0, 624, 625, 18_749)]
    assert kept == pytest.approx([0.0, 0.0, 0.5 ** (16 / 10_000), 0.5 ** (16 / 10_000)])


@pytest.mark.paper(
    "ADA",
    "Karras et al. 2020, arXiv:2006.06676, code (paper256)",
    "25 million images, batch 64, R1 of 1, path length of 2 every 4 steps, 20 kimg without a ramp, no mirroring",
)
def test_the_numbers_of_ada_at_256_px():
    found, _ = settings("stylegan2-ada-256")
    optimization, penalties = found.optimization, found.penalties
    assert optimization.steps * optimization.batch_size == 25_000_000
    assert (optimization.batch_size, optimization.G_learning_rate, penalties.r1_gamma) == (64, 0.0025, 1.0)
    assert (penalties.path_length_weight, penalties.path_length_interval, found.images.flip) == (2.0, 4, False)
    decay = average_decay(optimization)
    assert [float(decay(tf.constant(steps, tf.int64))) for steps in (1, 9999)] == pytest.approx(
        [0.5 ** (64 / 20_000)] * 2
    )


@pytest.mark.paper(
    "Re-GAN",
    "Saxena et al., CVPR 2023, code",
    "warm-up 10,000, phases of 5,000, 30 % pruned, path length of 2 every 4 steps, half-life of 10 kimg without a ramp",
)
def test_the_numbers_of_regan_with_stylegan2():
    found, _ = settings("regan-stylegan2-256")
    assert (found.penalties.path_length_weight, found.penalties.path_length_interval) == (2.0, 4)
    assert (found.network.channel_base, found.network.channel_max) == (32_768, 512)
    assert (found.sparsity.warmup_steps, found.sparsity.interval_steps, found.sparsity.sparsity) == (10_000, 5000, 0.3)
    decay = average_decay(found.optimization)
    assert [float(decay(tf.constant(steps, tf.int64))) for steps in (1, 9999)] == pytest.approx(
        [0.5 ** (32 / 10_000)] * 2
    )


@pytest.mark.paper(
    "SNGAN",
    "codes of Miyato et al. 2018, arXiv:1802.05957; Chen et al., NeurIPS 2021; Saxena et al., CVPR 2023",
    "images are not mirrored",
)
@pytest.mark.parametrize("name", [name for name in PRESETS if "sngan" in name])
def test_presets_of_sngan_mirror_no_images(name):
    assert settings(name)[0].images.flip is False


@pytest.mark.paper(
    "Re-GAN", "Saxena et al., CVPR 2023, code", "30,034,338 and 28,864,129 parameters at 256 px; toRGB is not pruned"
)
def test_regans_stylegan2_has_its_parameters_and_prunes_all_but_what_makes_colors():
    found, _ = settings("regan-stylegan2-256")
    generator, discriminator = (
        build(found.network, found.images, 0) for build in (build_generator, build_discriminator)
    )
    counts = [sum(v.shape.num_elements() for v in each.trainable_variables) for each in (generator, discriminator)]
    assert counts == [30_034_338, 28_864_129]
    pruned, all_weights = (prunable_kernels(generator, scope) for scope in (found.sparsity.prune_scope, "all"))
    spared = all_weights.keys() - pruned.keys()
    # Of 4, 8 ... 256 px each: kernel and bias of the convolution, kernel and bias of what scales its styles.
    assert len(spared) == 7 * 4
    assert {name.partition(".")[0].rpartition("/")[2] for name in spared} == {
        f"map{2**n}_rgb{part}" for n in range(2, 9) for part in ("", "_style")
    }


def test_limits_of_channels_follow_from_the_width_and_need_a_network_that_has_them():
    found = resolve({"data_folder": "x", "model": "stylegan2", "width": 16, "channel_max": 64}).network
    assert (found.channel_base, found.channel_max) == (4096, 64)
    with pytest.raises(InputError, match="--channel-max needs a network that takes it: progan, stylegan2; got fastgan"):
        resolve({"data_folder": "x", "channel_max": 64})
    with pytest.raises(InputError, match="--channel-base must be the --resolution 256 at least"):
        resolve({"data_folder": "x", "model": "stylegan2", "resolution": 256, "channel_base": 128})


@pytest.mark.paper(
    "RigL", "Evci et al. 2020, arXiv:1911.11134, code", "the optimizer's slots of weights that grow are reset"
)
@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"sparse_from_scratch": True}, "keep"),
        ({"sparse_from_scratch": True, "exploration": "rigl"}, "reset"),
        ({"sparse_from_scratch": True, "exploration": "rigl", "regrow_state": "keep"}, "keep"),
        ({"reconfigure": True}, "keep"),
    ],
)
def test_rigl_alone_resets_what_the_optimizer_remembers_of_weights_that_grow(given, state):
    assert resolve({"data_folder": "x", **given}, IMAGES).sparsity.regrow_state == state


@pytest.mark.paper("Re-GAN", "Saxena et al., CVPR 2023, code", "1,000 passes, warm-up 200, phases of 100, 30 % pruned")
def test_the_numbers_of_regan_with_sngan():
    found, _ = settings("regan-sngan-cifar10-10pct")
    passes = 600 / (64 * 5)  # steps of a pass: a tenth of the images is what is counted
    given, _ = with_preset("regan-sngan-cifar10-10pct", {"data_folder": "x"})
    of_tenth = resolve(given, 600)
    assert of_tenth.optimization.steps == math.ceil(1000 * passes)
    times = of_tenth.sparsity.warmup_steps, of_tenth.sparsity.interval_steps
    assert times == (math.ceil(200 * passes), math.ceil(100 * passes))
    assert (found.sparsity.sparsity, found.sparsity.prune_scope) == (0.3, "all")
    assert (found.optimization.n_critic, found.optimization.batch_size) == (5, 64)


@pytest.mark.paper(
    "STU-GAN",
    "Liu et al. 2022, STU-GAN",
    "20 % of the generator and 30 % of the discriminator live, by Erdos-Renyi-Kernel",
)
def test_the_numbers_of_stugan():
    found = settings("stugan-sngan")[0]
    assert (found.sparsity.generator_density, found.sparsity.discriminator_density) == (0.2, 0.3)
    assert (found.sparsity.layer_densities, found.sparsity.exploration) == ("erdos-renyi-kernel", "stu")
    assert (found.sparsity.interval_steps, found.optimization.steps) == (1000, 50_000)
