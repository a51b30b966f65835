"""Advice is checked against the run that gets it: a training accepts whatever is advised to it."""

import re
import shlex

import numpy as np
import pytest
from PIL import Image
from run_files import losses, scores

from sle_gan.assembly.advice import accepts_for, accepts_for_run
from sle_gan.assembly.plan import plan_training
from sle_gan.assembly.resolve import resolve
from sle_gan.cli.doctor import describe_estimate
from sle_gan.cli.search import parse as parse_search
from sle_gan.cli.train_flags import parse
from sle_gan.data.doctor import describe_diagnosis, diagnose
from sle_gan.data.folder import scan
from sle_gan.data.manifest import manifest
from sle_gan.evaluation.health import COLLAPSING, HEALTHY, NOT_FINITE, OVERFITS, judge
from sle_gan.run import start_run
from sle_gan.run_config import RunConfig
from sle_gan.settings.advice import as_flags

STEPS = range(50, 1001, 50)
KID = [
    scores(step, scores={"kid_efficientnet_lite0": {"value": value, "spread": 2.0, "floor": 1.0}})
    for step, value in zip(range(200, 1001, 200), (60, 40, 41, 39.5, 40), strict=True)
]
LOGITS = {"train_logits": 0.5, "held_out_logits": -0.3, "drawn_logits": -0.5, "held_out_below": 0.9}
ROWS = {
    NOT_FINITE: losses(*STEPS, generator_loss=lambda step: float("nan") if step == 100 else 0.1),
    COLLAPSING: [*losses(*STEPS), scores(1000, diversity={"ratio": 0.1})],
    OVERFITS: losses(*STEPS, real_signs=0.9),
    f"{OVERFITS} by held-out images": losses(*STEPS, **LOGITS),
    "no gain since step 400": losses(*STEPS) + KID,
}
TICKETS = "--find-ticket --ticket-rounds 3"
RUNS = {  # the folder, its command, and how each verdict is answered
    "plain": ("many", "", ["G", "cutout", "held-out", "cutout", "--steps 400"]),
    "no augmentation": (
        "many",
        "--no-diff-augment",
        ["G", "--diff-augment", "--diff-augment", "--diff-augment", "400"],
    ),
    "adaptive": ("many", "--augment ada", ["G", "G", "held-out", "--D-learning-rate", "--steps 400"]),
    "three images": ("three", "", ["G", "cutout", "cutout", "cutout", "--steps 400"]),
    "three images, adaptive": ("three", "--augment ada", ["G", "G", "D-learning-rate", "D-learning-rate", "400"]),
    "classes of one image": ("single", "--conditional", ["G", "cutout", "cutout", "cutout", "--steps 400"]),
    "few for KID": ("six", "--kid", ["G", "cutout", "cutout", "cutout", "--steps 400"]),
    "tickets": ("many", TICKETS, ["G", "cutout", "held-out", "cutout", None]),
    "a late warm-up": ("many", "--reconfigure --reconfigure-warmup 600", ["G", "cutout", "held-out", "cutout", None]),
    "a balance": (
        "many",
        "--sparse-from-scratch --balance strict --steps 1010",
        ["G", "cutout", "held-out", "cutout", None],
    ),
    "epochs": ("many", "--epochs 100", ["G", "cutout", "held-out", "cutout", "--epochs"]),
    "growing": ("many", "--model progan --growth-images 1000", ["G", "cutout", HEALTHY, "cutout", None]),
    "preset": (
        "many",
        "--preset stylegan2-ada-256 --resolution 64",
        ["G", "G", "held-out", "D-learning", "--steps 400"],
    ),
    "search": ("many", "search", ["G", "cutout", "held-out", "cutout", "--rounds"]),
}


def draw(folder, names, size=(70, 70), mode="RGB"):
    rng = np.random.default_rng(0)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, size=(*size[::-1], len(mode)), dtype=np.uint8)
        Image.fromarray(pixels.squeeze(), mode).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("advised")
    several = {"many": range(40), "three": range(3), "six": range(6)}
    for name, numbers in several.items():
        draw(place / name, [f"{number}.png" for number in numbers])
    draw(place / "single", [f"{name}/0.png" for name in "abcdefghijkl"])
    draw(place / "grey", [f"{number}.png" for number in range(6)], (70, 40), "L")
    draw(place / "clear", [f"{number}.png" for number in range(6)], (40, 90), "RGBA")
    rng = np.random.default_rng(1)
    (place / "deep").mkdir()
    for number in range(6):
        Image.fromarray(rng.uniform(-3, 2, (40, 120)).astype(np.float32)).save(place / "deep" / f"{number}.tiff")
    return place


