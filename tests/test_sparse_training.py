import json
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from processes import final_state, script, wait_for

from sle_gan.cli.train import main
from sle_gan.data.folder import scan, subsample
from sle_gan.models import MODELS
from sle_gan.models.discriminators.fastgan import discriminator as build_discriminator
from sle_gan.models.generators.fastgan import generator as build_generator
from sle_gan.models.pairing import training_graph
from sle_gan.run import RunFolder
from sle_gan.sparsity.flops import layer_macs, training_macs_per_step
from sle_gan.sparsity.selection import live_count

SMALL = ["--resolution", "64", "--width", "8", "--batch-size", "4", "--reconstruction-loss", "l1", "--name", "run"]
SNGAN = ["--model", "sngan", "--resolution", "32", "--n-critic", "1"]  # trains in half of the time
METHODS = {
    "reconfigure": "--steps 14 --reconfigure --reconfigure-warmup 4 --reconfigure-interval 3 --regrow-state reset",
    "find_ticket": "--steps 5 --find-ticket --ticket-rounds 3 --rewind-to 20% --prune-discriminator --distill-weight 1",
    "sparse_from_scratch": "--steps 14 --sparse-from-scratch --exploration-interval 3",
    "balance": f"{' '.join(SNGAN)} --width 1 --steps 1040 --sparse-from-scratch --balance strict "
    "--checkpoint-frequency 520 --log-frequency 520 --sample-frequency 9999",
}
OFTEN = ["--checkpoint-frequency", "3", "--log-frequency", "2", "--sample-frequency", "5"]


def words_of(photographs, output, *more):
    return ["--data-folder", str(photographs), "--output-folder", str(output), *SMALL, *OFTEN, *more]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_sparse_training_that_was_killed_ends_as_one_that_was_left_alone(method, photographs, tmp_path):
    alone, broken = (words_of(photographs, tmp_path / name, *METHODS[method].split()) for name in ("alone", "broken"))
    run, expected_run = RunFolder(tmp_path / "broken" / "run"), RunFolder(tmp_path / "alone" / "run")
    with subprocess.Popen(script(*broken), stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: (run.latest_step() or 0) >= 6, process)
        process.kill()
    assert run.latest_step() < run.settings().optimization.steps
    for words in (broken, alone):
        subprocess.run(script(*words), stdout=subprocess.DEVNULL, check=True)
    arrays, metrics = final_state(run)
    expected, expected_metrics = final_state(expected_run)
    assert arrays.keys() == expected.keys()
    assert any("masks" in name for name in arrays)
    assert [name for name, value in arrays.items() if not np.array_equal(value, expected[name])] == []
    assert metrics == expected_metrics
    assert run.densities_file.read_bytes() == expected_run.densities_file.read_bytes()
    tickets = sorted(file.name for file in run.tickets.glob("ticket-*")) if run.tickets.exists() else []
    assert len(tickets) == (3 if method == "find_ticket" else 0)
    for name in tickets:
        assert (run.tickets / name).read_bytes() == (expected_run.tickets / name).read_bytes()


@pytest.fixture(scope="module")
def reconfigured(photographs, tmp_path_factory):
    output = tmp_path_factory.mktemp("sparse")
    words = words_of(photographs, output, "--reconfigure", "--reconfigure-warmup", "2", "--g", "2", "--sparsity", "0.4")
    assert main([*words, "--steps", "4", "--checkpoint-frequency", "2", "--keep-checkpoints", "9"]) == 0
    return RunFolder(output / "run")


def test_the_averaged_generator_is_pruned_with_the_other(reconfigured):
    reader = tf.train.load_checkpoint(str(reconfigured.checkpoints / "ckpt-4"))
    kernels = [
        reader.get_tensor(name)
        for name, shape in reader.get_variable_to_shape_map().items()
        if name.startswith("average_generator/") and len(shape) == 4
    ]
    assert len(kernels) == 11
    shares = [float(np.mean(kernel == 0)) for kernel in kernels]
    assert np.allclose(shares, 0.4, atol=0.01)


def test_metrics_tell_densities_live_parameters_and_theoretical_flops(reconfigured):
    rows = [json.loads(line) for line in reconfigured.metrics_file.read_text().splitlines()]
    assert [round(row["generator_density"], 3) for row in rows] == [0.6, 0.6]
    assert rows[0]["live_parameters"] == _live_parameters_at(0.6)
    # Two of four steps were made at 60 % of the generator's MACs.
    assert rows[0]["training_flops_share"] == 1.0
    assert rows[1]["training_flops_share"] == pytest.approx(_share_after_two_sparse_steps(), abs=1e-4)


