"""The rounds of a search: which of its parts a step belongs to. Imports no TensorFlow."""

from typing import Any, NamedTuple

from sle_gan.errors import InputError
from sle_gan.settings.field import flag_name, settings_of
from sle_gan.settings.search import INNER_STEPS, ArchitectureSearchSettings

WEIGHTS, BEST_DISCRIMINATOR, BEST_GENERATOR, ARCHITECTURE = range(4)  # the parts of a round, in their order


class Rounds(NamedTuple):
    """Rounds of four parts: the weights, the two best responses to them, the architecture.

    Whatever takes a step takes whole numbers or integer tensors.

    Attributes:
        inner: steps of the discriminator on the weights' half of the images.
        best_response: steps of each best response.
        architecture: steps of the architecture parameters.
        generator_interval: steps of the discriminator from one of the generator to the next, counted through all
            rounds.

    Source: algorithm 1 of Tian et al. 2021, arXiv:2006.09134, and the authors' code.
    """

    inner: int
    best_response: int
    architecture: int
    generator_interval: int

    @property
    def steps(self) -> int:
        """Steps of a round, in all parts."""
        return self.ends[-1]

    @property
    def ends(self) -> tuple[int, int, int, int]:
        """The step of a round at which each part has ended."""
        first, second = self.inner, self.inner + self.best_response
        third = second + self.best_response
        return first, second, third, third + self.architecture

    def round_of(self, step: Any) -> Any:
        """Returns the round of a step, counted from 0."""
        return step // self.steps

    def place_of(self, step: Any) -> Any:
        """Returns how many steps of its round are before a step."""
        return step % self.steps

    def moves_generator(self, step: Any) -> Any:
        """Returns whether the generator makes a step behind the discriminator's, at a step of the first part."""
        return (self.round_of(step) * self.inner + self.place_of(step)) % self.generator_interval == 0


def rounds_of(search: ArchitectureSearchSettings) -> Rounds:
    """Returns the rounds of a search."""
    return Rounds(search.inner_steps, search.best_response_steps, search.architecture_steps, search.generator_interval)


def settle_search(values: dict[str, Any]) -> None:
    """Fills in what a search is, in place: its networks, its length, a row of metrics for each round.

    Args:
        values: settings by name, as they are given; those of no search stay as they are.

    Raises:
        InputError: if it is to search in other networks, or its length is given by other settings than its rounds.
    """
    if values.get("variant") is None:
        return
    for name, needed in _NETWORKS.items():
        if values.setdefault(name, needed) != needed:
            raise InputError(f"{flag_name(name)} must be {needed} in a search; got {values[name]}")
    for name in ("steps", "epochs"):
        if values.get(name) is not None:
            raise InputError(f"{flag_name(name)} is not how long a search is told to be: give --rounds")
    values.setdefault("n_critic", 1)
    values.setdefault("strategy", "one")
    values.setdefault("inner_steps", INNER_STEPS[values["variant"]])
    values.setdefault("best_response_steps", values["inner_steps"])
    defaults = {name: one.default for name, one in settings_of(ArchitectureSearchSettings).items() if one.has_default}
    rounds = rounds_of(ArchitectureSearchSettings(**{name: (defaults | values)[name] for name in _NAMES}))
    values["steps"] = rounds.steps * values.get("rounds", defaults["rounds"])
    values.setdefault("log_frequency", rounds.steps)
    if values.get("ema_decay") is None and values.get("ema_kimg") is None:
        values["ema_decay"] = _EMA_DECAY


_EMA_DECAY = 0.98  # of a training with 436 steps of the generator in all, not 50,000
_NETWORKS = {"model": "alphagan", "generator": "alphagan-supernet"}
_NAMES = tuple(settings_of(ArchitectureSearchSettings))
