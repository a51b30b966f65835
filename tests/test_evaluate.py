"""`sle-gan evaluate` on a small run of drawn flowers."""

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from inception_file import drawn_weights, write_state_dict
from PIL import Image
from run_files import settings_of
from tiny_runs import set_training_images, write_run

from sle_gan.assembly.references import read_reference_images
from sle_gan.cli.evaluate import main
from sle_gan.cli.generate import main as generate
from sle_gan.cli.main import main as sle_gan_command
from sle_gan.data.flowers import write_flowers
from sle_gan.data.folder import scan
from sle_gan.data.manifest import manifest
from sle_gan.data.pictures import opaque
from sle_gan.data.training_images import read_training_images
from sle_gan.errors import InputError
from sle_gan.evaluation import download, self_check
from sle_gan.evaluation.memorization import CopyDetector
from sle_gan.evaluation.scores import Moments, frechet_distance, kernel_distance, precision_recall, random_halves
from sle_gan.evaluation.scoring import Reference, Scoring, features_file_name, image_seeds
from sle_gan.export.trained import TrainedGenerator
from sle_gan.json_files import write_json
from sle_gan.pretrained import NETWORKS
from sle_gan.run import RunFolder

ROOT = Path(__file__).parent.parent
FAKES = 16
L1 = settings_of(reconstruction_loss="l1")


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flowers")
    write_flowers(folder, 14, 64, seed=0)
    return folder


@pytest.fixture(scope="module")
def tiny_run(flowers, tmp_path_factory):
    run, _ = write_run(tmp_path_factory.mktemp("runs") / "tiny")
    set_training_images(run, flowers)
    return run


@pytest.fixture
def copied_run(tiny_run, tmp_path):
    return RunFolder(shutil.copytree(tiny_run.path, tmp_path / "copy"))


def evaluate(run, *words):
    return main([str(run.path), "--number-of-images", str(FAKES), *map(str, words)])


def rows_of(run):
    return [json.loads(line) for line in run.metrics_file.read_text().splitlines()]


@pytest.fixture(scope="module")
def lite0():
    return NETWORKS["efficientnet-lite0"].module().feature_network()


@pytest.fixture(scope="module")
def pictures(tiny_run):
    """The training images, and the pictures that are scored with seed 3."""
    with tiny_run.locked():
        reals, _ = read_training_images(tiny_run)
    return reals, np.stack(list(TrainedGenerator(tiny_run).draw_seeds(image_seeds(3, FAKES))))


def test_a_row_holds_the_scores_of_the_averaged_generator(copied_run, lite0, pictures, capsys):
    copied_run.metrics_file.write_text('{"step": 2, "generator_loss": 1.0}\n{"step": 4, "gen')
    words = ("--network", "efficientnet-lite0", "--metrics", "fid,kid,prdc,is,diversity")
    assert evaluate(copied_run, "--seed", 3, *words) == 0
    losses, row = rows_of(copied_run)
    assert losses == {"step": 2, "generator_loss": 1.0}
    reals, fakes = pictures
    scores, memorization, diversity = row.pop("scores"), row.pop("memorization"), row.pop("diversity")
    assert row == {
        "step": 8,
        "event": "scores",
        "network": "efficientnet-lite0",
        "party": True,
        "weights_sha256": lite0.weights_sha256,
        "mode": "legacy",
        "reals": 14,
        "fakes": FAKES,
        "resolution": 64,
        "mirrored": False,
        "split": "train",
        "seed": 3,
    }
    real_features, fake_features = (lite0(images, "legacy")[0] for images in (reals, fakes))
    expected = precision_recall(real_features, fake_features)
    expected["kid"], spread = kernel_distance(real_features, fake_features, 3)
    expected["fd"] = frechet_distance(Moments().add(real_features), Moments().add(fake_features))
    halves = list(random_halves(14, 5, 3))
    floor = np.mean([kernel_distance(real_features[one], real_features[other], 3)[0] for one, other in halves])
    for name, value in expected.items():
        assert scores[f"{name}_efficientnet_lite0"]["value"] == pytest.approx(value, rel=1e-4), name
    assert scores["kid_efficientnet_lite0"] == {
        "value": pytest.approx(expected["kid"], rel=1e-4),
        "spread": pytest.approx(spread, rel=1e-3),
        "floor": pytest.approx(floor, rel=1e-3),
    }
    assert scores["is_efficientnet_lite0"]["value"] > 1
    assert len(scores) == 7
    assert memorization["network"] == diversity["network"] == "open-nsfw"  # by the judge, whatever is asked for
    ratios = CopyDetector(reals, "open-nsfw").nearest(fakes).ratios
    assert memorization["median_ratio"] == pytest.approx(np.median(ratios), rel=1e-4)
    assert memorization["near_copies"] == 0
    assert diversity["ratio"] == pytest.approx(diversity["fakes"] / diversity["reals"], rel=1e-4)
    told = capsys.readouterr().out
    assert "16 pictures against 14 training images, not mirrored, at 64 px; efficientnet-lite0 57934424, legacy" in told
    assert "kid_efficientnet_lite0" in told
    assert "with efficientnet-lite0 (flattering: this network is part of the training's loss)" in told
    assert "\nflattering: this network is part of the training's loss\n" in told
    assert "near copies (open-nsfw) 0.0%, among the training images 0.0%" in told
    assert "kid_efficientnet_lite0" in (copied_run.path / "report.html").read_text()
    with Image.open(copied_run.scores / "copies-step-000008.png") as sheet:
        assert sheet.text["step"] == "8"
        assert sheet.text["pairs"].startswith(f"seed {image_seeds(3, FAKES)[ratios.argmin()]} = ")


