"""`sle-gan import`: checkpoints of FastGAN's own code, without PyTorch."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fastgan_files import checkpoint_bytes, names_and_shapes, random_checkpoint

from sle_gan.cli.main import main
from sle_gan.pretrained.fastgan_checkpoint import equivalent_left_vector, read_fastgan

PEER = Path(__file__).parents[1] / "benchmarks" / "peers" / "write_checkpoint.py"
TORCH_PYTHON = os.environ.get("TORCH_PYTHON", sys.executable)  # of an environment with PyTorch, NumPy alone beside it
BUFFERS = ("weight_u", "weight_v", "running_mean", "running_var", "num_batches_tracked")


def parameters(table):
    return {name: array for name, array in table.items() if not name.endswith(BUFFERS)}


@pytest.fixture(scope="module")
def networks():
    return random_checkpoint(256)


@pytest.fixture
def write(torch_names, tmp_path):
    """Writes parts as a checkpoint and returns its path."""

    def written(parts):
        file = tmp_path / "all_50000.pth"
        file.write_bytes(checkpoint_bytes(parts))
        return file

    return written


def sigma_of_one_step(kernel, left):
    """Returns the sigma that the layers of this project divide a kernel by, and the kernel as their matrix."""
    matrix = kernel.astype(float).reshape(-1, kernel.shape[-1])  # [rows, channels out]
    right = matrix @ left[0]
    return np.linalg.norm(right / np.linalg.norm(right) @ matrix)


@pytest.mark.parametrize("side", [256, 512, 1024])
def test_every_array_of_a_checkpoint_comes_out_in_our_order(write, side):
    networks = random_checkpoint(side)
    read = read_fastgan(write({**networks, "opt_g": {"state": {}, "param_groups": [{"lr": 2e-4}]}}))
    assert (read.resolution, read.channels, read.width, read.left_out) == (side, 3, 8, ("opt_g",))
    assert read.average_generator is read.generator
    g, d = networks["g"], networks["d"]
    last, excited = f"feat_{side}.1.weight_orig", f"se_{min(side, 512)}.main.1.weight_orig"
    np.testing.assert_array_equal(read.generator[f"up{side}_conv1/kernel:0"], g[last].transpose(2, 3, 1, 0))
    squeeze = read.generator[f"excite{min(side, 512)}_squeeze/kernel:0"]
    np.testing.assert_array_equal(squeeze[3, 2], g[excited][:, :, 3, 2].T)
    start = read.generator["start/kernel:0"]  # [height, width, out, in]; theirs is [in, out, height, width]
    np.testing.assert_array_equal(start[1, 3, 5], g["init.init.0.weight_orig"][:, 5, 1, 3])
    np.testing.assert_array_equal(read.generator["up8_norm1/moving_variance:0"], g["feat_8.3.running_var"])
    assert read.generator["up8_noise2/scale:0"] == g["feat_8.6.weight"][0]
    np.testing.assert_array_equal(read.discriminator["head_norm/beta:0"], d["rf_big.1.bias"])
    np.testing.assert_array_equal(
        read.discriminator["decode_part32_conv/kernel:0"], d["decoder_part.main.2.1.weight_orig"].transpose(2, 3, 1, 0)
    )
    counts = [len(names) - sum(name.endswith("tracked") for name in names) for names in (g, d)]
    kernels = [sum(name.endswith("weight_v") for name in names) for names in (g, d)]  # u and v become one
    assert [len(read.generator), len(read.discriminator)] == [a - b for a, b in zip(counts, kernels, strict=True)]


def test_kernels_are_divided_by_the_sigma_that_the_checkpoint_divides_by(write, networks):
    read = read_fastgan(write(networks))
    for here, there, table, arrays in (
        ("up16_conv1", "feat_16.1", networks["g"], read.generator),
        ("excite64_gate", "se_64.main.3", networks["g"], read.generator),
        ("rgb", "to_big", networks["g"], read.generator),
        ("down8_conv2", "down_64.main.3", networks["d"], read.discriminator),
        ("small16", "down_from_small.3.main.0", networks["d"], read.discriminator),
        ("logits", "rf_big.3", networks["d"], read.discriminator),
    ):
        left, kernel, right = (table[f"{there}.{name}"] for name in ("weight_u", "weight_orig", "weight_v"))
        expected = left @ kernel.reshape(len(left), -1).astype(float) @ right
        found = sigma_of_one_step(arrays[f"{here}/kernel:0"], arrays[f"{here}/left_vector:0"])
        assert found == pytest.approx(expected, rel=1e-6), here


def test_a_vector_is_found_for_any_sigma_between_the_singular_values():
    matrix = np.diag([3.0, 2.0, 1.0])
    left = np.array([1.0, 0.0, 0.0])
    # x = (1, t, 0): |W W'x|^2 / |W'x|^2 = (81 + 16 t^2) / (9 + 4 t^2) is 2.5^2 for t^2 = (81 - 56.25) / (25 - 16).
    found = equivalent_left_vector(matrix, left, 2.5)
    assert found[1] / found[0] == pytest.approx(np.sqrt(24.75 / 9))
    np.testing.assert_array_equal(equivalent_left_vector(matrix, left, 0.5), left)  # below all of them
    np.testing.assert_allclose(equivalent_left_vector(matrix, left, 3.0), left)


@pytest.mark.parametrize("shared", [False, True])
def test_the_average_is_a_table_or_its_parameters_alone(write, networks, shared):
    g = networks["g"]
    moved = {name: np.asarray(array + 1) for name, array in g.items()}
    if shared:
        both = {part: {f"module.{name}": array for name, array in networks[part].items()} for part in "gd"}
        read = read_fastgan(write({**both, "g_ema": {f"module.{name}": array for name, array in moved.items()}}))
        buffers = moved
    else:
        read = read_fastgan(write({**networks, "g_ema": list(parameters(moved).values())}))
        buffers = g
    average = read.average_generator
    np.testing.assert_array_equal(average["small_rgb/kernel:0"], moved["to_128.weight_orig"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(average["up8_norm1/gamma:0"], moved["feat_8.3.weight"])
    np.testing.assert_array_equal(average["up8_norm1/moving_mean:0"], buffers["feat_8.3.running_mean"])
    np.testing.assert_array_equal(read.generator["up8_norm1/gamma:0"], g["feat_8.3.weight"])


class Command:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def without(table, name):
    return {key: array for key, array in table.items() if key != name}


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (lambda n, p: {**n, "g": Command(p / "ran")}, "it asks for posix.system"),
        (lambda n, p: {**n, "opt_g": Command(p / "ran")}, "it asks for posix.system"),
        (lambda n, p: {"g": n["g"]}, "with the state dicts 'g' and 'd'; it holds 'g'"),
        (
            lambda n, p: n["g"],
            "with the state dicts 'g' and 'd'; it holds 'init.init.0.weight_orig', 'init",
        ),
        (lambda n, p: {"g": n["d"], "d": n["g"]}, "it has no kernel to_128.weight_orig"),
        (lambda n, p: {**n, "g": without(n["g"], "se_64.main.3.weight_u")}, "its se_64.main.3 must be a layer of"),
        (lambda n, p: {**n, "d": without(n["d"], "rf_small.weight_orig")}, "its rf_small must be a layer of"),
        (lambda n, p: {**n, "g": {**n["g"], "mapping.0.weight": np.zeros([4, 4], np.float32)}}, "holds mapping.0"),
        (lambda n, p: {**n, "g_ema": list(n["g"].values())[:3]}, "averaged generator has 3 parameters"),
        (
            lambda n, p: {**n, "g": {**n["g"], "feat_8.3.bias": np.full(128, np.nan, np.float32)}},
            "its feat_8.3 holds numbers that are not finite",
        ),
        (
            lambda n, p: {**n, "g": {**n["g"], "init.init.0.weight_orig": np.zeros([100, 256, 4, 4], np.float32)}},
            "its latent codes have 100 numbers, not 256",
        ),
        (
            lambda n, p: {**n, "d": {**n["d"], "rf_big.0.weight_orig": np.zeros([128, 32, 1, 1], np.float32)}},
            "are not those of [128, 32, 1, 1]",
        ),
        (
            lambda n, p: {**n, "g": {**n["g"], "to_128.weight_orig": np.zeros([3, 12, 1, 1], np.float32)}},
            "its singular vectors",
        ),
        (lambda n, p: {**n, "g": {**n["g"], "feat_8.2.weight": np.zeros(2, np.float32)}}, "one scale a layer"),
    ],
)
def test_what_is_no_such_checkpoint_is_refused_in_one_line(write, networks, tmp_path, capsys, parts, told):
    file = write(parts(networks, tmp_path))
    assert main(["import", str(file), "--output-folder", str(tmp_path / "runs")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {file} must be a ")
    assert told in line
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name]  # no run, and nothing ran


def test_a_file_that_is_not_there_or_a_name_that_is_taken_is_told(write, networks, tmp_path, capsys):
    assert main(["import", str(tmp_path / "none.pth")]) == 2
    assert f"there is none at {tmp_path / 'none.pth'}" in capsys.readouterr().err
    assert main(["import", str(tmp_path)]) == 4
    (tmp_path / "runs" / "taken").mkdir(parents=True)
    (tmp_path / "runs" / "taken" / "poem.txt").touch()
    words = ["--output-folder", str(tmp_path / "runs"), "--name", "taken"]
    assert main(["import", str(write(networks)), *words]) == 2
    assert "taken exists and is no run folder; give another --name" in capsys.readouterr().err


def test_a_refusal_loads_no_tensorflow(tmp_path):
    program = "import sys; from sle_gan.cli.main import main; main(sys.argv[1:]); print('tensorflow' in sys.modules)"
    (tmp_path / "empty.pth").touch()
    command = [sys.executable, "-c", program, "import", str(tmp_path / "empty.pth")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


def has_torch():
    if sys.executable == TORCH_PYTHON:
        return importlib.util.find_spec("torch") is not None
    return Path(TORCH_PYTHON).exists()


@pytest.mark.slow
@pytest.mark.skipif(not has_torch(), reason="PyTorch is not installed; name a Python that has it by TORCH_PYTHON")
@pytest.mark.parametrize(("side", "parallel"), [(256, False), (512, True), (1024, False)])
def test_a_run_of_a_checkpoint_draws_and_judges_as_pytorch_does(tmp_path, side, parallel):
    import tensorflow as tf

    from sle_gan.assembly.building import build_networks
    from sle_gan.assembly.imported import import_fastgan
    from sle_gan.export.trained import TrainedGenerator
    from sle_gan.layers.noise import NoiseInjection
    from sle_gan.models.array_weights import assign_arrays

    rng = np.random.default_rng(side)
    codes = rng.normal(size=[3, 256]).astype(np.float32)
    images = rng.uniform(-1, 1, size=[3, 3, side, side]).astype(np.float32)
    sides = [noisy for noisy in (8, 8, 32, 32, 128, 128, 512, 512) if noisy <= side]
    noises = [
        tf.random.stateless_normal([1, size, size, 1], [number, 0]).numpy()[0, :, :, 0]
        for number, size in enumerate(sides, 1)
    ]
    named = {f"noise{number}": noise for number, noise in enumerate(noises)}
    np.savez(tmp_path / "inputs.npz", codes=codes, images=images, **named)
    file = tmp_path / "all_2.pth"
    words = ["--resolution", side, "--width", 8, "--inputs", tmp_path / "inputs.npz", "--output", file]
    command = [TORCH_PYTHON, PEER, *words, *(["--parallel"] if parallel else [])]
    subprocess.run(list(map(str, command)), check=True, timeout=600)
    expected = np.load(file.with_suffix(".npz"))

    imported = import_fastgan(file, output_folder=tmp_path / "runs")
    assert imported.left_out == ("opt_g", "opt_d")
    read = read_fastgan(file)
    assert [len(names_and_shapes(side)[part]) for part in "gd"] == [
        len(arrays)
        + sum(name.endswith("left_vector:0") for name in arrays)
        + sum(name.endswith("gamma:0") for name in arrays)
        for arrays in (read.generator, read.discriminator)
    ]
    trained = TrainedGenerator(imported.run)
    assert [layer.index for layer in trained.generator.layers if isinstance(layer, NoiseInjection)] == list(
        range(1, len(sides) + 1)
    )
    generator, discriminator = build_networks(imported.run.settings())
    assign_arrays(generator, read.generator, file)
    assign_arrays(discriminator, read.discriminator, file)
    for network, name in ((trained.generator, "drawn_average"), (generator, "drawn")):
        pictures = network(codes, training=False).numpy().transpose(0, 3, 1, 2)
        assert np.abs(expected[name]).max() > 0.1
        np.testing.assert_allclose(pictures, expected[name], atol=1e-4, rtol=0)
    assert np.abs(expected["drawn"] - expected["drawn_average"]).max() > 1e-2
    logits = discriminator(images.transpose(0, 2, 3, 1), training=False).numpy()
    np.testing.assert_allclose(logits, expected["logits"], atol=1e-4 * np.abs(expected["logits"]).max())


@pytest.mark.slow
def test_an_imported_run_trains_further_and_is_exported(write, networks, tmp_path, capsys):
    from PIL import Image

    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for number in range(4):
        pixels = rng.integers(256, size=[256, 256, 3], dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
    runs = ["--output-folder", str(tmp_path / "runs")]
    assert main(["import", str(write({**networks, "opt_g": {}})), *runs, "--name", "imported"]) == 0
    told = capsys.readouterr().out
    assert "FastGAN of 256 px, 3 channels and width 8" in told
    assert "left out: opt_g; optimizers begin anew" in told
    (line,) = [line for line in told.splitlines() if line.startswith("train it further: python train.py ")]
    words = line.replace("FOLDER", str(tmp_path / "images")).split()[5:]
    brief = ["--batch-size", "2", "--sample-frequency", "9", "--log-frequency", "1", "--steps", "1"]
    assert main(["train", *words, *brief, "--change-settings"]) == 0
    begun = ["--init-from", str(tmp_path / "runs" / "imported"), "--name", "begun", "--resolution", "256"]
    more = ["--data-folder", str(tmp_path / "images"), "--width", "8"]
    assert main(["train", *begun, *more, *brief, *runs]) == 0
    for name in ("imported", "begun"):
        assert main(["generate", "samples", name, *runs, "--seeds", "0-1", "--grid"]) == 0
    assert main(["generate", "export", "imported", *runs, "--format", "onnx"]) == 0
    assert "the same pictures as the run on 8 seeds" in capsys.readouterr().out
