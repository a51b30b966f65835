import contextlib
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tiny_runs import write_run

from sle_gan.cli.generate import main
from sle_gan.errors import InputError, StorageError
from sle_gan.export.formats import FORMATS, check_format
from sle_gan.export.formats.exporting import Drawn, Source, export_as
from sle_gan.export.trained import TrainedGenerator

CODES = ["onnx", "lite"]  # formats that draw codes


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "tiny", steps=(8,), data_folder="/home/ada/photos")[0]


@pytest.fixture(scope="module")
def trained(run):
    return TrainedGenerator(run)


@pytest.fixture(scope="module")
def classed(tmp_path_factory):
    run, _ = write_run(tmp_path_factory.mktemp("runs") / "classed", class_names=("asters", "roses"), steps=(8,))
    return TrainedGenerator(run)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    """The folder of each format, of seeds 3 to 9, and what was told."""
    folder, told = tmp_path_factory.mktemp("exports"), io.StringIO()
    with contextlib.redirect_stdout(told):
        for name in CODES:
            words = ["export", str(run.path), "--format", name, "--output", str(folder / name)]
            assert main([*words, "--seeds", "3-9"]) == 0
    return folder, told.getvalue()


def run_guide(folder):
    """Runs the program in the README of an export in a process of its own, and returns its pictures and its modules."""
    (program,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), flags=re.DOTALL)
    program += "\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True, timeout=120
    )
    pictures = [np.asarray(Image.open(folder / f"picture-{number}.png")) for number in range(7)]
    return np.stack(pictures).astype(int), json.loads(done.stdout)


@pytest.mark.parametrize("name", CODES)
def test_an_export_draws_the_pictures_of_the_run_without_this_package_or_tensorflow(trained, exported, name):
    pictures, modules = run_guide(exported[0] / name / "1")
    assert [module for module in modules if module.startswith(("sle_gan", "tensorflow", "tf_keras"))] == []
    expected = np.stack(list(trained.draw_seeds(range(3, 10))))
    assert np.abs(pictures - expected).max() <= 1
    description = json.loads((exported[0] / name / "1" / "generator.json").read_text())
    assert (description["run"], description["step"], description["resolution"]) == ("tiny", 8, 64)
    assert list(description["inputs"]) == ["z"]


def test_weights_are_numbers_that_safetensors_reads_alone(run, trained, tmp_path):
    assert main(["export", str(run.path), "--format", "weights", "--output", str(tmp_path)]) == 0
    assert sorted(path.name for path in (tmp_path / "1").iterdir()) == ["generator.json", "generator.safetensors"]
    program = (
        "import json, sys, numpy, safetensors.numpy\n"
        "arrays = safetensors.numpy.load_file('generator.safetensors')\n"
        "sums = {name: float(numpy.abs(array).sum()) for name, array in arrays.items()}\n"
        "print(json.dumps([sums, sorted(sys.modules)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path / "1", capture_output=True, text=True, check=True, timeout=120
    )
    sums, modules = json.loads(done.stdout)
    assert [module for module in modules if module.startswith(("sle_gan", "tensorflow"))] == []
    expected = {variable.name: float(np.abs(variable.numpy()).sum()) for variable in trained.generator.variables}
    assert sums == pytest.approx(expected, rel=1e-5)
    description = json.loads((tmp_path / "1" / "generator.json").read_text())
    assert (description["settings"]["network"]["width"], description["step"]) == (8, 8)
    assert "/home/ada" not in json.dumps(description)


def test_onnx_is_of_opset_17_and_takes_any_batch(exported):
    import onnx

    model = onnx.load(exported[0] / "onnx" / "1" / "generator.onnx")
    onnx.checker.check_model(model)
    assert [(opset.domain, opset.version) for opset in model.opset_import if not opset.domain] == [("", 17)]
    (given,), (drawn,) = model.graph.input, model.graph.output
    assert (given.name, drawn.name) == ("z", "images")
    assert [dim.dim_param or dim.dim_value for dim in drawn.type.tensor_type.shape.dim] == ["batch", 64, 64, 3]
    assert "RandomNormal" not in {node.op_type for node in model.graph.node}


def test_weights_in_16_bits_are_half_as_large_and_their_difference_is_told(exported):
    folder, told = exported
    sizes = [(folder / "lite" / "1" / f"generator{end}.tflite").stat().st_size for end in ("", "-float16")]
    assert sizes[1] < 0.6 * sizes[0]
    (line,) = [line for line in told.splitlines() if line.startswith("generator")]
    match = re.fullmatch(r"generator-float16.tflite: (\S+) of 255 beside them on average, (\d+) at most", line)
    assert 0 < float(match[1]) < 1 <= int(match[2])


