"""The report of one run: `report.html`, one self-contained file."""

import datetime
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sle_gan.data.folder import ImageFile, describe_images
from sle_gan.data.pictures import whole_file
from sle_gan.evaluation import is_patch_score
from sle_gan.evaluation.health import COLLAPSING, HEALTHY, NOT_FINITE, TOO_EARLY, judge
from sle_gan.evaluation.judges import FLATTERING
from sle_gan.report.architecture import describe_architecture
from sle_gan.report.curves import Figure, Line, curves, drawn, short_number
from sle_gan.report.page import picture, render
from sle_gan.report.record import Row, RunRecord, damage_as_input_error, read_record, training_seconds
from sle_gan.run import RunFolder
from sle_gan.settings.advice import Accepts
from sle_gan.shell import shell_line
from sle_gan.training.growth import images_shown

Section = dict[str, Any] | None  # what the template shows of it; None if there is nothing to say
ScoreKey = tuple[str, str, str | None]  # (name, kind, SHA-256 of the network's weights)

_TONES = {HEALTHY: "good", TOO_EARLY: "", COLLAPSING: "bad", NOT_FINITE: "bad"}
_MOST_SHEETS = 9
_MOST_SKIPPED = 20
_MOST_NAMED = 200


def write_report(run: RunFolder, accepts: Accepts) -> Path:
    """Writes the report of a run atomically: an earlier report stays until the new one is whole.

    Args:
        run: a `RunFolder` that exists.
        accepts: whether a training like it takes some changes, which are then suggested.

    Returns:
        The path of the report.

    Raises:
        InputError: if a file of the run is damaged.
        OSError: if the report cannot be written.
    """
    with damage_as_input_error(run.path):
        content = report_page(read_record(run), accepts)
    with whole_file(run.report_file) as temporary:
        temporary.write_bytes(content)
    return run.report_file


def report_page(record: RunRecord, accepts: Accepts) -> bytes:
    """Makes the report: a page of HTML, as bytes.

    Args:
        record: a `sle_gan.report.record.RunRecord`. What it does not hold is left out.
        accepts: whether a training like it takes some changes.
    """
    sections = {
        "Pictures": _pictures(record),
        "Scores": _scores(record),
        "Copies": _copies(record),
        "Training": _training(record),
        "Architecture": describe_architecture(record),
        "Sparsity": _sparsity(record),
        "Images": _images(record),
        "Cost": _cost(record),
        "Settings": _origin(record),
    }
    return render(
        "report.html",
        name=record.run.name,
        facts=facts_line(record),
        verdict=_verdict(record, accepts),
        sections={title: section for title, section in sections.items() if section is not None},
    ).encode()


def facts_line(record: RunRecord) -> str:
    """Describes a run in a line: step, network, resolution, images: `step 500 of 1,000, fastgan, 64 px, flowers`."""
    settings = record.settings
    words = [f"step {record.step:,} of {settings.optimization.steps:,}"]
    words += [settings.network.model, f"{settings.images.resolution} px"]
    words += [f"{len(record.images.images):,} images"] if record.images else []
    return ", ".join([*words, Path(settings.images.data_folder).name])


def _verdict(record: RunRecord, accepts: Accepts) -> dict[str, Any]:
    verdict = judge(record.metrics, record.settings, accepts)
    return {
        "title": verdict.verdict[:1].upper() + verdict.verdict[1:],
        "tone": _TONES.get(verdict.verdict, "warn"),
        "evidence": verdict.evidence,
        "suggestion": verdict.suggestion,
        "changes": _changes(record.health),
    }


def _changes(rows: Iterable[Row]) -> list[str]:
    changes: list[tuple[int, str]] = []
    for row in rows:
        if not changes or changes[-1][1] != row["verdict"]:
            changes.append((row["step"], row["verdict"]))
    return [f"{verdict} (step {step:,})" for step, verdict in changes]


