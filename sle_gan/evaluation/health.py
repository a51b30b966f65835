"""The health of a training, judged only from the rows of `metrics.jsonl`. Imports no TensorFlow.

No verdict is certain: it names what was measured, and one flag that is worth a try.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.evaluation.judges import FLATTERING, is_party
from sle_gan.settings import DiffAugmentSettings, TicketSearchSettings, TrainSettings
from sle_gan.settings.advice import Accepts, Changes, as_flags, first_accepted
from sle_gan.settings.augmentation import DEFAULT_POLICY

Row = dict[str, Any]  # of `metrics.jsonl`

NOT_FINITE = "numbers not finite"
TOO_EARLY = "too early to say"
COLLAPSING = "collapsing"
OVERFITS = "discriminator overfits"
HEALTHY = "healthy"

_EARLY_STEPS = 200
_FEWEST_ROWS = 4
_COLLAPSED_RATIO = 0.3  # diversity of the samples, as a multiple of that of the training images
_FALLEN_SHARE = 0.5  # diversity of the samples, as a share of the largest so far
# The target of the overfitting heuristics in adaptive augmentation (Karras et al. 2020, arXiv:2006.06676). Overfitting
# is reported only if most pairs agree too, because r_v is noise where the mean outputs hardly differ.
_OVERFITTING = 0.6
_MOSTLY_BELOW = 0.75  # share of pairs in which the held-out image has the lower output
_SCORINGS_WITHOUT_GAIN = 3
_GAIN = 0.05  # least relative decrease of a score that counts as a gain
_THUMB_PX = 16
_HELD_OUT = 0.1  # the share that is advised


class Verdict(NamedTuple):
    """What is said about a training.

    Attributes:
        verdict: `healthy`, `discriminator overfits`, `collapsing`, `no gain since step N`, `too early to say` or
            `numbers not finite`.
        evidence: sentences that say what was measured.
        suggestion: a flag for the next run, or None.
    """

    verdict: str
    evidence: list[str]
    suggestion: str | None


class _Finding(NamedTuple):
    """What one look at the rows says: a verdict, what was measured, and what may be tried, the best first."""

    verdict: str
    evidence: list[str]
    tries: Sequence[Changes] = ()


def judge(rows: Sequence[Row], settings: TrainSettings, accepts: Accepts) -> Verdict:
    """Judges a training from the rows that it has written.

    Args:
        rows: rows of `metrics.jsonl`, in the order of their steps: losses, scores, and measurements of diversity.
        settings: the resolved settings; the suggestion depends on them.
        accepts: whether a training of these settings and images takes some changes; no others are suggested.

    Returns:
        A `Verdict`: the gravest one, with its evidence first, then the evidence of the others.
    """
    finding = _finding(rows, settings)
    suggestion = first_accepted(finding.tries, accepts)
    return Verdict(finding.verdict, finding.evidence, None if suggestion is None else as_flags(suggestion))


def _finding(rows: Sequence[Row], settings: TrainSettings) -> _Finding:
    losses = [row for row in rows if "event" not in row]
    broken = _not_finite(rows) + _late_rollbacks(rows, losses)
    if broken:
        return _Finding(NOT_FINITE, broken, [_half_rate("G_learning_rate", settings)])
    step = losses[-1]["step"] if losses else 0
    if step < _EARLY_STEPS or len(losses) < _FEWEST_ROWS:
        needed = f"{_EARLY_STEPS} steps and {_FEWEST_ROWS} rows"
        return _Finding(TOO_EARLY, [f"{step} steps and {len(losses)} rows of losses; judged from {needed} on"])
    findings = [_diversity(rows, settings), _discriminator(losses, settings), _plateau(rows, settings)]
    gravest = next((finding for finding in findings if finding.verdict != HEALTHY), _Finding(HEALTHY, []))
    others = [sentence for finding in findings if finding is not gravest for sentence in finding.evidence]
    return gravest._replace(evidence=[*gravest.evidence, *others, *_balance(losses)])


def pixel_diversity(images: NDArray[np.uint8]) -> float:
    """Measures how different images are from each other, without a network: a quick sign of collapse.

    Args:
        images: uint8 `[count, height, width, channels]`, two or more, the shorter side a
            multiple of 16 that divides both.

    Returns:
        Root mean squared difference of the images' thumbnails, 16 px along the shorter side, over all pairs, in
        [0, 255].
    """
    count, height, width, channels = images.shape
    block = min(height, width) // _THUMB_PX
    blocks = np.asarray(images, np.float64).reshape(count, height // block, block, width // block, block, channels)
    thumbs = blocks.mean(axis=(2, 4)).reshape(count, -1)
    # The mean over all pairs of |a - b|^2 is twice the unbiased variance.
    return float(np.sqrt(2 * thumbs.var(axis=0, ddof=1).mean()))


def overfitting(rows: Sequence[Row]) -> float | None:
    """Computes r_v: 0 if the discriminator rates held-out images like training images, 1 if like drawn ones.

    Args:
        rows: one or more rows of losses with `train_logits`, `held_out_logits` and `drawn_logits`.

    Returns:
        r_v; above 1 if held-out images are rated below drawn ones. None if training images are rated no higher than
        drawn ones.

    Source: Karras et al. 2020, arXiv:2006.06676, equation 1, with means over the rows.
    """
    train, held_out, drawn = (
        float(np.mean([row[f"{kind}_logits"] for row in rows])) for kind in ("train", "held_out", "drawn")
    )
    return (train - held_out) / (train - drawn) if train > drawn else None


def _not_finite(rows: Sequence[Row]) -> list[str]:
    numbers = ((row["step"], name, value) for row in rows for name, value in _numbers(row))
    return [f"{name} at step {step} is {value}" for step, name, value in numbers if not math.isfinite(value)][:5]


def _late_rollbacks(rows: Sequence[Row], losses: Sequence[Row]) -> list[str]:
    """Describes the rollbacks in the last quarter of the training."""
    step = losses[-1]["step"] if losses else 0
    rollbacks = [row for row in rows if row.get("event") == "rollback" and row["failed_step"] >= 3 / 4 * step]
    return [f"{row['cause']}; the training went back to step {row['step']}" for row in rollbacks]


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _numbers(below, key if name in {"", "scores"} else f"{name} {key}")
    elif isinstance(value, int | float):
        yield name, value


def _diversity(rows: Sequence[Row], settings: TrainSettings) -> _Finding:
    measured = [row["diversity"] for row in rows if row.get("diversity")]
    # Ratios of different networks cannot be compared.
    ratios = [one["ratio"] for one in measured if one.get("network") == measured[-1].get("network")]
    kind = "perceptual distance"
    if not ratios:
        ratios = [row["pixel_diversity"] for row in rows if "pixel_diversity" in row and row["step"] >= _EARLY_STEPS]
        kind = "distance in pixels"
    if not ratios:
        return _Finding(HEALTHY, [])
    last, best = ratios[-1], max(ratios)
    evidence = [f"the samples differ from each other {last:.2f} times as much as the training images do ({kind})"]
    has_fallen = last < _FALLEN_SHARE * best
    if has_fallen:
        evidence.append(f"they differed {best:.2f} times as much before")
    is_collapsed = last < _COLLAPSED_RATIO or (has_fallen and last < 2 * _COLLAPSED_RATIO)
    tries = [*_more_augmentation(settings), _half_rate("G_learning_rate", settings)]
    return _finding_of(COLLAPSING if is_collapsed else HEALTHY, evidence, tries)


def _discriminator(losses: Sequence[Row], settings: TrainSettings) -> _Finding:
    recent = _recent(losses)
    measured = [row for row in recent if "held_out_logits" in row]
    if measured:
        return _by_held_out(measured, settings)
    signs = [row["real_signs"] for row in recent if "real_signs" in row]
    if not signs or settings.optimization.loss == "wasserstein":  # whose critic has no zero between real and drawn
        return _Finding(HEALTHY, [])
    sign = float(np.mean(signs))
    if settings.optimization.loss == "relativistic":
        does = "rates {:.0%} of what it sees of real images above the generated ones that they are paired with"
    else:
        does = "calls {:.0%} of what it sees of real images real"
    rated_real = f"it {does.format((1 + sign) / 2)} (mean sign {sign:.2f})"
    if sign <= _OVERFITTING:
        return _Finding(HEALTHY, [rated_real])
    unsure = "without held-out images this is a sign of overfitting, not a proof"
    to_be_sure = [] if settings.augmentation is None else [{"held_out": _HELD_OUT}]
    return _Finding(OVERFITS, [rated_real, unsure], [*to_be_sure, *_against_overfitting(settings)])


def _against_overfitting(settings: TrainSettings) -> list[Changes]:
    return [*_more_augmentation(settings), _half_rate("D_learning_rate", settings)]


def _by_held_out(rows: Sequence[Row], settings: TrainSettings) -> _Finding:
    share, below = overfitting(rows), float(np.mean([row["held_out_below"] for row in rows]))
    last = rows[-1]
    evidence = [
        f"the discriminator rates a held-out image below one it trains on in {below:.0%} of all pairs",
        f"its mean output is {last['train_logits']:+.2f} on images it trains on, {last['held_out_logits']:+.2f} on "
        f"held-out ones, {last['drawn_logits']:+.2f} on drawn ones",
    ]
    if share is None:
        return _Finding(HEALTHY, [*evidence, "it rates drawn images as high as those it trains on"])
    evidence.append(f"lately held-out images lie {share:.0%} of the way from training images to drawn ones")
    is_overfit = share > _OVERFITTING and below > _MOSTLY_BELOW
    return _finding_of(OVERFITS if is_overfit else HEALTHY, evidence, _against_overfitting(settings))


def _plateau(rows: Sequence[Row], settings: TrainSettings) -> _Finding:
    by_kind: dict[tuple[Any, ...], list[tuple[int, float, float]]] = {}
    for row in rows:
        for name, score in row.get("scores", {}).items():
            if row.get("event") == "scores" and name.startswith("kid"):
                is_judge = not row.get("party", is_party(row.get("network"), settings))
                conditions = (row.get(key) for key in ("weights_sha256", "mode", "reals", "fakes", "resolution"))
                of_kind = by_kind.setdefault((is_judge, name, *conditions), [])
                of_kind.append((row["step"], score["value"], score.get("spread") or 0.0))
    if not by_kind:
        return _Finding(HEALTHY, [])
    # A network of the training's own loss judges only if no other one has measured.
    (is_judge, name, *_), series = max(by_kind.items(), key=lambda item: (item[0][0], len(item[1])))
    best_step, best, best_index = series[0][0], series[0][1], 0
    for index, (step, value, spread) in enumerate(series):
        # A score is the mean of 100 subsets, so its standard error is a tenth of their spread.
        if value < best - max(_GAIN * abs(best), spread / 10):
            best_step, best, best_index = step, value, index
    last_step, last, _ = series[-1]
    evidence = [f"{name} is {last:.3g}, at best {best:.3g} at step {best_step}"]
    if not is_judge:
        evidence.append(FLATTERING)
    is_long_ago = len(series) - 1 - best_index >= _SCORINGS_WITHOUT_GAIN and last_step >= 4 / 3 * best_step
    verdict = f"no gain since step {best_step}" if is_long_ago else HEALTHY
    return _finding_of(verdict, evidence, _length(settings, best_step))


def _balance(losses: Sequence[Row]) -> list[str]:
    recent = [row for row in _recent(losses) if "real_logits" in row]
    if not recent:
        return []
    real, fake = (float(np.mean([row[name] for row in recent])) for name in ("real_logits", "fake_logits"))
    sentences = [f"in training the discriminator's mean output is {real:+.2f} on reals and {fake:+.2f} on fakes"]
    if real <= fake:
        sentences.append("it does not tell them apart")
    return sentences


def _finding_of(verdict: str, evidence: list[str], tries: Sequence[Changes]) -> _Finding:
    return _Finding(verdict, evidence, () if verdict == HEALTHY else tries)


def _recent(losses: Sequence[Row]) -> Sequence[Row]:
    """Returns the last quarter of the rows."""
    return losses[-max(_FEWEST_ROWS, len(losses) // 4) :]


def _more_augmentation(settings: TrainSettings) -> list[Changes]:
    """Returns what augments more than the settings do, if anything does."""
    match settings.augmentation:
        case None:
            return [{"diff_augment": DEFAULT_POLICY}]
        case DiffAugmentSettings(diff_augment=policy) if "cutout" not in policy:
            return [{"diff_augment": "color,translation,cutout"}]
        case _:
            return []


def _half_rate(name: str, settings: TrainSettings) -> Changes:
    return {name: getattr(settings.optimization, name) / 2}


def _length(settings: TrainSettings, step: int) -> list[Changes]:
    """Returns what ends a training at a step, in the words in which its length was given."""
    optimization = settings.optimization
    share = step / optimization.steps
    if isinstance(settings.sparsity, TicketSearchSettings):
        return []  # whose rounds each begin anew
    if settings.search is not None:
        return [{"rounds": max(1, round(share * settings.search.rounds))}]
    if optimization.epochs is not None:
        return [{"epochs": max(1, round(share * optimization.epochs))}]
    if optimization.hours is not None:
        return [{"hours": float(f"{share * optimization.hours:.2g}")}]
    return [{"steps": step}]
