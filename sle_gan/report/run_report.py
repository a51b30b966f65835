"""The report of one run: `report.html`, one file that needs no network."""

import datetime
import shlex
import statistics
from pathlib import Path

import numpy as np

from sle_gan.data.folder import findings
from sle_gan.data.pictures import whole_file
from sle_gan.evaluation import PATCH_SCORE
from sle_gan.evaluation.health import COLLAPSING, HEALTHY, NOT_FINITE, TOO_EARLY, judge
from sle_gan.evaluation.judges import FLATTERING
from sle_gan.report.curves import Line, curves, short_number
from sle_gan.report.page import element, facts, page, picture, table
from sle_gan.report.record import damage_told, read_record, seconds_of_training

_TONES = {HEALTHY: "good", TOO_EARLY: "", COLLAPSING: "bad", NOT_FINITE: "bad"}
_MOST_SHEETS = 9
_MOST_SKIPPED = 20


def write_report(run):
    """Writes the report of a run; the one before is replaced when the new one is whole.

    Args:
        run: a `RunFolder` that exists.

    Returns:
        The path of the report.

    Raises:
        InputError: if a file of the run is damaged.
        OSError: if the report cannot be written.
    """
    with damage_told(run.path):
        content = report_page(read_record(run))
    with whole_file(run.report_file) as temporary:
        temporary.write_bytes(content)
    return run.report_file


def report_page(record):
    """Returns the report as bytes of HTML.

    Args:
        record: a `sle_gan.report.record.RunRecord`. What it does not hold is left out.
    """
    sections = {
        "Pictures": _pictures(record),
        "Scores": _scores(record),
        "Copies": _copies(record),
        "Training": _training(record),
        "Sparsity": _sparsity(record),
        "Images": _images(record),
        "Cost": _cost(record),
        "Settings": _origin(record),
    }
    body = [element("h1", record.run.name), element("p", _subtitle(record), class_="soft"), _verdict(record)]
    for title, parts in sections.items():
        parts = [part for part in parts if part is not None]
        if parts:
            body.append(element("section", element("h2", title), *parts, id=title.lower()))
    return page(f"{record.run.name}: report", *body)


def _subtitle(record):
    settings = record.settings
    told = [f"step {record.step:,} of {settings['steps']:,}" if "steps" in settings else f"step {record.step:,}"]
    told += [str(settings["model"])] if "model" in settings else []
    told += [f"{settings['resolution']} px"] if "resolution" in settings else []
    told += [f"{len(record.images.images):,} images"] if record.images else []
    return ", ".join([*told, Path(settings["data_folder"]).name] if "data_folder" in settings else told)


def _verdict(record):
    verdict = judge(record.metrics, record.settings)
    parts = [element("strong", verdict.verdict[:1].upper() + verdict.verdict[1:])]
    parts.append(element("ul", *(element("li", sentence) for sentence in verdict.evidence)))
    if verdict.suggestion:
        parts.append(element("p", "Worth a try in the next run: ", element("code", verdict.suggestion)))
    changes = _changes(record.health)
    if len(changes) > 1:
        parts.append(element("p", "So far: " + ", ".join(changes), class_="soft"))
    return element("div", *parts, class_=f"card verdict {_TONES.get(verdict.verdict, 'warn')}", id="verdict")


def _changes(rows):
    changes = []
    for row in rows:
        if not changes or changes[-1][1] != row["verdict"]:
            changes.append((row["step"], row["verdict"]))
    return [f"{verdict} (step {step:,})" for step, verdict in changes]


def _pictures(record):
    if not record.sheets:
        return []
    step, last = record.sheets[-1]
    parts = [picture(last, f"Step {step:,}: the same seeds in every sheet, none chosen", widest_px=1600)]
    if len(record.sheets) > 1:
        # Most happens early: the sheets between the first and the last stand ever farther apart.
        chosen = np.unique(np.geomspace(1, len(record.sheets), _MOST_SHEETS).round().astype(int)) - 1
        strip = [picture(path, f"Step {step:,}", widest_px=760) for step, path in (record.sheets[i] for i in chosen)]
        parts.append(element("p", f"{len(chosen)} of {len(record.sheets)} sheets, from first to last:", class_="soft"))
        parts.append(element("div", *strip, class_="strip", tabindex="0", role="group", aria_label="sheets over time"))
    return parts


def score_kind(row, of_network=True):
    """Says how scores were measured: what must be equal for two to be compared.

    Args:
        row: of scores.
        of_network: whether the row's network and its preprocessing had a part in it.

    Returns:
        Text such as `legacy, 200 reals, 1,000 fakes, 64 px, mirrored`; `flattering` if the network is part of the
        training's loss.
    """
    told = [row["mode"]] if of_network and row.get("mode") else []
    told += [f"{row[name]:,} {name}" for name in ("reals", "fakes") if name in row]
    told += [f"{row['resolution']} px"] if "resolution" in row else []
    told += ["mirrored"] if row.get("mirrored") else []
    told += [f"split {row['split']}"] if row.get("split", "train") != "train" else []
    told += ["flattering"] if of_network and row.get("party") else []
    return ", ".join(told)