def _pictures(record: RunRecord) -> Section:
    sheets = record.sheets
    if not sheets:
        return None
    step, last = sheets[-1]
    label = f"Step {step:,}: the same seeds in every sheet, none chosen"
    # Geometric steps, because most happens early in training.
    chosen = np.unique(np.geomspace(1, len(sheets), _MOST_SHEETS).round().astype(int)) - 1
    strip = [
        picture(path, f"Step {step:,}", f"Samples at step {step:,}", widest_px=760)
        for step, path in (sheets[i] for i in chosen)
    ]
    return {
        "newest": picture(last, label, f"Newest samples, at step {step:,}", widest_px=1600),
        "earlier": strip if len(sheets) > 1 else [],
        "count": len(sheets),
    }


def score_conditions(row: Row, of_network: bool = True) -> tuple[str, ...]:
    """Describes how scores were measured. Only scores of the same conditions can be compared.

    Args:
        row: a row of scores.
        of_network: whether the row's network and its preprocessing had a part in it.

    Returns:
        Texts such as `legacy`, `200 reals`, `1,000 fakes`, `64 px` and `mirrored`; the last is `flattering` if the
        network is part of the training's loss.
    """
    words = [row["mode"]] if of_network and row.get("mode") else []
    words += [f"{row[name]:,} {name}" for name in ("reals", "fakes") if name in row]
    words += [f"{row['resolution']} px"] if "resolution" in row else []
    words += ["mirrored"] if row.get("mirrored") else []
    words += [f"split {row['split']}"] if row.get("split", "train") != "train" else []
    words += ["flattering"] if of_network and row.get("party") else []
    return tuple(words)


def _scores(record: RunRecord) -> Section:
    latest: dict[ScoreKey, tuple[int, Row]] = {}
    series: dict[ScoreKey, list[tuple[int, Row]]] = {}
    for row in record.scores:
        for name, score in row.get("scores", {}).items():
            of_network = not is_patch_score(name)
            conditions = ", ".join(score_conditions(row, of_network))
            key = (name, conditions, row.get("weights_sha256") if of_network else None)
            latest[key] = (row["step"], score)
            series.setdefault(key, []).append((row["step"], score))
    lines = [
        [name, *(_number_of(score, field) for field in ("value", "spread", "floor")), f"{step:,}", conditions]
        for (name, conditions, _), (step, score) in latest.items()
    ]
    figures = drawn(
        [
            *(_score_curves(key, points) for key, points in series.items() if len(points) > 1),
            _diversity_curve(record),
        ]
    )
    flattering = FLATTERING if any(row["party"] for row in record.scores) else None
    return {"lines": lines, "flattering": flattering, "figures": figures} if lines or figures else None


def _number_of(score: Row, field: str) -> str:
    value = score.get(field)
    return "" if value is None else short_number(value)


def _score_curves(key: ScoreKey, points: Sequence[tuple[int, Row]]) -> Figure | None:
    steps = [step for step, _ in points]
    lines = [Line(key[0], steps, [score.get("value") for _, score in points])]
    lines.append(Line("floor", steps, [score.get("floor") for _, score in points], is_dashed=True))
    return curves(key[0], lines, note=key[1])


def _diversity_curve(record: RunRecord) -> Figure | None:
    rows = [(row["step"], row["diversity"]) for row in record.scores if row.get("diversity")]
    lines = [
        Line("samples", [step for step, _ in rows], [diversity.get("fakes") for _, diversity in rows]),
        Line("training images", [step for step, _ in rows], [diversity.get("reals") for _, diversity in rows], True),
    ]
    return curves("Diversity: mean perceptual distance of pairs", lines)


