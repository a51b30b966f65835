"""From the images that were shown to what is trained: the side, how far it has faded in, the batch. No TensorFlow.

Source: Karras et al. 2018, arXiv:1710.10196, appendix A, and its code; Re-GAN's schedule is that of Saxena et al., CVPR
2023, in its ProGAN.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sle_gan.errors import InputError
from sle_gan.settings import TrainSettings
from sle_gan.settings.growth import GrowthSettings

_FIRST_SIDE = 4
_PAPER_IMAGES = 600_000
_PAPER_BATCHES = {32: 64, 64: 32, 128: 16, 256: 8, 512: 4, 1024: 4}  # on one GPU; 128 at smaller sides
_LARGEST_BATCH = 128
_PASSES_OF_SIDE = 2  # of Re-GAN's schedule, but for the last side


class Stage(NamedTuple):
    """What is trained after some number of images.

    Attributes:
        index: number of the phase, from 0; where it changes the optimizers begin anew in the paper's schedule.
        side: of the pictures in pixels.
        old_share: t, the share of the half side's picture: 0 while a side is trained, falling to 0 while it fades in.
        batch_size: images in a step of the discriminator.
    """

    index: int  # type: ignore[assignment]  # these hide a method of tuples
    side: int
    old_share: float
    batch_size: int


class Phase(NamedTuple):
    """A part of the growing.

    Attributes:
        begin: images shown at the first step of it, at least.
        side: in pixels.
        batch_size: images in a step of the discriminator.
        fade_from: images shown at which the share of the half side is 1.
        fade_images: over which it falls to 0; 0 if the side is there alone.
    """

    begin: int
    side: int
    batch_size: int
    fade_from: int = 0
    fade_images: int = 0

    def old_share(self, images: int) -> float:
        """Returns the share of the half side's picture, in [0, 1], after so many images."""
        if not self.fade_images:
            return 0.0
        return min(max(1.0 - (images - self.fade_from) / self.fade_images, 0.0), 1.0)


