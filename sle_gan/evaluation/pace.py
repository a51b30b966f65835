"""Lines of how many images are done, and how fast. Imports no TensorFlow."""

import time
from collections.abc import Callable

_SECONDS_BETWEEN_LINES = 10


def tell_pace(count: int, tell: Callable[[str], None]) -> Callable[[int], None]:
    """Makes the function that a scoring calls with the number of images done.

    Args:
        count: images in all.
        tell: function of a line of text, called every ten seconds at most, and at the end.

    Returns:
        A function of the number of images done, which rises to `count`.
    """
    start = reported = time.monotonic()

    def done(images: int) -> None:
        nonlocal reported
        now = time.monotonic()
        if now - reported > _SECONDS_BETWEEN_LINES or images == count:
            reported = now
            tell(f"{images} of {count} images, {images / (now - start):.1f} images/s")

    return done