def _copies(record: RunRecord) -> Section:
    rows = [row for row in record.scores if row.get("memorization")]
    if not rows:
        return None
    step, memorization = rows[-1]["step"], rows[-1]["memorization"]
    names = {
        "median_ratio": "Distance of a sample to its nearest training image, median",
        "smallest_ratio": "The smallest",
    }
    pairs = [(name, short_number(memorization[key])) for key, name in names.items() if key in memorization]
    names = {"near_copies": "Near copies among the samples", "near_copies_among_reals": "Among the training images"}
    pairs += [(name, f"{memorization[key]:.1%}") for key, name in names.items() if key in memorization]
    # A run folder may come from someone else: a link would put another file into the report.
    sheet = record.run.copies_sheet(step)
    label = f"Step {step:,}: the samples closest to training images, each with that image to its right"
    shown = sheet.is_file() and not sheet.is_symlink()
    return {
        "facts": pairs,
        "picture": picture(sheet, label, "Samples, each beside its nearest training image", widest_px=1200)
        if shown
        else None,
    }


def _training(record: RunRecord) -> Section:
    def lines(**names: str) -> list[Line]:
        return [
            Line(name, [row["step"] for row in rows], [row[key] for row in rows])
            for key, name in names.items()
            if (rows := [row for row in record.losses if key in row])
        ]

    figures = drawn(
        [
            curves("Losses", lines(generator_loss="generator", discriminator_loss="discriminator")),
            curves("Discriminator's mean output in training", lines(real_logits="reals", fake_logits="fakes")),
            curves(
                "Discriminator's mean output, nothing augmented",
                lines(train_logits="training images", drawn_logits="drawn", held_out_logits="held-out images"),
            ),
            curves("Reconstruction loss", lines(reconstruction_loss="reconstruction")),
            curves(
                "Search: V(G, best D), V(best G, D), and the duality gap",
                lines(
                    best_discriminator_value="against the best D",
                    best_generator_value="of the best G",
                    duality_gap="gap",
                ),
            ),
        ]
    )
    return {"figures": figures} if figures else None


def _sparsity(record: RunRecord) -> Section:
    rows = [row for row in record.losses if "live_parameters" in row]
    if not rows:
        return None
    last = rows[-1]
    pairs = [("Live parameters of the generator", f"{last['live_parameters']:,}")]
    for network in ("generator", "discriminator"):
        density = last.get(f"{network}_density")
        pairs += [] if density is None else [(f"Density of the {network}'s kernels", f"{density:.1%}")]
    steps = [row["step"] for row in rows]
    figure = curves(
        "Density of all kernels",
        [
            Line(network, steps, [row.get(f"{network}_density") for row in rows])
            for network in ("generator", "discriminator")
        ],
        limits=(0, 1),
    )
    return {
        "facts": pairs,
        "figures": drawn([figure, *_layer_curves(record.densities, record.step)]),
        "layers": list(_layer_tables(record.densities)),
    }


def _layer_curves(rows: Sequence[Row], end_step: int) -> Iterator[Figure | None]:
    for network in ("generator", "discriminator"):
        densities = [(row["step"], list(row[network].values())) for row in rows if row.get(network)]
        if len(densities) > 1:
            densest = _as_steps([(step, max(values)) for step, values in densities], end_step)
            sparsest = _as_steps([(step, min(values)) for step, values in densities], end_step)
            lines = [Line("densest layer", *densest), Line("sparsest layer", *sparsest, is_dashed=True)]
            yield curves(f"Range of the {network}'s layers", lines, limits=(0, 1))


def _as_steps(points: Sequence[tuple[int, float]], end_step: int) -> tuple[list[int], list[float]]:
    """Returns the steps and values of a step function, which keeps its value from one point to the next."""
    ends = [step for step, _ in points[1:]] + [max(end_step, points[-1][0])]
    pairs = [pair for (step, value), end in zip(points, ends, strict=True) for pair in ((step, value), (end, value))]
    return [step for step, _ in pairs], [value for _, value in pairs]


