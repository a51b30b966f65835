"""Runs of schema 1, whose configuration was one dictionary of all names."""

import json
from dataclasses import replace

import pytest

from sle_gan.assembly.resolve import resolve
from sle_gan.errors import InputError
from sle_gan.run import RunFolder, choose_run
from sle_gan.settings import ReconfigureSettings, SparseFromScratchSettings, TicketSearchSettings, TicketSettings
from sle_gan.settings.schema_1 import from_schema_1
from sle_gan.settings.train import differing_settings

# Of `train.py --model sngan --resolution 32 --width 8 --batch-size 4 --n-critic 1 --steps 2 --reconfigure ...`.
KEPT = {
    "preset": None,
    "output_folder": "runs",
    "name": "old",
    "resume": "auto",
    "override": False,
    "sample_frequency": 500,
    "checkpoint_frequency": 2,
    "keep_checkpoints": 3,
    "log_frequency": 1,
    "accept_data_change": False,
    "dry_run": False,
    "debug": False,
    "data_folder": "/photos/flowers",
    "conditional": False,
    "resolution": 32,
    "channels": 3,
    "fit": "crop",
    "background": "#ffffff",
    "data_ratio": 1.0,
    "held_out": 0.0,
    "strict": False,
    "flip": True,
    "cache_limit": 4096,
    "model": "sngan",
    "width": 8,
    "mapping_layers": None,
    "generator_weights": None,
    "discriminator_weights": None,
    "steps": 2,
    "epochs": None,
    "batch_size": 4,
    "n_critic": 1,
    "loss": "hinge",
    "smallest_margin": 1.0,
    "G_learning_rate": 0.0002,
    "D_learning_rate": 0.0002,
    "adam_beta_1": 0.0,
    "adam_beta_2": 0.9,
    "ema_decay": 0.999,
    "ema_kimg": None,
    "ema_start": 0,
    "reconstruction_loss": "perceptual",
    "seed": 0,
    "augment": "diff",
    "diff_brightness": 0.5,
    "diff_saturation": 1.0,
    "diff_contrast": 0.5,
    "diff_translation": 0.125,
    "diff_cutout": 0.5,
    "augment_target": 0.6,
    "augment_speed": 500.0,
    "augment_pipe": "bgc",
    "r1_gamma": 0.0,
    "r1_interval": 16,
    "r1_on": "after",
    "consistency_weight": 0.0,
    "gradient_penalty": 0.0,
    "dig_weight": 0.0,
    "dig_interval": 4,
    "path_length_weight": 0.0,
    "path_length_interval": 4,
    "kid": False,
    "kid_frequency": 2500,
    "kid_number_of_images": 1000,
    "keep_best": 1,
    "fid": False,
    "fid_frequency": 10000,
    "fid_number_of_images": 5000,
    "inception_weights": None,
    "init_from": None,
    "freeze_d": None,
    "teacher": None,
    "teacher_weight": 0.1,
    "adv_augment": False,
    "adv_gamma": 0.01,
    "adv_steps": 1,
    "adv_sign": "paper",
    "reconfigure": True,
    "sparsity": 0.3,
    "reconfigure_warmup": 1,
    "reconfigure_interval": None,
    "reconfigure_unit": "steps",
    "warmup_epoch": None,
    "prune_scope": "kernels",
    "regrow_state": "keep",
    "find_ticket": False,
    "ticket_rounds": 10,
    "ticket_rate": 0.2,
    "rewind_to": "init",
    "keep_discriminator": False,
    "prune_discriminator": False,
    "distill_weight": 0.0,
    "ticket": None,
    "ticket_masks": "found",
    "sparse_from_scratch": False,
    "generator_density": 0.2,
    "discriminator_density": 0.3,
    "layer_densities": "erdos-renyi-kernel",
    "exploration": None,
    "exploration_interval": None,
    "balance": "off",
    "strategy": "auto",
    "mixed_precision": None,
    "jit": "auto",
    "images_on_device": "auto",
    "accumulate": 1,
    "memory_limit": None,
    "diff_augment": "color,translation",
    "class_names": None,
    "round_steps": None,
    "schedule": {"warmup": 1, "interval": 2},
    "teacher_step": None,
    "teacher_sha256": None,
}
GIVEN = {
    "data_folder": "/photos/flowers",
    "model": "sngan",
    "resolution": 32,
    "width": 8,
    "batch_size": 4,
    "n_critic": 1,
    "log_frequency": 1,
    "checkpoint_frequency": 2,
    "steps": 2,
    "reconfigure": True,
    "reconfigure_warmup": 1,
    "name": "old",
}
# What FastGAN's first runs said.
FIRST = {
    "data_folder": "/photos/flowers",
    "output_folder": "runs",
    "name": None,
    "resume": "auto",
    "override": False,
    "sample_frequency": 500,
    "checkpoint_frequency": 1000,
    "keep_checkpoints": 3,
    "log_frequency": 50,
    "resolution": 256,
    "channels": 3,
    "fit": "crop",
    "background": "#ffffff",
    "model": "fastgan",
    "width": 64,
    "steps": 50000,
    "epochs": None,
    "batch_size": 8,
    "G_learning_rate": 0.0002,
    "D_learning_rate": 0.0002,
    "ema_decay": 0.999,
    "diff_augment": "color,translation",
    "seed": 0,
}