def test_the_judge_is_a_network_that_the_training_does_not_know(copied_run, pictures, capsys):
    assert evaluate(copied_run, "--seed", 3) == 0
    (row,) = rows_of(copied_run)
    assert (row["network"], row["party"]) == ("open-nsfw", False)
    reals, fakes = pictures
    network = NETWORKS["open-nsfw"].module().feature_network()
    real_features, fake_features = (network(images, "legacy")[0] for images in (reals, fakes))
    unit = 2 * real_features.std()
    expected, _ = kernel_distance(real_features / unit, fake_features / unit, 3)
    assert row["scores"]["kid_open_nsfw"]["value"] == pytest.approx(expected, rel=1e-4)
    levels = [row["scores"][f"swd_{side}"] for side in (16, 32, 64)]
    for part in ("value", "floor"):
        assert row["scores"]["swd"][part] == pytest.approx(np.mean([level[part] for level in levels]), rel=1e-4)
    assert all(level["value"] > level["floor"] > 0 for level in levels)
    told = capsys.readouterr().out
    assert "against 14 training images with open-nsfw; loading TensorFlow" in told
    assert "flattering" not in told
    assert "diversity (open-nsfw)" in told


def test_another_seed_and_step_give_another_row(copied_run):
    for words in (("--seed", 0), ("--seed", 1, "--step", 4)):
        assert evaluate(copied_run, "--metrics", "kid", *words) == 0
    first, other = rows_of(copied_run)
    assert first["scores"] != other["scores"]
    assert (first["step"], other["step"]) == (8, 4)
    assert first["diversity"] == {}


def test_features_of_the_training_images_are_kept_and_read_again(tiny_run, lite0, pictures, tmp_path):
    reals, fakes = pictures
    file = tmp_path / "scores" / "features.npy"

    def kid():
        scoring = Scoring(lite0, "legacy", ("kid",), reals, L1, 0, Reference(reals, "train", file))
        scored = scoring([fakes], range(FAKES), lambda done: None)
        return scored.row["scores"]["kid_efficientnet_lite0"]["value"]

    first = kid()
    np.testing.assert_array_equal(np.load(file), lite0(reals, "legacy")[0])
    np.save(file, lite0(fakes[:14], "legacy")[0])  # what is kept is what is compared with
    assert kid() != first
    file.write_bytes(file.read_bytes()[:99])
    assert kid() == first


def test_the_file_of_features_is_named_by_all_that_they_depend_on(tiny_run, lite0):
    settings = tiny_run.settings().images
    images = manifest(scan(settings.data_folder))
    names = [
        features_file_name(images, settings, lite0, "legacy"),
        features_file_name(images, settings, lite0, "clean"),
        features_file_name(images, replace(settings, resolution=128), lite0, "legacy"),
        features_file_name(images, replace(settings, fit="pad"), lite0, "legacy"),
        features_file_name({"images": images["images"][1:]}, settings, lite0, "legacy"),
    ]
    assert len(set(names)) == 5
    assert names[0] == features_file_name(images, replace(settings, data_ratio=0.5), lite0, "legacy")