def _layer_tables(rows: Sequence[Row]) -> Iterator[tuple[str, list[list[str]]]]:
    for network in ("generator", "discriminator"):
        of_network = [row for row in rows if row.get(network)]
        if of_network:
            last = of_network[-1]
            lines = [[layer, f"{density:.1%}"] for layer, density in last[network].items()]
            yield f"Layers of the {network} at step {last['step']:,}", lines


def _images(record: RunRecord) -> Section:
    if not record.images:
        return None
    sentences = describe_images(record.images, record.settings.images.resolution)
    if record.held_out:
        sentences.append(
            f"{len(record.held_out)} more images held out: the discriminator is judged on them, not trained"
        )
    skipped, images = record.images.skipped, record.images.images
    lists = []
    if skipped:
        more = f", the first {_MOST_SKIPPED}" if len(skipped) > _MOST_SKIPPED else ""
        lists.append((f"Files skipped{more}", [(path, f": {reason}") for path, reason in skipped[:_MOST_SKIPPED]]))
    more = f", the first {_MOST_NAMED}" if len(images) > _MOST_NAMED else ""
    lists.append((f"Images{more}", [(image.path, f", {_size(image)}") for image in images[:_MOST_NAMED]]))
    return {"sentences": sentences, "lists": lists}


def _size(image: ImageFile) -> str:
    return f"{image.width_px} x {image.height_px} {image.format}"


def _cost(record: RunRecord) -> Section:
    settings, step = record.settings, record.losses[-1]["step"] if record.losses else 0
    seconds = training_seconds(record.timings, settings.run.log_frequency)
    pairs = []
    if record.timings:
        pairs.append(("Time in training steps", str(datetime.timedelta(seconds=round(seconds)))))
        pace = statistics.median([row["images_per_second"] for row in record.timings])
        pairs.append(("Pace", f"{pace:.3g} images/s (median)"))
    if step:
        shown = images_shown(settings, step)
        passes = f", {shown / len(record.images.images):,.0f} times each" if record.images else ""
        pairs.append(("Training images shown", f"{shown:,}{passes}"))
    flops, share = training_flops(record)
    if flops is not None:
        sparse = "" if share is None else f", {share:.1%} of dense training"
        missing = ", ".join(map(str, record.networks.get("not_counted", ())))
        without = f", without {missing}" if missing else ""
        pairs.append(("Floating-point operations of training, in theory", f"{short_number(flops)}{sparse}{without}"))
    pairs += [
        (f"Trainable parameters of the {network}", f"{record.networks[network]['parameters']:,}")
        for network in ("generator", "discriminator")
        if network in record.networks
    ]
    return {"facts": pairs, "has_flops": flops is not None} if pairs else None


def training_flops(record: RunRecord) -> tuple[float | None, float | None]:
    """Returns the theoretical floating-point operations of training so far, and their share of dense training.

    Args:
        record: a `RunRecord`.

    Returns:
        Both numbers, None if the run does not record them. Only sparse trainings record the share.
    """
    last = record.losses[-1] if record.losses else {}
    if "training_flops" in last:
        return last["training_flops"], last.get("training_flops_share")
    each = record.networks.get("training_flops_per_step")
    return (each * last["step"] if each and last else None), None


def _origin(record: RunRecord) -> Section:
    words = map(shell_line, record.config.command)
    return {
        "command": " ".join(f"\\\n    {word}" if word.startswith("--") else word for word in words),
        "later": _later_commands(record),
        "versions": [f"{name} {version}" for name, version in (record.config.versions or {}).items()],
        "all": [(name, str(value)) for name, value in sorted(record.settings.named().items())],
    }


def _later_commands(record: RunRecord) -> list[str]:
    """Describes the commands after the first: from which step on, and what they changed."""
    return [
        f"from step {command.first_step:,} on: {command.describe() or 'nothing changed'}"
        + ("; bit equality with a run that keeps its settings ends there" if command.is_other_training else "")
        for command in record.config.history[1:]
    ]