def _scores(record):
    latest, series = {}, {}
    for row in record.scores:
        for name, score in row.get("scores", {}).items():
            is_of_network = not name.startswith(PATCH_SCORE)
            key = (name, score_kind(row, is_of_network), row.get("weights_sha256") if is_of_network else None)
            latest[key] = (row["step"], score)
            series.setdefault(key, []).append((row["step"], score))
    lines = [
        [name, *(_number_of(score, field) for field in ("value", "spread", "floor")), f"{step:,}", kind]
        for (name, kind, _), (step, score) in latest.items()
    ]
    parts = []
    if lines:
        parts.append(table(["score", "value", "spread", "floor", "step", "measured with"], lines))
        told = "The floor is the same score between two halves of the training images; spread is a standard deviation."
        if any(row["party"] for row in record.scores):
            told += f" {FLATTERING[0].upper()}{FLATTERING[1:]}, so that the score is better than the pictures."
        parts.append(element("p", told, class_="soft"))
    figures = [_score_curves(key, points) for key, points in series.items() if len(points) > 1]
    figures.append(_diversity_curve(record))
    return [*parts, _grid(figures)]


def _number_of(score, field):
    value = score.get(field)
    return "" if value is None else short_number(value)


def _score_curves(key, points):
    steps = [step for step, _ in points]
    lines = [Line(key[0], steps, [score.get("value") for _, score in points])]
    lines.append(Line("floor", steps, [score.get("floor") for _, score in points], is_dashed=True))
    return curves(f"{key[0]} ({key[1]})" if key[1] else key[0], lines)


def _diversity_curve(record):
    rows = [(row["step"], row["diversity"]) for row in record.scores if row.get("diversity")]
    lines = [
        Line("samples", [step for step, _ in rows], [told.get("fakes") for _, told in rows]),
        Line("training images", [step for step, _ in rows], [told.get("reals") for _, told in rows], is_dashed=True),
    ]
    return curves("Diversity: mean perceptual distance of pairs", lines)


def _copies(record):
    rows = [row for row in record.scores if row.get("memorization")]
    if not rows:
        return []
    step, found = rows[-1]["step"], rows[-1]["memorization"]
    names = {
        "median_ratio": "Distance of a sample to its nearest training image, median",
        "smallest_ratio": "The smallest",
    }
    told = [(name, short_number(found[key])) for key, name in names.items() if key in found]
    names = {"near_copies": "Near copies among the samples", "near_copies_among_reals": "Among the training images"}
    told += [(name, f"{found[key]:.1%}") for key, name in names.items() if key in found]
    note = "Distances are in those from a training image to its nearest other, their median. Near 0 is a copy."
    parts = [facts(told), element("p", note, class_="soft")]
    # A run folder may come from elsewhere: a link out of it would put another file into the report.
    sheet = record.run.scores / f"copies-step-{step:06d}.png"
    if sheet.is_file() and not sheet.is_symlink():
        label = f"Step {step:,}: the samples closest to training images, each with that image to its right"
        parts.append(picture(sheet, label, widest_px=1200))
    return parts


def _training(record):
    def lines(**names):
        return [
            Line(name, [row["step"] for row in rows], [row[key] for row in rows])
            for key, name in names.items()
            if (rows := [row for row in record.losses if key in row])
        ]

    return [
        _grid(
            [
                curves("Losses", lines(generator_loss="generator", discriminator_loss="discriminator")),
                curves("Discriminator's mean output in training", lines(real_logits="reals", fake_logits="fakes")),
                curves(
                    "Discriminator's mean output, nothing augmented",
                    lines(train_logits="training images", drawn_logits="drawn", held_out_logits="held-out images"),
                ),
                curves("Reconstruction loss", lines(reconstruction_loss="reconstruction")),
            ]
        )
    ]


def _sparsity(record):
    rows = [row for row in record.losses if "live_parameters" in row]
    if not rows:
        return []
    last = rows[-1]
    told = [("Live parameters of the generator", f"{last['live_parameters']:,}")]
    for network in ("generator", "discriminator"):
        density = last.get(f"{network}_density")
        told.append((f"Density of the {network}'s kernels", None if density is None else f"{density:.1%}"))
    steps = [row["step"] for row in rows]
    figure = curves(
        "Density of all kernels",
        [
            Line(network, steps, [row.get(f"{network}_density") for row in rows])
            for network in ("generator", "discriminator")
        ],
        limits=(0, 1),
    )
    return [
        facts(told),
        _grid([figure, *_layer_curves(record.densities, record.step)]),
        *_layer_tables(record.densities),
    ]


