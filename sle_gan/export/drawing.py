"""What a run's pictures are drawn with: a checkpoint, a class, a truncation.

All of it is checked without TensorFlow, which is loaded with the generator, when the first picture is drawn.
"""

import functools
import operator
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sle_gan.data.classes import label_of
from sle_gan.errors import InputError
from sle_gan.export.latents import Code, Latent, Point, Styles
from sle_gan.models import GENERATORS
from sle_gan.quiet import quiet_start
from sle_gan.run import RunFolder

if TYPE_CHECKING:
    from sle_gan.export.trained import TrainedGenerator

LARGEST_TRUNCATION = 2
LARGEST_SEED = 2**31 - 1
_LONGEST_LIST = 1_000_000  # of seeds that are no range


@dataclass(frozen=True)
class Drawing:
    """What pictures of a run are drawn with; `plan_drawing` makes it. Equal ones draw equal pictures.

    Attributes:
        run: the `RunFolder`.
        planned_step: step of the checkpoint.
        class_name: the class of all pictures; None for the classes in turn, and without classes.
        label: the number of the class; None without `class_name`.
        truncation: see `TrainedGenerator`.
        is_newest: whether the newest checkpoint is meant: where it is deleted before it is read, as a run that trains
            does, the newest of then is drawn with.
    """

    run: RunFolder
    planned_step: int
    class_name: str | None
    label: int | None
    truncation: float | None
    is_newest: bool

    @functools.cached_property
    def trained(self) -> "TrainedGenerator":
        """The `TrainedGenerator`, loaded when it is first asked for.

        Raises:
            InputError: if the run's settings describe no network, or the checkpoint is damaged or gone.
        """
        with quiet_start():
            import tensorflow as tf

            from sle_gan.export.trained import TrainedGenerator

            tf.config.list_logical_devices()  # starts the runtime here, where its messages are expected
        label = {} if self.label is None else {"label": self.label}
        return TrainedGenerator(self.run, self.planned_step, self.truncation, or_newest=self.is_newest, **label)

    @property
    def step(self) -> int:
        """The step of the checkpoint; once the generator is loaded, of the one that was read."""
        return self.trained.step if "trained" in self.__dict__ else self.planned_step

    @property
    def background(self) -> tuple[int, int, int]:
        """The color under transparency: three numbers in [0, 255]."""
        return self.run.settings().images.background_rgb

    @property
    def channels(self) -> int:
        """Numbers of a pixel: 1 (grey), 3 (RGB) or 4 (RGBA)."""
        return self.run.settings().images.channels

    @property
    def picture_bytes(self) -> int:
        """Bytes of the pixels of one picture."""
        images = self.run.settings().images
        return images.shape.pixels * images.channels

    @property
    def origin(self) -> dict[str, str]:
        """What a file of a picture says of where it comes from: words by name."""
        of_class = {} if self.class_name is None else {"class": self.class_name}
        of_truncation = {} if self.truncation is None else {"truncation": repr(float(self.truncation))}
        return {"run": self.run.name, "step": str(self.step)} | of_class | of_truncation


def plan_drawing(
    run: RunFolder,
    step: int | None = None,
    class_name: str | None = None,
    truncation: float | None = None,
    *,
    with_styles: bool = False,
) -> Drawing:
    """Checks what pictures of a run are to be drawn with. Loads no TensorFlow.

    Args:
        run: the `RunFolder`.
        step: step of the checkpoint; the newest if None.
        class_name: of a run with classes, the class of all pictures, whatever its case; the classes in turn if None.
        truncation: from 0 to 2, how far pictures go from the average one: 1 changes nothing. None for the network as
            it is.
        with_styles: whether styles are given, mixed or walked among, which draws by way of them.

    Raises:
        InputError: if the run has no such checkpoint or class, styles are asked of a network without them, or the
            truncation is out of its range.
    """
    settings = run.settings()
    name = settings.network.generator
    row = GENERATORS.get(name)
    with_styles = with_styles or truncation is not None
    if with_styles and row is not None and not row.has_styles:
        asked = "--truncation, --mix-seeds, --space w and styles in --latents"
        raise InputError(f"{asked} need a network with styles, such as stylegan2; {run.path} is {name}")
    if truncation is not None and not 0 <= truncation <= LARGEST_TRUNCATION:
        raise InputError(f"--truncation must be a number from 0 to {LARGEST_TRUNCATION}; got {truncation}")
    label = None
    if class_name is not None:
        names = settings.images.class_names
        if not names:
            raise InputError(f"--class needs a run that was trained with --conditional; {run.path} was not")
        label = label_of(class_name, names)
        class_name = names[label]
    truncation = 1.0 if with_styles and truncation is None else truncation
    planned_step, _ = run.generator_checkpoint(step)
    return Drawing(run, planned_step, class_name, label, truncation, is_newest=step is None)