def test_a_replayed_training_set_scores_0_and_is_all_copies(lite0, pictures, tmp_path):
    (reals, _), file = pictures, tmp_path / "features.npy"
    scoring = Scoring(lite0, "clean", ("fid", "kid", "prdc", "swd"), reals, L1, 0, Reference(reals, "train", file))
    row = scoring([reals[:5], reals[5:]], range(14), lambda done: None).row
    values = {name.removesuffix("_efficientnet_lite0"): score["value"] for name, score in row["scores"].items()}
    assert values["fd"] < 1e-6
    assert values["kid"] < 0  # its unbiased estimate knows that each image has its twin
    assert values["precision"] == values["recall"] == values["coverage"] == 1
    # The same images, and other places of their patches.
    assert all(value < row["scores"][name]["floor"] for name, value in values.items() if name.startswith("swd"))
    assert row["memorization"]["near_copies"] == 1
    assert row["mode"] == "clean"


def test_the_2015_inception_gives_the_names_of_the_tables(copied_run, tmp_path, monkeypatch, capsys):
    weights = tmp_path / "drawn.pth"
    write_state_dict(weights, drawn_weights())
    words = ("--network", "inception", "--inception-weights", weights, "--metrics", "fid,kid,prdc,is")
    assert evaluate(copied_run, *words) == 2
    assert "must be the 2015 Inception's weights" in capsys.readouterr().err
    checksum = hashlib.sha256(weights.read_bytes()).hexdigest()
    monkeypatch.setattr(download, "INCEPTION_SHA256", checksum)
    assert evaluate(copied_run, *words) == 0
    (row,) = rows_of(copied_run)
    assert set(row["scores"]) == {"fid", "kid", "precision", "recall", "density", "coverage", "is"}
    assert row["weights_sha256"] == checksum
    assert row["network"] == "inception"


def test_alpha_is_laid_over_the_background():
    image = np.array([[[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]]], np.uint8)
    assert opaque(image, (0, 255, 10)).tolist() == [[[[200, 100, 0], [0, 255, 10], [40, 224, 8]]]]
    assert opaque(image[..., :3], (0, 0, 0)) is not None
    np.testing.assert_array_equal(opaque(image[..., :1], (0, 0, 0)), image[..., :1])


def test_images_that_are_others_than_those_of_the_training_are_refused(copied_run, flowers, tmp_path, capsys):
    moved = shutil.copytree(flowers, tmp_path / "moved")
    (moved / "flower-00003.png").unlink()
    assert evaluate(copied_run, "--data-folder", moved) == 2
    assert "0 were added, 1 removed, 0 changed; give --data-folder" in capsys.readouterr().err


def test_pictures_that_are_copies_are_left_out_when_asked(copied_run, flowers, tmp_path, capsys):
    """The folder is made to hold what the generator draws from two of the seeds."""
    copies = tmp_path / "copies"
    shutil.copytree(flowers, copies)
    for seed, picture in zip((5, 8), TrainedGenerator(copied_run).draw_seeds([5, 8]), strict=True):
        Image.fromarray(picture[:, ::-1]).save(copies / f"copy-{seed}.jpg", quality=95)
    write_json(copied_run.manifest_file, manifest(scan(copies)))
    words = ["samples", str(copied_run.path), "--reject-copies", "--data-folder", str(copies)]
    assert generate([*words, "--seeds", "5,6,8,9", "--output", str(tmp_path / "kept")]) == 0
    told = capsys.readouterr().out
    assert "2 of 4 left out as near copies of training images: seeds 5,8\n" in told
    assert sorted(path.name for path in (tmp_path / "kept").glob("*.png")) == ["seed-000006.png", "seed-000009.png"]
    assert generate([*words, "--seeds", "8", "--output", str(tmp_path / "none")]) == 2
    assert "all pictures are near copies" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_run_in_training_is_left_alone(copied_run, capsys):
    with copied_run.locked():
        assert evaluate(copied_run) == 2
    assert "is in use by process" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "--metrics", "kid,lpips"], "must be some of fid,kid,prdc,is,swd,diversity; got 'kid,lpips'"),
        (["run", "--network", "vgg"], "invalid choice: 'vgg'"),
        (["run", "--mode", "fast"], "invalid choice: 'fast'"),
        (["run", "--number-of-images", "5"], "must be a whole number from 6; got '5'"),
        (["run", "--seed", "2147483648"], "must be a whole number from 0 to 2147483647"),
    ],
)
def test_bad_arguments_end_in_one_line_and_exit_code_2(words, told, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "RUN must be named, unless --self-check or --real and --fake are given"),
        (["no-such-run"], "no run 'no-such-run'"),
        (["{run}", "--step", "5"], "has a checkpoint of: 4, 8; got 5"),
        (["{run}", "--metrics", "is"], "such as of efficientnet-lite0 or inception; got open-nsfw"),
        (["{run}", "--inception-weights", "a.pth"], "--inception-weights needs --network inception"),
        (["{run}", "--network", "inception", "--inception-weights", "a.pth"], "a.pth is no file"),
        (["{run}", "--data-folder", "{run}"], "0 usable images"),
    ],
)
def test_what_cannot_be_scored_is_told_before_tensorflow_is_imported(tiny_run, words, told):
    code = (
        "import sys; from sle_gan.cli.main import main; code = main(['evaluate', *sys.argv[1:]]); "
        "assert 'tensorflow' not in sys.modules; sys.exit(code)"
    )
    words = [word.format(run=tiny_run.path) for word in words]
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