@dataclass(frozen=True)
class Growth:
    """The phases of a growing training: pure functions of the images shown.

    Attributes:
        phases: in their order; the first begins at 0, the last has no end.
        n_critic: steps of the discriminator for each of the generator.
        resets: whether both optimizers begin anew where a phase ends, and reals are faded as the pictures are.
    """

    phases: tuple[Phase, ...]
    n_critic: int
    resets: bool

    @property
    def full_side(self) -> int:
        """The side that is grown to, in pixels."""
        return self.phases[-1].side

    def stage_at(self, images: int) -> Stage:
        """Returns what is trained in the next step, after so many images were shown."""
        index = max(number for number, phase in enumerate(self.phases) if phase.begin <= images)
        phase = self.phases[index]
        return Stage(index, phase.side, phase.old_share(images), phase.batch_size)

    def level_at(self, images: int) -> float:
        """Returns the level of the networks: 0 at the full side, 1 more for each halving; see `layers.growing`."""
        stage = self.stage_at(images)
        return math.log2(self.full_side // stage.side) + stage.old_share

    def images_at(self, steps: int) -> int:
        """Returns how many real images were shown after so many steps of the generator."""
        shown = 0
        for phase, following in zip(self.phases, self.phases[1:], strict=False):
            size = phase.batch_size * self.n_critic
            of_phase = max(0, math.ceil((following.begin - shown) / size))
            if steps <= of_phase:
                return shown + steps * size
            shown, steps = shown + of_phase * size, steps - of_phase
        return shown + steps * self.phases[-1].batch_size * self.n_critic

    def steps_to(self, images: int) -> int:
        """Returns the least number of steps of the generator after which so many images were shown."""
        shown, steps = 0, 0
        for phase, following in zip(self.phases, [*self.phases[1:], None], strict=True):
            size = phase.batch_size * self.n_critic
            target = images if following is None else min(images, following.begin)
            of_phase = max(0, math.ceil((target - shown) / size))
            shown, steps = shown + of_phase * size, steps + of_phase
        return steps

    @property
    def last_phase_step(self) -> int:
        """The number of steps after which the last phase begins."""
        return self.steps_to(self.phases[-1].begin)

    def lengths(self, total_steps: int) -> list[tuple[Phase, int, int]]:
        """Returns the phases of a training of so many steps, with the steps that each begins and ends after."""
        begins = [min(self.steps_to(phase.begin), total_steps) for phase in self.phases]
        return list(zip(self.phases, begins, [*begins[1:], total_steps], strict=True))

    def timeline(self, total_steps: int) -> list[str]:
        """Says which side is trained when, in lines of text, for a training of so many steps."""
        return [
            f"steps {begin} to {end}: {phase.side} px{', fading in' if phase.fade_images else ''}, "
            f"{phase.batch_size} images in a step"
            for phase, begin, end in self.lengths(total_steps)
            if begin < end
        ]


def growth_of(settings: TrainSettings) -> Growth | None:
    """Returns how the networks of a training grow; None if they do not."""
    if settings.growth is None:
        return None
    optimization = settings.optimization
    return _growth(settings.growth, settings.images.shape.side, optimization.batch_size, optimization.n_critic)


def images_shown(settings: TrainSettings, step: int) -> int:
    """Returns how many real images a training has shown after so many steps of the generator."""
    growth = growth_of(settings)
    return step * settings.optimization.images_per_step if growth is None else growth.images_at(step)


def settle_growth(values: dict[str, Any], image_count: int | None, chosen: Mapping[str, Any]) -> None:
    """Works out how networks grow, and how many steps a training of so many passes has that grows.

    Args:
        values: settings by name, with their defaults; what is worked out is put in.
        image_count: number of images that are trained on.
        chosen: those that were given.

    Raises:
        ValueError: if `image_count` is needed.
    """
    if values["growth"] != "progressive":
        return
    if image_count is None:
        raise ValueError("image_count must be given: the phases of growing follow from it")
    variant_schedule = "regan" if values["progan_variant"] == "regan" else "paper"
    values.setdefault("growth_schedule", variant_schedule)
    values.setdefault("growth_batch", "same" if "batch_size" in chosen else "paper")
    images = None if values["epochs"] is None else values["epochs"] * image_count
    shape = values["resolution"], values["batch_size"], values["n_critic"]
    values |= {"phase_images": 1, "last_images": 1, "pass_images": image_count}
    values["phase_images"] = values.get("growth_images") or _default_images(values, images, image_count)
    growth = _growth_of_values(values, *shape)
    if images is not None:
        values["steps"] = growth.steps_to(images)
    last = growth.phases[-1]
    values["grown_step"] = growth.last_phase_step
    values["last_images"] = max(1, growth.images_at(values["steps"]) - last.begin)


def check_growth(settings: TrainSettings) -> None:
    """Checks that a training reaches the full side.

    Args:
        settings: of the training.

    Raises:
        InputError: if it would end before.
    """
    growth, steps = growth_of(settings), settings.optimization.steps
    if growth is not None and growth.last_phase_step >= steps:
        raise InputError(
            f"the full side of {growth.full_side} px would be reached after step {growth.last_phase_step}, and the "
            f"training ends at {steps}; give more --steps, fewer --growth-images, or --growth none"
        )


def _growth_of_values(values: Mapping[str, Any], side: int, batch_size: int, n_critic: int) -> Growth:
    names = ("growth_images", "growth_batch", "growth_schedule", "phase_images", "last_images", "pass_images")
    given: dict[str, Any] = {name: values.get(name) for name in names}
    return _growth(GrowthSettings(**given), side, batch_size, n_critic)


def _default_images(values: Mapping[str, Any], images: int | None, image_count: int) -> int:
    """Returns the images of a phase: of a half of all steps, each phase the same; with Re-GAN's schedule two passes."""
    if values["growth_schedule"] == "regan":
        return _PASSES_OF_SIDE * image_count
    *growing, last = _growth_of_values(values, values["resolution"], values["batch_size"], values["n_critic"]).phases
    steps_per_image = sum(1.0 / (phase.batch_size * values["n_critic"]) for phase in growing)
    if images is None:
        fitting = values["steps"] / 2 / steps_per_image
    else:
        fitting = images / (len(growing) + steps_per_image * last.batch_size * values["n_critic"])
    return max(1, min(int(fitting), _PAPER_IMAGES))


def _growth(settings: GrowthSettings, full_side: int, batch_size: int, n_critic: int) -> Growth:
    sides = [_FIRST_SIDE * 2**power for power in range(int(math.log2(full_side // _FIRST_SIDE)) + 1)]
    sizes = [_batch_size(settings, side, batch_size) for side in sides[:-1]] + [batch_size]
    if settings.growth_schedule == "regan":
        phases = _fading_throughout(settings, sides, sizes)
    else:
        phases = _trained_and_fading(settings.phase_images, sides, sizes)
    return Growth(tuple(phases), n_critic, resets=settings.growth_schedule == "paper")


def _trained_and_fading(images: int, sides: Sequence[int], sizes: Sequence[int]) -> list[Phase]:
    phases = [Phase(0, sides[0], sizes[0])]
    for number, (side, size) in enumerate(zip(sides[1:], sizes[1:], strict=True)):
        fade_from = (2 * number + 1) * images
        # As in the authors' code, a side is still alone when so many images were shown, and fades in after that.
        phases += [Phase(fade_from + 1, side, size, fade_from, images), Phase(fade_from + images, side, size)]
    return phases


def _fading_throughout(settings: GrowthSettings, sides: Sequence[int], sizes: Sequence[int]) -> list[Phase]:
    phases = [Phase(0, sides[0], sizes[0])]
    for number, (side, size) in enumerate(zip(sides[1:], sizes[1:], strict=True), start=1):
        begin = number * settings.phase_images
        images = settings.last_images if side == sides[-1] else settings.phase_images
        # The new side begins with the weight that it would have after a pass.
        phases.append(Phase(begin, side, size, begin - settings.pass_images, images))
    return phases


def _batch_size(settings: GrowthSettings, side: int, batch_size: int) -> int:
    if settings.growth_batch == "same":
        return batch_size
    return max(batch_size, _PAPER_BATCHES.get(side, _LARGEST_BATCH))