def planned(folder, output, words):
    if words[:1] == ["search"]:
        given = parse_search([str(folder), "--output-folder", str(output), *words[1:]])
    else:
        given = parse(["--data-folder", str(folder), "--output-folder", str(output), *words])
    return plan_training(given.settings, given.command)


def without_what_takes_the_place(words, flags):
    """A person who follows advice to augment leaves out the flag that turns augmentation off."""
    return [word for word in words if not (word == "--no-diff-augment" and flags[0] == "--diff-augment")]


@pytest.mark.parametrize("name", RUNS)
def test_a_training_takes_whatever_its_verdict_suggests(folders, tmp_path, name):
    folder, text, answers = RUNS[name]
    words = text.split()
    length = [] if {"--epochs", "--steps", "search"} & set(words) else ["--steps", "1000"]
    if "search" not in words and "--preset" not in words:
        length += ["--rates", "paper"]
    before = planned(folders / folder, tmp_path, [*words, *length])
    with before.run.locked():
        start_run(before.run, RunConfig(before.settings, {}, []), manifest(before.folder, before.held_out))
    accepts = accepts_for_run(before.run)
    for (verdict, rows), answer in zip(ROWS.items(), answers, strict=True):
        found = judge(sorted(rows, key=lambda row: row["step"]), before.settings, accepts)
        assert found.verdict == (HEALTHY if answer == HEALTHY else verdict.partition(" by ")[0])
        if answer in {None, HEALTHY}:
            assert found.suggestion is None
            continue
        flags = shlex.split(found.suggestion)
        assert answer in found.suggestion
        planned(folders / folder, tmp_path, [*without_what_takes_the_place(words, flags), *length, *flags])


@pytest.mark.parametrize("verdict", ROWS)
def test_a_training_that_takes_nothing_is_suggested_nothing(folders, tmp_path, verdict):
    settings = planned(folders / "many", tmp_path, ["--steps", "1000"]).settings
    rows = sorted(ROWS[verdict], key=lambda row: row["step"])
    assert judge(rows, settings, lambda changes: False).suggestion is None


FLAG_OF_TRAINING = re.compile(r"(--(?!pairs)[a-z]\S*(?: (?!for|is|keeps|colors|learns|fits|takes|and|to)[^\s:;,]\S*)?)")
TRAININGS = [
    "",
    "--model sngan",
    "--model sngan --resolution 128",
    "--discriminator projected --resolution 256",
    "--fit pad",
]


@pytest.mark.parametrize("asked", TRAININGS)
@pytest.mark.parametrize("folder", ["grey", "clear", "deep", "three", "single"])
def test_the_training_that_doctor_was_asked_of_takes_whatever_it_advises(folders, tmp_path, folder, asked):
    words = asked.split()
    given = parse(["--data-folder", str(folders / folder), *words]).settings
    found = scan(folders / folder)
    settings = planned(folders / folder, tmp_path, words).settings
    accepts = accepts_for(given, found)
    lines = describe_diagnosis(diagnose(found, settings.images, accepts))
    short = {"step": 9, "images": 1, "disk": 2, "free_memory": 1, "free_disk": 1}
    estimate = {f"{name}_bytes": value * 2**30 for name, value in short.items()} | {"images_in_file": False}
    lines += describe_estimate(estimate, settings, accepts)
    advised = [
        part for line in lines if "advice" in line or "warning" in line for part in FLAG_OF_TRAINING.findall(line)
    ]
    assert advised
    for part in advised:
        planned(folders / folder, tmp_path, [*words, *shlex.split(part.replace("COLOR", "red"))])


def test_doctor_advises_no_flag_of_a_training_that_takes_none(folders):
    for folder in ("grey", "clear", "three", "single"):
        found = scan(folders / folder)
        settings = parse(["--data-folder", str(folders / folder), "--resolution", "256"]).settings
        advice = diagnose(found, resolve(settings).images, lambda changes: False).advice
        assert not [line for line in advice if FLAG_OF_TRAINING.search(line)]


def test_changes_are_flags_that_a_shell_and_the_parser_read():
    changes = {"range": (-1.5, 2.0), "held_out": 0.1, "conditional": True, "diff_augment": "color,translation"}
    assert as_flags(changes) == "--range=-1.5,2 --held-out 0.1 --conditional --diff-augment color,translation"
    given = parse(["--data-folder", "x", *shlex.split(as_flags(changes))]).settings
    assert {name: given[name] for name in changes} == changes