# --- the self-check ---


def write_cifar10(path, rows):
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
        member.size = rows.size
        archive.addfile(member, io.BytesIO(rows.tobytes()))


def test_the_self_check_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert sle_gan_command(["evaluate", "--self-check"]) == 2
    weights = tmp_path / "sle-gan" / "pt_inception-2015-12-05-6726825d.pth"
    told = f"error: the self-check needs the weights {download.INCEPTION_ADDRESS}; put them at {weights}\n"
    assert capsys.readouterr().err == told
    weights.parent.mkdir()
    weights.write_bytes(b"something")
    assert sle_gan_command(["evaluate", "--self-check"]) == 2
    archive = tmp_path / "sle-gan" / "cifar-10-binary.tar.gz"
    told = f"error: the self-check needs CIFAR-10; get {self_check.CIFAR10_ADDRESS} and put it at {archive}\n"
    assert capsys.readouterr().err == told


def test_cifar10_is_read_plane_by_plane(tmp_path, monkeypatch):
    monkeypatch.setattr(self_check, "_IMAGES", 3)
    rows = np.random.default_rng(0).integers(0, 256, [4, 3073]).astype(np.uint8)
    write_cifar10(tmp_path / "cifar.tar.gz", rows)
    images = self_check.cifar10_images(tmp_path / "cifar.tar.gz")
    assert images.shape == (3, 32, 32, 3)
    assert images[2, 5, 7].tolist() == [rows[2, 1 + plane * 1024 + 5 * 32 + 7] for plane in range(3)]
    write_cifar10(tmp_path / "cut.tar.gz", rows[:2])
    with pytest.raises(InputError, match="cannot be read"):
        self_check.cifar10_images(tmp_path / "cut.tar.gz")


def test_the_self_check_compares_with_the_published_score(lite0, pictures, monkeypatch):
    images = pictures[0]
    with pytest.raises(InputError, match=r"published 11\.24 .*: they do not agree"):
        self_check.check_score(lite0, images, lambda done: None)
    found = self_check.inception_score(lite0(images, "legacy")[1])[0]
    monkeypatch.setattr(self_check, "PUBLISHED_SCORE", found + 0.3)
    assert self_check.check_score(lite0, images, lambda done: None).endswith(": they agree")


def test_scores_against_another_folder_are_of_its_images_and_copies_of_the_training_images(
    copied_run, lite0, pictures, tmp_path, capsys
):
    others = tmp_path / "test"
    write_flowers(others, 9, 128, seed=5)  # resized as the run's images
    (others / "broken.png").write_bytes(b"no image")
    words = ("--network", "efficientnet-lite0", "--metrics", "kid", "--seed", 3, "--reference-folder", others)
    assert evaluate(copied_run, *words) == 0
    (row,) = rows_of(copied_run)
    settings = copied_run.settings().images
    reference = read_reference_images(others, settings, lambda line: None)
    _, fakes = pictures
    kid, _ = kernel_distance(lite0(reference.images, "legacy")[0], lite0(fakes, "legacy")[0], 3)
    assert row["scores"]["kid_efficientnet_lite0"]["value"] == pytest.approx(kid, rel=1e-4)
    assert (row["reals"], row["split"]) == (9, reference.split)
    assert re.fullmatch("reference [0-9a-f]{8}", row["split"])
    ratios = CopyDetector(pictures[0], "open-nsfw").nearest(fakes).ratios
    assert row["memorization"]["median_ratio"] == pytest.approx(np.median(ratios), rel=1e-4)
    told = capsys.readouterr().out
    assert f"16 pictures against 9 images of the folder ({row['split']}), not mirrored" in told
    assert "skipped broken.png" in told
    assert row["split"] in (copied_run.path / "report.html").read_text()


def test_a_reference_of_too_few_images_is_told(copied_run, tmp_path, capsys):
    write_flowers(tmp_path / "few", 3, 64, seed=5)
    assert evaluate(copied_run, "--metrics", "kid", "--reference-folder", tmp_path / "few") == 2
    assert "--reference-folder must hold 6 images at least; got 3" in capsys.readouterr().err
