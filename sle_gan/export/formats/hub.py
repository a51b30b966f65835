"""A folder for the Hub: the weights, a model card with pictures and scores, and how to load them."""

import html
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sle_gan.data.manifest import read_manifest
from sle_gan.data.pictures import image_sheet, write_picture
from sle_gan.errors import InputError
from sle_gan.export.formats import UNKNOWN_LICENSE, weights
from sle_gan.export.formats.exporting import Drawn, Source
from sle_gan.json_files import write_json
from sle_gan.run import read_rows

_SHEET_SEEDS = range(24)
_PARTS = ("value", "spread", "floor")
_SHEET, _SCORES, _CARD = "samples.png", "scores.json", "README.md"
_BODY = """# {run}, step {step:,}

![The pictures of the seeds 0 to 23; none chosen]({sheet})

A generator of {side} px and {channels} channels ({network}), trained with SLE-GAN for {step:,} steps of {batch}
images{images}.
The sheet holds the pictures of the seeds 0 to 23; none is chosen.{classes}

## How to load it
```python
import sle_gan

run = sle_gan.open_run("hf://{name}")  # or the folder of this file
pictures = run.draw(range(8))  # uint8 [8, {height}, {width}, {channels}]
run.film([0, 1, 2], frames=60, loop=True).save("walk.gif")
```
`python generate.py samples hf://{name} --seeds 0-15 --grid` draws without a program. Both need the extra `hub`.
`generator.safetensors` holds the weights, numbers and nothing that runs, by the names of their variables;
`generator.json` the settings of the network and of its training.

## Scores
{scores}

## License
{license}
"""
_NO_SCORES = "None were measured at this step; `sle-gan evaluate` measures them."
_SCORES_HEAD = """Against its training images. The floor is the same score between two halves of them: what a perfect
generator would score. `near_copies` is the share of pictures that nearly are a training image, its floor that among
these. Scores by different networks cannot be compared.

| score | value | spread | floor | pictures |
|---|---|---|---|---|"""
_UNLICENSED = "The author of these weights has not said what may be done with them: ask before you use them."


def write(source: Source, folder: Path) -> None:
    """Writes the weights, `README.md` with YAML at its head, `samples.png`, and the scores of this step if any."""
    weights.write(source, folder)
    trained = source.trained
    sheet = image_sheet(np.stack(list(trained.draw_seeds(_SHEET_SEEDS))))
    write_picture(folder / _SHEET, sheet, {"run": trained.run.name, "step": str(trained.step), "seeds": "0-23"})
    try:
        scores = list(_scores(source))
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # a run may come from elsewhere
        raise InputError(f"{trained.run.metrics_file} is damaged: a row of scores holds {error}") from error
    if scores:
        write_json(folder / _SCORES, scores)
    (folder / _CARD).write_text(f"{_front_matter(source, scores)}\n{_body(source, scores)}", encoding="utf-8")


def draw(source: Source, folder: Path) -> dict[str, Drawn]:
    """Draws as the format `weights` does."""
    return weights.draw(source, folder)


def _scores(source: Source) -> Iterator[dict[str, Any]]:
    """Yields the scores of the step, each with what it was measured with; nothing of this machine is in them."""
    for row in read_rows(source.trained.run.metrics_file):
        if row.get("event") != "scores" or row["step"] != source.trained.step or row.get("split") != "train":
            continue
        measured: dict[str, Any] = {
            name: row[name] for name in ("network", "mode", "reals", "fakes", "seed") if name in row
        }
        scores, copies = dict(row["scores"]), row.get("memorization", {})
        if "near_copies" in copies:
            scores["near_copies"] = {"value": copies["near_copies"], "floor": copies["near_copies_among_reals"]}
        for name, score in scores.items():
            yield {"score": name, **{part: _number(score.get(part)) for part in _PARTS}, **measured}


def _front_matter(source: Source, scores: list[dict[str, Any]]) -> str:
    """Returns the card's head. Its values are JSON, which YAML holds."""
    settings = source.trained.run.settings()
    head: dict[str, Any] = {
        "license": source.license,
        "library_name": "sle-gan",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["gan", "few-shot", "safetensors", settings.network.generator],
    }
    if scores:
        result = {
            "task": {"type": "unconditional-image-generation"},
            "dataset": {"type": "image-folder", "name": "its training images"},
            "metrics": [{"type": one["score"], "value": one["value"], "name": one["score"]} for one in scores],
        }
        head["model-index"] = [{"name": source.trained.run.name, "results": [result]}]
    return "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in head.items()), "---"])


def _body(source: Source, scores: list[dict[str, Any]]) -> str:
    run, description = source.trained.run, source.describe()
    settings = run.settings()
    height, width, _ = source.trained.generator.output_shape[1:]
    count = len(read_manifest(run.manifest_file)["images"]) if run.manifest_file.exists() else 0
    names = ", ".join(map(_plain, description.get("classes", ())))
    return _BODY.format(
        run=_plain(run.name),
        step=source.trained.step,
        sheet=_SHEET,
        side=description["resolution"],
        height=height,
        width=width,
        channels=description["channels"],
        network=f"{settings.network.generator}, width {settings.network.width}",
        batch=settings.optimization.batch_size,
        images=f", of a set of {count:,}" if count else "",
        classes=f"\nIts classes, of which the seeds take one after the other: {names}." if names else "",
        name=source.push or "OWNER/NAME",
        scores="\n".join([_SCORES_HEAD, *map(_row, scores)]) if scores else _NO_SCORES,
        license=_UNLICENSED if source.license == UNKNOWN_LICENSE else f"`{source.license}`",
    )


def _row(score: Mapping[str, Any]) -> str:
    numbers = " | ".join("" if score[part] is None else f"{score[part]:.4g}" for part in _PARTS)
    return f"| {_plain(score['score'])} | {numbers} | {_plain(str(score.get('fakes', '')))} |"


def _number(value: object) -> float | None:
    """Returns a number of a row; scores of one measurement have no spread."""
    return None if value is None else float(value)  # type: ignore[arg-type]


def _plain(text: str) -> str:
    """Returns a name, whoever chose it, as one line of text that is no markup."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]|#" else sign for sign in html.escape(" ".join(text.split())))