def checked_seeds(seeds: Iterable[int], flag: str = "--seeds", *, least: int = 1) -> Sequence[int]:
    """Returns seeds as a sequence of whole numbers; a `range` stays one, however long.

    Args:
        seeds: whole numbers from 0 to 2**31 - 1.
        flag: what they are called in an error.
        least: how many there must be.

    Raises:
        InputError: if there are fewer, or one is no such number.
    """
    try:
        numbers = seeds if isinstance(seeds, range) else [operator.index(seed) for seed in seeds]
    except TypeError:
        raise InputError(f"{flag} must be whole numbers, such as range(16); got {seeds!r}") from None
    if len(numbers) < least:
        count = "a seed" if least == 1 else "two seeds"
        raise InputError(f"{flag} must name {count} at least; got {format_seeds(numbers) or 'none'}")
    for seed in (*numbers[:1], *numbers[-1:]) if isinstance(numbers, range) else numbers:
        if not 0 <= seed <= LARGEST_SEED:
            raise InputError(f"{flag} must be from 0 to {LARGEST_SEED}; got {seed}")
    return numbers


def checked_points(points: Iterable[Point], *, least: int = 1) -> Sequence[Point]:
    """Returns seeds, see `checked_seeds`, and behind them codes and styles.

    Args:
        points: of each kind in its order; how the kinds are mixed is not kept.
        least: how many there must be.

    Raises:
        InputError: if there are fewer, or a seed is none.
    """
    if isinstance(points, range) or not isinstance(points, Iterable):
        return checked_seeds(points, least=least)
    seeds, latents = parted(list(points))
    if not latents:
        return checked_seeds(seeds, least=least)
    if len(seeds) + len(latents) < least:
        raise InputError("--seeds and --latents must name two at least; got one")
    return [*checked_seeds(seeds, least=0), *latents]


def parted(points: Sequence[Point]) -> tuple[Sequence[int], list[Latent]]:
    """Returns the seeds among points, a `range` as it is, and the codes and styles."""
    if isinstance(points, range):
        return points, []
    latents = [point for point in points if isinstance(point, Code | Styles)]
    return [point for point in points if not isinstance(point, Code | Styles)], latents


def parse_seeds(text: str) -> Sequence[int]:
    """Reads seeds as they are given and as `format_seeds` writes them: numbers and ranges that rise, such as `0-15,20`.

    Raises:
        InputError: if they are something else, or too many for a list.
    """
    seeds = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,20})(?:-(\d{1,20}))?\s*", part, re.ASCII)
        if not match:
            raise InputError(f"must be whole numbers and ranges such as 0-15,20; got {text[:80]!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last > LARGEST_SEED:
            raise InputError(f"must be from 0 to {LARGEST_SEED}; got {last}")
        if first > last:
            raise InputError(f"must be ranges that rise, such as {last}-{first}; got {part.strip()}")
        seeds.append(range(first, last + 1))
    if len(seeds) == 1:
        return seeds[0]
    if sum(map(len, seeds)) > _LONGEST_LIST:
        raise InputError(f"must name {_LONGEST_LIST:,} seeds at most, or a single range")
    return [seed for part in seeds for seed in part]


def format_seeds(seeds: Sequence[int]) -> str:
    """Writes seeds as `--seeds` reads them, such as `0-15` of a range, or `3,7,20`."""
    is_run = isinstance(seeds, range) and seeds.step == 1 and len(seeds) > 1
    return f"{seeds[0]}-{seeds[-1]}" if is_run else ",".join(map(str, seeds))
