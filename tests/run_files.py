"""Run folders made of what a training writes for people to read, without a network or TensorFlow."""

import json

import numpy as np
from PIL import Image

from sle_gan.assembly.resolve import resolve
from sle_gan.run import RunFolder, start_run
from sle_gan.run_config import RunConfig

GIVEN = {
    "model": "fastgan",
    "resolution": 64,
    "steps": 1000,
    "batch_size": 4,
    "log_frequency": 50,
    "seed": 0,
    "data_folder": "/photos/flowers",
    "diff_augment": "color,translation",
    "G_learning_rate": 2e-4,
    "D_learning_rate": 2e-4,
}


def settings_of(**given):
    """Returns the resolved settings of `GIVEN` and of what is given besides."""
    return resolve({**GIVEN, **given}, image_count=63)


def write_run_files(path, *, settings=None, rows=(), command=("train.py",), images=("a.png", "b.png"), sheets=()):
    """Writes a run folder.

    Args:
        path: the folder.
        settings: those that differ from `GIVEN`.
        rows: of `metrics.jsonl`.
        command: words of the command line.
        images: names in the manifest; each has other bytes.
        sheets: steps of sheets of samples, pictures of 40 x 30 px.

    Returns:
        The `RunFolder`.
    """
    run = RunFolder(path)
    entries = [
        {
            "path": name,
            "sha256": f"{index:064x}",
            "width_px": 80,
            "height_px": 60,
            "mode": "RGB",
            "format": "PNG",
            "frames": 1,
        }
        for index, name in enumerate(images)
    ]
    with run.locked():
        config = RunConfig(settings_of(**(settings or {})), {"python": "3.11"}, list(command))
        start_run(run, config, {"schema": 1, "images": entries})
    if rows:
        write_rows(run.metrics_file, rows)
    for step in sheets:
        write_sheet(run.samples / f"step-{step:06d}.png", step)
    return run


def write_rows(file, rows):
    """Writes JSON lines."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_sheet(path, seed):
    """Writes a picture of noise, 40 x 30 px."""
    pixels = np.random.default_rng(seed).integers(0, 256, size=(30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def losses(*steps, **values):
    """Makes rows of losses; a value is a number or a function of the step."""
    defaults = {
        "generator_loss": 0.2,
        "discriminator_loss": 1.7,
        "reconstruction_loss": 9.0,
        "real_logits": 0.1,
        "fake_logits": -0.1,
        "real_signs": 0.2,
    }
    return [
        {"step": step} | {name: of(step) if callable(of) else of for name, of in (defaults | values).items()}
        for step in steps
    ]


def scores(step, **more):
    """Makes a row of scores."""
    row = {
        "step": step,
        "event": "scores",
        "network": "efficientnet-lite0",
        "weights_sha256": "ab12",
        "mode": "clean",
        "reals": 63,
        "fakes": 500,
        "resolution": 64,
        "mirrored": True,
        "split": "train",
        "seed": 0,
        "scores": {"kid_efficientnet_lite0": {"value": 40.0, "spread": 3.0, "floor": 1.25}},
    }
    return row | more