def _live_parameters_at(density):
    generator = build_generator(64, 3, 8, 0)
    trainable = sum(v.shape.num_elements() for v in generator.trainable_variables)
    return trainable - sum(
        v.shape.num_elements() - live_count(v.shape.num_elements(), density)
        for v in generator.trainable_variables
        if v.shape.rank == 4
    )


def _share_after_two_sparse_steps():
    graph = training_graph(MODELS["fastgan"].pair(), build_generator(64, 3, 8, 0), build_discriminator(64, 3, 8, 0))
    generator = layer_macs(build_generator(64, 3, 8, 0))
    discriminator = sum(layer_macs(graph.discriminator).values())
    reconstruction = 4 * 3 * sum(layer_macs(graph.decoders).values())  # judged by l1
    dense = training_macs_per_step(sum(generator.values()), discriminator, 4, 1) + reconstruction
    sparse = training_macs_per_step(0.6 * sum(generator.values()), discriminator, 4, 1) + reconstruction
    return (2 * dense + 2 * sparse) / (4 * dense)


def test_densities_are_written_at_every_change_and_plotted(reconfigured):
    rows = [json.loads(line) for line in reconfigured.densities_file.read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 2]
    assert set(rows[0]["generator"].values()) == {1.0}
    assert all(abs(density - 0.6) < 0.01 for density in rows[1]["generator"].values())
    assert reconfigured.density_plot.read_bytes().startswith(b"\x89PNG")


def test_the_phases_of_a_run_stay_where_they_are_when_it_is_made_longer(photographs, tmp_path, capsys):
    words = words_of(photographs, tmp_path, *SNGAN, "--reconfigure")
    assert main([*words, "--steps", "8"]) == 0
    assert "sparsity: steps 2 to 4: sparse, 30% pruned" in capsys.readouterr().out
    assert main([*words, "--steps", "16", "--dry-run"]) == 0
    assert "sparsity: steps 2 to 4: sparse, 30% pruned" in capsys.readouterr().out


def test_a_share_of_the_images_is_drawn_by_the_seed_and_listed(photographs, tmp_path):
    assert main(words_of(photographs, tmp_path, *SNGAN, "--steps", "1", "--data-ratio", "0.5", "--seed", "4")) == 0
    manifest = json.loads(RunFolder(tmp_path / "run").manifest_file.read_text())
    drawn = [[image.path for image in subsample(scan(photographs), 0.5, seed).images] for seed in range(6)]
    assert [len(paths) for paths in drawn] == [3] * 6
    assert [image["path"] for image in manifest["images"]] == drawn[4]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--reconfigure --find-ticket", "one method of sparsity at a time; got --reconfigure and --find-ticket"),
        ("--ticket nowhere.safetensors", "--ticket nowhere.safetensors is no file"),
        ("--ticket-masks random", "needs the --ticket"),
        ("--reconfigure --warmup-epoch 2 --reconfigure-warmup 3", "two names of one time"),
    ],
)
def test_flags_that_do_not_go_together_are_told(words, told, photographs, tmp_path, capsys):
    assert main(words_of(photographs, tmp_path, *words.split())) == 2
    assert told in capsys.readouterr().err


def test_a_pickle_is_no_ticket(photographs, tmp_path, capsys):
    file = tmp_path / "ticket.safetensors"
    file.write_bytes(b"\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93.")
    assert main(words_of(photographs, tmp_path / "out", "--ticket", str(file), "--steps", "1")) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_the_timeline_of_every_method_is_told_before_training(photographs, tmp_path, capsys):
    for method, expected in (
        ("--find-ticket --ticket-rounds 2 --rewind-to 10%", "round 2: to step 190, then 64.0% of the kernels"),
        ("--sparse-from-scratch", "the generator's masks change every 2 steps (stu)"),
        ("--steps 1001 --sparse-from-scratch --balance relaxed", "the balance every 20 steps, from step 1000 on"),
        ("--reconfigure --warmup-epoch 4 --g 2", "steps 6 to 9: sparse, 30% pruned"),
    ):
        assert main(words_of(photographs, tmp_path, *SNGAN, "--steps", "100", *method.split(), "--dry-run")) == 0
        assert expected in capsys.readouterr().out