def test_what_a_run_kept_is_what_its_command_asks_for_today():
    settings = from_schema_1(KEPT)
    assert settings == resolve(GIVEN | {"rates": "paper"}, 6)
    assert settings.sparsity == ReconfigureSettings(
        reconfigure_warmup=1, warmup_steps=1, interval_steps=2, regrow_state="keep"
    )


def test_what_the_first_runs_did_not_say_is_as_it_was_then():
    first = {"data_folder": "/photos/flowers", "resolution": 256}  # the usual one then
    assert from_schema_1(FIRST) == resolve(first)
    assert from_schema_1({name: value for name, value in FIRST.items() if name != "resolution"}) == resolve(first)


@pytest.mark.parametrize(
    "given",
    [
        {"model": "fastgan"},
        {"model": "fastgan", "reconstruction_loss": "l1"},
        {"model": "sngan", "resolution": 32, "loss": "wasserstein"},
        {"model": "stylegan2", "resolution": 64},
        {"model": "biggan", "resolution": 32},
    ],
    ids=lambda given: " ".join(map(str, given.values())),
)
def test_what_follows_from_other_settings_did_so_before_there_were_names_for_it(given):
    settings = resolve({"data_folder": "x", **given})
    late = (
        *("mapping_layers", "channel_base", "channel_max", "gradient_penalty", "dig_interval", "smallest_margin"),
        "kid_network",
    )
    kept = {name: value for name, value in settings.named().items() if name not in late}
    scaled = settings.penalties.r1_gamma > 0.0  # a rate that has changed since
    assert from_schema_1(kept | {"lazy_scaling": False}) == settings
    del kept["lazy_scaling"]
    assert from_schema_1(kept).penalties == replace(settings.penalties, lazy_scaling=scaled)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (
            {"find_ticket": True, "round_steps": 50, "steps": 500, "rewind_to": "10%", "distill_weight": 0.5},
            TicketSearchSettings(rewind_to="10%", round_steps=50, distill_weight=2.0),  # of a mean, then of a sum
        ),
        (
            {"ticket": "/t.safetensors", "ticket_masks": "random"},
            TicketSettings(ticket="/t.safetensors", ticket_masks="random"),
        ),
        (
            {
                "sparse_from_scratch": True,
                "schedule": {"exploration": "set", "interval": 3, "balance_interval": 10, "total_steps": 99},
            },
            SparseFromScratchSettings(
                exploration="set",
                regrow_state="keep",
                interval_steps=3,
                balance_interval_steps=10,
                exploration_steps=99,
            ),
        ),
        ({}, None),
    ],
    ids=["search", "ticket", "scratch", "dense"],
)
def test_every_method_of_sparsity_is_read(kept, expected):
    assert from_schema_1(KEPT | {"reconfigure": False, "schedule": None} | kept).sparsity == expected


def test_a_run_goes_on_and_other_settings_are_told(tmp_path):
    run = RunFolder(tmp_path / "old")
    run.path.mkdir()
    content = {"schema": 1, "settings": KEPT, "versions": {"python": "3.11.7"}, "command": ["train.py"]}
    run.config_file.write_text(json.dumps(content))
    run.checkpoints.mkdir()
    (run.checkpoints / "ckpt-1.index").touch()
    asked = GIVEN | {"output_folder": str(tmp_path)}
    assert choose_run("label", resolve(asked | {"steps": 9}, 6), resume=True, override=False).path == run.path
    with pytest.raises(InputError, match=r"\(reconfigure_warmup 1, asked for 3; seed 0, asked for 5\)"):
        choose_run("label", resolve(asked | {"seed": 5, "reconfigure_warmup": 3}, 6), resume=True, override=False)
    assert run.config().versions == {"python": "3.11.7"}


def test_of_methods_that_were_not_asked_for_nothing_differs():
    assert differing_settings(from_schema_1(KEPT | {"ticket_rounds": 3, "adv_gamma": 0.5}), from_schema_1(KEPT)) == ""
