import json

import pytest
from PIL import Image

from sle_gan.cli.presets import PRESETS, parse_with_preset
from sle_gan.cli.train import main
from sle_gan.cli.train_flags import parser, resolve
from sle_gan.errors import InputError
from sle_gan.run import differing_settings


def settings(*words):
    arguments, filled = parse_with_preset(parser(), ["--data-folder", "x", *words])
    return resolve(arguments), filled


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fills_in_settings_that_exist_and_go_together(name):
    found, filled = settings("--preset", name)
    assert filled == PRESETS[name].settings
    assert filled.keys() <= vars(parser().parse_args(["--data-folder", "x"])).keys() | {"diff_augment"}
    assert {key: found[key] for key in filled} == filled
    assert PRESETS[name].source


def test_the_numbers_of_the_hundred_shot_recipe():
    found, _ = settings("--preset", "stylegan2-diffaugment-100shot")
    assert found["steps"] * found["batch_size"] == 300_000
    names = ("G_learning_rate", "D_learning_rate", "adam_beta_1", "adam_beta_2", "r1_gamma", "r1_interval", "ema_kimg")
    assert [found[name] for name in names] == [0.002, 0.002, 0.0, 0.99, 10.0, 1, 10.0]
    assert (found["path_length_weight"], found["diff_augment"]) == (0.0, "color,translation,cutout")


def test_a_flag_that_is_given_wins_also_where_it_is_the_default():
    found, filled = settings("--preset", "sngan-cifar10-10pct", "--data-ratio", "1", "--resolution", "64")
    assert (found["data_ratio"], found["resolution"], found["model"]) == (1.0, 64, "sngan")
    assert filled.keys() == {"model", "steps", "diff_augment"}
    found, _ = settings("--preset", "sngan-cifar10", "--diff-augment", "color")
    assert found["diff_augment"] == "color"


def test_a_length_that_is_given_in_steps_replaces_one_in_epochs_and_the_other_way_round():
    found, _ = settings("--preset", "regan-sngan-cifar10-10pct", "--steps", "7")
    assert (found["steps"], found["epochs"]) == (7, None)
    found, filled = settings("--preset", "sngan-cifar10", "--epochs", "3")
    assert found["epochs"] == 3
    assert "steps" not in filled


def test_a_preset_is_another_way_to_write_its_flags():
    preset, _ = settings("--preset", "fastgan-fewshot-256")
    written, _ = settings("--resolution", "256")
    assert differing_settings(preset, written) == ""


def test_an_unknown_preset_lists_those_that_there_are(capsys):
    with pytest.raises(SystemExit) as end:
        settings("--preset", "sgan")
    assert end.value.code == 2
    assert "'fastgan-fewshot-256', 'regan-sngan-cifar10-10pct'" in capsys.readouterr().err


def test_a_dry_run_tells_what_was_filled_in(tmp_path, capsys):
    for index in range(3):
        Image.new("RGB", (40, 40), (80 * index, 0, 0)).save(tmp_path / f"{index}.png")
    words = f"--data-folder {tmp_path} --output-folder {tmp_path} --preset sngan-cifar10 --width 8 --seed 4 --dry-run"
    assert main([*words.split(), "--steps", "9"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == (
        "preset sngan-cifar10 (Miyato et al. 2018, arXiv:1802.05957): model sngan, resolution 32, diff-augment off"
    )
    assert {"batch_size: 64", "steps: 9", "resolution: 32", "preset: sngan-cifar10"} <= set(told)
    json.dumps(PRESETS)  # what is filled in can be kept in a configuration


def test_a_run_of_a_version_without_these_flags_is_one_of_the_same_settings():
    new, _ = settings()
    ours = (
        "adv_",
        "augment",
        "consistency",
        "diff_b",
        "diff_s",
        "diff_co",
        "diff_t",
        "diff_cu",
        "freeze",
        "init",
        "r1_on",
    )
    old = {name: value for name, value in new.items() if not name.startswith((*ours, "preset", "teacher"))}
    assert old["diff_augment"] == "color,translation"
    assert len(new) - len(old) == 20
    assert differing_settings(new | old, new | {"teacher_step": None, "teacher_sha256": None}) == ""


def test_the_depth_of_the_mapping_is_that_of_the_networks_with_styles():
    assert settings("--model", "stylegan2")[0]["mapping_layers"] == 2
    assert settings("--preset", "stylegan2-ada-256")[0]["mapping_layers"] == 8
    assert settings()[0]["mapping_layers"] is None
    with pytest.raises(InputError, match="--mapping-layers needs a network with styles"):
        settings("--mapping-layers", "8")
    with pytest.raises(InputError, match="--mapping-layers must be 16 at most; got 17"):
        settings("--model", "stylegan2", "--mapping-layers", "17")


def test_the_numbers_of_biggan_on_a_tenth_of_cifar():
    found, _ = settings("--preset", "diggan-biggan-cifar10-10pct-diffaugment")
    names = ("batch_size", "n_critic", "ema_decay", "ema_start", "dig_weight", "dig_interval", "epochs", "data_ratio")
    assert [found[name] for name in names] == [50, 4, 0.9999, 1000, 1000.0, 4, 5000, 0.1]
    assert (found["model"], found["conditional"], found["diff_augment"]) == ("biggan", True, "translation,cutout")