@pytest.mark.parametrize("name", CODES)
def test_an_export_of_a_run_with_classes_takes_labels(classed, tmp_path, name):
    folder = export_as(name, Source(classed, range(7)), tmp_path).folder
    pictures, _ = run_guide(folder)
    assert np.abs(pictures - np.stack(list(classed.draw_seeds(range(7))))).max() <= 1
    description = json.loads((folder / "generator.json").read_text())
    assert description["classes"] == ["asters", "roses"]
    assert "0 asters, 1 roses" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (lambda own: own ^ np.uint8(4), r"part of the export must draw the run's pictures; .* up to [45] of 255"),
        (lambda own: np.full(own.shape, np.nan, np.float32), "part of the export draws numbers that are not finite"),
    ],
)
def test_an_export_that_draws_other_pictures_is_not_kept(trained, tmp_path, monkeypatch, images, told):
    own = np.stack(list(trained.draw_seeds(range(8))))
    monkeypatch.setattr("sle_gan.export.formats.onnx.write", lambda source, folder: None)
    monkeypatch.setattr("sle_gan.export.formats.onnx.draw", lambda source, folder: {"part": Drawn(images(own))})
    with pytest.raises(StorageError, match=told):
        export_as("onnx", Source(trained), tmp_path / "exports")
    assert [path.name for path in (tmp_path / "exports").iterdir()] == [".sle-gan-output"]


def test_a_format_whose_library_is_missing_names_the_mend(run, tmp_path, capsys, monkeypatch):
    for name, row in FORMATS.items():
        for module in row.packages:
            monkeypatch.setitem(sys.modules, module, None)
        if not row.packages:
            continue
        assert main(["export", str(run.path), "--format", name, "--output", str(tmp_path / "none")]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"--format {name} needs the extra `{row.extra}`" in line
        assert f"pip install {' '.join(row.packages.values())}" in line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--format", "saved-model", "--seeds", "1"], "--seeds goes with --format onnx, lite or web; got saved-model"),
        (["--format", "onnx", "--step", "3"], "--step must be one that"),
        (["--format", "weights", "--truncation", "0.5"], "--truncation goes with --format saved-model"),
        (
            ["--format", "onnx", "--truncation", "0.5"],
            "--space w and styles in --latents need",
        ),
    ],
)
def test_what_cannot_be_exported_ends_in_one_line(run, tmp_path, capsys, words, told):
    assert main(["export", str(run.path), *words, "--output", str(tmp_path / "none")]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_is_refused():
    with pytest.raises(InputError, match=r"--format must be one of saved-model, onnx, lite.*; got 'pickle'"):
        check_format("pickle")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "lite", "saved-model"])
def test_an_export_of_a_network_with_styles_draws_at_the_truncation_that_is_asked_for(tmp_path, capsys, name):
    run, _ = write_run(tmp_path / "styled", model="stylegan2", steps=(8,))
    words = ["export", str(run.path), "--format", name, "--truncation", "0.3", "--output", str(tmp_path / name)]
    assert main(words) == 0  # which compares the pictures with those of the run at this truncation
    assert "at a truncation of 0.3" in capsys.readouterr().out
    (description,) = (tmp_path / name).glob("1/**/generator.json")
    assert json.loads(description.read_text())["truncation"] == 0.3
    if name == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(tmp_path / name / "1" / "generator.onnx")
        (images,) = session.run(None, {"z": np.load(tmp_path / name / "1" / "codes.npz")["z"][:2]})
        pixels = (images * 127.5 + 127.5).clip(0, 255)
        truncated, whole = (np.stack(list(TrainedGenerator(run, truncation=t).draw_seeds([0, 1]))) for t in (0.3, None))
        assert np.abs(pixels - truncated).max() <= 1
        assert np.abs(pixels - whole).mean() > 1


@pytest.mark.slow
@pytest.mark.parametrize("model", ["alphagan", "autogan", "biggan", "sngan", "stylegan2"])
def test_every_generator_can_be_exported(tmp_path, model):
    trained = TrainedGenerator(write_run(tmp_path / model, model=model, steps=(8,))[0])
    for name in (*CODES, "weights"):
        differences = export_as(name, Source(trained), tmp_path / name).differences
        assert max(part.largest for part in differences.values() if not part.rounded) <= 1
