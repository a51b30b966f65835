"""Every network of the table through the real programs: train, resume, generate."""

import json
import subprocess

import numpy as np
import pytest
from PIL import Image
from processes import assert_same_end
from test_cli import script

from sle_gan.assembly.resolve import resolve
from sle_gan.cli.generate import main as generate
from sle_gan.cli.train import main as train
from sle_gan.cli.train_flags import parse
from sle_gan.errors import InputError
from sle_gan.run import RunFolder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for index in range(7):
        coarse = rng.integers(0, 256, size=(4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((40, 36), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return folder


def words(pictures, output, name, *more):
    fixed = "--resolution 32 --width 8 --batch-size 4 --log-frequency 1 --sample-frequency 2"
    return ["--data-folder", str(pictures), "--output-folder", str(output), "--name", name, *fixed.split(), *more]


def settings(**given):
    return resolve({"data_folder": "x", **given})


@pytest.mark.paper(
    "SNGAN",
    "Miyato et al. 2018, arXiv:1802.05957",
    "5 steps of the discriminator, 2e-4, betas 0 and 0.9, batch 64; FastGAN's 2e-4, 0.5 and 0.999, batch 8 beside it",
)
def test_what_is_not_given_is_as_in_the_networks_paper():
    fastgan, sngan = settings(), settings(model="sngan", resolution=64)
    names = ("n_critic", "G_learning_rate", "D_learning_rate", "adam_beta_1", "adam_beta_2", "ema_decay", "batch_size")
    assert [getattr(fastgan.optimization, name) for name in names] == [1, 2e-4, 2e-4, 0.5, 0.999, 0.999, 8]
    assert [getattr(sngan.optimization, name) for name in names] == [5, 2e-4, 2e-4, 0.0, 0.9, 0.999, 64]
    assert fastgan.network.width == sngan.network.width == 64


@pytest.mark.paper(
    "StyleGAN2",
    "Karras et al. 2020, arXiv:2006.06676",
    "0.0025, betas 0 and 0.99, R1 every 16 steps by 0.0002 side² / batch, half-life of 10 kimg",
)
def test_stylegan2_has_the_settings_of_its_papers():
    given = settings(model="stylegan2", resolution=128, batch_size=32)
    names = ("loss", "n_critic", "G_learning_rate", "D_learning_rate", "adam_beta_1", "adam_beta_2")
    values = [getattr(given.optimization, name) for name in names]
    assert values == ["non-saturating", 1, 0.0025, 0.0025, 0.0, 0.99]
    assert given.penalties.r1_interval == 16
    assert given.penalties.r1_gamma == pytest.approx(0.1024)
    assert (given.optimization.ema_decay, given.optimization.ema_kimg) == (None, 10.0)
    assert given.penalties.path_length_weight == 0.0


@pytest.mark.paper(
    "BigGAN",
    "Brock et al. 2019, arXiv:1809.11096; Zhao et al. 2020, arXiv:2006.10738",
    "batch, steps of the discriminator, rates, betas, width and average at 32, 64 and 128 px",
)
def test_biggan_has_the_settings_of_its_papers_at_each_resolution():
    names = ("batch_size", "n_critic", "G_learning_rate", "D_learning_rate", "adam_beta_1", "adam_beta_2")
    recipes = {side: settings(model="biggan", resolution=side) for side in (32, 64, 128)}
    assert [getattr(recipes[32].optimization, name) for name in names] == [50, 4, 2e-4, 2e-4, 0.0, 0.999]
    assert [getattr(recipes[64].optimization, name) for name in names] == [256, 1, 1e-4, 4e-4, 0.0, 0.999]
    assert [recipe.network.width for recipe in recipes.values()] == [256, 80, 96]
    averages = [(recipe.optimization.ema_decay, recipe.optimization.ema_start) for recipe in recipes.values()]
    assert averages == [(0.9999, 1000)] * 3
    assert (settings().optimization.ema_start, settings(ema_start=7).optimization.ema_start) == (0, 7)


def test_the_average_is_set_in_one_way():
    by_decay = settings(model="stylegan2", ema_decay=0.9).optimization
    assert (by_decay.ema_decay, by_decay.ema_kimg) == (0.9, None)
    by_kimg = settings(ema_kimg=2).optimization
    assert (by_kimg.ema_decay, by_kimg.ema_kimg) == (None, 2.0)


def test_path_lengths_need_styles():
    with pytest.raises(InputError, match="--path-length-weight needs a network with styles, such as stylegan2"):
        settings(path_length_weight=2)


def test_what_is_given_wins_also_where_it_is_zero():
    given = settings(adam_beta_1=0, n_critic=2, width=16, ema_decay=0)
    optimization = given.optimization
    assert (optimization.adam_beta_1, optimization.n_critic, optimization.ema_decay) == (0.0, 2, 0.0)
    assert given.network.width == 16
    assert resolve(parse(["--data-folder", "x", "--width", "--seed", "1"]).settings).network.width == 64


def test_penalties_that_are_not_given_follow_from_the_loss_and_the_turns():
    names = ("r1_gamma", "gradient_penalty", "dig_weight", "dig_interval")
    fastgan, sngan = settings(), settings(model="sngan", resolution=64, loss="wasserstein")
    assert (fastgan.optimization.loss, fastgan.optimization.smallest_margin) == ("hinge", 0.8)
    assert [getattr(fastgan.penalties, name) for name in names] == [0.0, 0.0, 0.0, 4]
    assert (sngan.optimization.loss, sngan.optimization.smallest_margin) == ("wasserstein", 1.0)
    assert [getattr(sngan.penalties, name) for name in names] == [0.0, 10.0, 0.0, 5]
    given = settings(loss="wasserstein", gradient_penalty=0, dig_interval=2).penalties
    assert (given.gradient_penalty, given.dig_interval) == (0.0, 2)


def test_a_resolution_of_another_network_is_refused():
    with pytest.raises(InputError, match=r"--resolution must be one of \(32, 48, 64, 128\) for sngan; got 256"):
        settings(model="sngan", resolution=256)


@pytest.mark.paper("FastGAN", "SLE-GAN's documentation", "512 px where nothing else is asked for")
def test_the_usual_resolution_is_512_or_the_largest_below_that_both_networks_have():
    def side(**given):
        return settings(**given).images.resolution

    assert (side(), side(model="stylegan2"), side(model="sngan"), side(model="biggan")) == (512, 512, 128, 128)
    assert side(discriminator="sngan") == 128
    assert side(model="biggan", discriminator="biggan-brock") == 64
    assert settings(model="biggan", discriminator="biggan-brock").network.width == 80  # of the recipe of 64 px
    assert side(resolution=256) == 256


MODELS = (
    "--model sngan --n-critic 3 --r1-gamma 1 --r1-interval 2",
    "--model biggan --n-critic 2 --r1-gamma 1 --r1-interval 2 --ema-start 2 --accumulate 2",
    "--model stylegan2 --r1-interval 2 --path-length-weight 2 --path-length-interval 2",
)


@pytest.mark.slow
@pytest.mark.parametrize("more", MODELS)
def test_a_network_trains_goes_on_and_draws(pictures, tmp_path, more, capfd):
    for steps in ("2", "3"):
        assert train(words(pictures, tmp_path, "run", *more.split(), "--steps", steps)) == 0
    assert "remapper" not in capfd.readouterr().err  # TensorFlow's, which fails on these networks
    run = RunFolder(tmp_path / "run")
    rows = [row for row in map(json.loads, run.metrics_file.read_text().splitlines()) if "event" not in row]
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert [row["penalty"] > 0 for row in rows] == ([True, False, True] if "stylegan2" in more else [True] * 3)
    assert generate(["samples", str(run.path), "--seeds", "0-3", "--output", str(tmp_path / "out")]) == 0
    drawn = [np.asarray(Image.open(tmp_path / "out" / f"seed-{seed:06d}.png")) for seed in range(4)]
    assert np.shape(drawn) == (4, 32, 32, 3)
    assert np.abs(drawn[0].astype(int) - drawn[1]).max() > 0
    assert generate(["export", str(run.path), "--output", str(tmp_path / "exported")]) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        *MODELS,
        "--model fastgan --resolution 64 --rates paper --mixed-precision bfloat16",
        "--model sngan --n-critic 1 --mixed-precision bfloat16 --reconfigure --reconfigure-warmup 1 "
        "--reconfigure-interval 1",
    ],
)
def test_a_run_that_was_stopped_ends_bit_for_bit_as_one_that_was_left_alone(pictures, tmp_path, more):
    # In processes of their own: the names in a graph, which order its sums, depend on what was built before it.
    for name, steps in (("whole", "5"), ("broken", "3"), ("broken", "5")):
        run_words = words(pictures, tmp_path, name, *more.split(), "--steps", steps)
        subprocess.run(script(*run_words), stdout=subprocess.DEVNULL, check=True)
    assert_same_end(RunFolder(tmp_path / "broken"), RunFolder(tmp_path / "whole"))