def _layer_curves(rows, end_step):
    for network in ("generator", "discriminator"):
        found = [(row["step"], list(row[network].values())) for row in rows if row.get(network)]
        if len(found) > 1:
            densest = _held([(step, max(values)) for step, values in found], end_step)
            sparsest = _held([(step, min(values)) for step, values in found], end_step)
            lines = [Line("densest layer", *densest), Line("sparsest layer", *sparsest, is_dashed=True)]
            yield curves(f"Range of the {network}'s layers", lines, limits=(0, 1))


def _held(points, end_step):
    """Returns steps and values of what keeps its value from one point to the next."""
    ends = [step for step, _ in points[1:]] + [max(end_step, points[-1][0])]
    pairs = [pair for (step, value), end in zip(points, ends, strict=True) for pair in ((step, value), (end, value))]
    return [step for step, _ in pairs], [value for _, value in pairs]


def _layer_tables(rows):
    for network in ("generator", "discriminator"):
        found = [row for row in rows if row.get(network)]
        if found:
            lines = [[layer, f"{density:.1%}"] for layer, density in found[-1][network].items()]
            summary = element("summary", f"Layers of the {network} at step {found[-1]['step']:,}")
            yield element("details", summary, table(["layer", "density"], lines))


def _images(record):
    if not record.images:
        return []
    told = findings(record.images, record.settings.get("resolution", 0))
    if record.held_out:
        told.append(f"{len(record.held_out)} more images held out: the discriminator is judged on them, not trained")
    parts = [element("ul", *(element("li", line) for line in told))]
    skipped = record.images.skipped
    if skipped:
        names = [element("li", element("bdi", path), f": {reason}") for path, reason in skipped[:_MOST_SKIPPED]]
        more = f", the first {_MOST_SKIPPED}" if len(skipped) > _MOST_SKIPPED else ""
        parts.append(element("details", element("summary", f"Files skipped{more}"), element("ul", *names)))
    names = [element("li", element("bdi", image.path), f", {_size(image)}") for image in record.images.images[:200]]
    more = ", the first 200" if len(record.images.images) > 200 else ""
    return [*parts, element("details", element("summary", f"Images{more}"), element("ul", *names))]


def _size(image):
    return f"{image.width_px} x {image.height_px} {image.format}"


def _cost(record):
    settings, step = record.settings, record.losses[-1]["step"] if record.losses else 0
    seconds = seconds_of_training(record.timings, settings.get("log_frequency", 50))
    told = []
    if record.timings:
        told.append(("Time in training steps", str(datetime.timedelta(seconds=round(seconds)))))
        pace = statistics.median([row["images_per_second"] for row in record.timings])
        told.append(("Pace", f"{pace:.3g} images/s (median)"))
    if step and "batch_size" in settings:
        shown = step * settings["batch_size"] * settings.get("n_critic", 1)
        passes = f", {shown / len(record.images.images):,.0f} times each" if record.images else ""
        told.append(("Training images shown", f"{shown:,}{passes}"))
    flops, share = training_flops(record)
    if flops is not None:
        sparse = "" if share is None else f", {share:.1%} of dense training"
        told.append(("Floating-point operations of training, in theory", f"{short_number(flops)}{sparse}"))
    told += [
        (f"Trainable parameters of the {network}", f"{record.networks[network]['parameters']:,}")
        for network in ("generator", "discriminator")
        if network in record.networks
    ]
    if not told:
        return []
    note = (
        "Counted from the shapes and the live weights. It says nothing of time: dense kernels also compute with zeros."
    )
    return [facts(told), *([element("p", note, class_="soft")] if flops is not None else [])]


def training_flops(record):
    """Returns the theoretical floating-point operations of training so far, and their share of dense training.

    Args:
        record: a `RunRecord`.

    Returns:
        Two numbers, each None where the run does not tell; the share is that of sparse trainings alone.
    """
    last = record.losses[-1] if record.losses else {}
    if "training_flops" in last:
        return last["training_flops"], last.get("training_flops_share")
    each = record.networks.get("training_flops_per_step")
    return (each * last["step"] if each and last else None), None


def _origin(record):
    words = [shlex.quote(str(word)) for word in record.config.get("command", [])]
    command = " ".join(words).replace(" --", " \\\n    --")
    parts = [element("pre", element("code", command), class_="card")]
    versions = record.config.get("versions", {})
    if versions:
        told = ", ".join(f"{name} {version}" for name, version in versions.items())
        parts.append(element("p", told, class_="soft"))
    rows = [[name, str(value)] for name, value in sorted(record.settings.items())]
    parts.append(element("details", element("summary", "All settings"), facts(rows)))
    return parts


def _grid(figures):
    figures = [figure for figure in figures if figure is not None]
    return element("div", *figures, class_="grid") if figures else None
