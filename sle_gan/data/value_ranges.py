"""What values images of more than 8 bits hold: whether 8 bits show them, and which range would. No TensorFlow."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sle_gan.data.decode import DEEP_MODES, full_range
from sle_gan.data.folder import DAMAGE, FolderScan, ImageFile, format_some, open_image, pillow_warnings_ignored
from sle_gan.data.in_threads import in_threads
from sle_gan.errors import InputError
from sle_gan.settings.advice import as_flags

_LOOKED_AT_MOST = 64
_LITTLE = 0.5  # of the range, below which pictures look flat


class ValueRange(NamedTuple):
    """The values of an image of more than 8 bits.

    Attributes:
        path: of the image, relative to its folder.
        low: the smallest that is finite.
        high: the largest.
        full: both ends of the range that is mapped to [0, 255] by itself.
        is_own: whether that is the image's own range, since its values lie beyond those of its format.
    """

    path: str
    low: float
    high: float
    full: tuple[float, float]
    is_own: bool


def describe_value_ranges(scanned: FolderScan, value_range: Sequence[float] | None) -> list[str]:
    """Says which values the images of more than 8 bits hold, and what they are mapped from.

    Up to 64 of them are decoded, spread over the folder.

    Args:
        scanned: a `FolderScan`.
        value_range: both ends of what is mapped to [0, 255], of all images alike; None for the range of each format.

    Returns:
        Lines of text; none where there are no such images.
    """
    deep = [image for image in scanned.images if image.mode in DEEP_MODES]
    if not deep:
        return []
    chosen = deep[:: -(-len(deep) // _LOOKED_AT_MOST)]

    def look_at(image: ImageFile) -> ValueRange | None:
        try:
            return _range_of(scanned, image)
        except (InputError, OSError, *DAMAGE):
            return None  # which is told when the images are decoded

    with pillow_warnings_ignored():
        ranges = [found for _, found in in_threads(look_at, chosen, "looking at values") if found is not None]
    if not ranges:
        return []
    low, high = min(found.low for found in ranges), max(found.high for found in ranges)
    what = f"{len(deep)} images of more than 8 bits, values {low:g} to {high:g}"
    if len(chosen) < len(deep):
        what += f" in the {len(chosen)} that were looked at"
    if value_range is not None:
        first, last = value_range
        beyond = "; those beyond are cut off" if low < first or high > last else ""
        return [f"{what}, mapped from {first:g} to {last:g}{beyond}"]
    wide = max(high, low + 1)
    mend = f"give {as_flags({'range': (low, wide)})}"
    own = [found.path for found in ranges if found.is_own]
    if own:
        return [f"{what}: warning: scaled each by itself: {format_some(own)}; {mend} for all alike"]
    first, last = min(found.full[0] for found in ranges), max(found.full[1] for found in ranges)
    share = (high - low) / (last - first)
    if share < _LITTLE:
        return [f"{what}: warning: only {share:.0%} of {first:g} to {last:g}, so they look flat; {mend}"]
    return [f"{what}, mapped from {first:g} to {last:g}"]


def _range_of(scanned: FolderScan, image: ImageFile) -> ValueRange:
    with open_image(scanned.folder / image.path) as opened:
        values = np.asarray(opened).astype(np.float64)
        mode = opened.mode
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    full = full_range(mode, low, high)
    is_own = full not in {full_range(mode, 0.0, end) for end in (0.0, 256.0)}
    return ValueRange(image.path, low, high, full, is_own)
