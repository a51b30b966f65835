"""Lottery tickets: iterative magnitude pruning with rewinding, and tickets as files that can be shared.

Sources: Frankle & Carbin 2019, arXiv:1803.03635; Chen et al., ICLR 2021 (GAN-LTH) and NeurIPS 2021.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.array_files import read_arrays, write_arrays
from sle_gan.errors import InputError
from sle_gan.keras_version import needs_keras_2
from sle_gan.sparsity.callback import SparseCallback
from sle_gan.sparsity.masks import Masks
from sle_gan.sparsity.schedules import TicketRounds
from sle_gan.sparsity.selection import Mask, keep_largest_of_all, keep_random, live_count
from sle_gan.training.distillation import Distillation
from sle_gan.training.ema import copy_weights
from sle_gan.training.gan import GAN

_FORMAT = "sle-gan ticket 1"
_NETWORKS = ("generator", "discriminator")


class Subnetwork(NamedTuple):
    """Which weights of a network live, and the values that its variables start from.

    Attributes:
        masks: bool arrays by kernel; see `sle_gan.sparsity.masks.prunable_kernels`.
        weights: arrays of all variables, by name; see `named_variables`.
    """

    masks: dict[str, Mask]
    weights: dict[str, NDArray[Any]]


class Ticket(NamedTuple):
    """A subnetwork that trains, and what found it.

    Attributes:
        generator: a `Subnetwork`.
        discriminator: a `Subnetwork`, or None if its weights were not pruned.
        found_by: settings, round, step and density: plain values.
    """

    generator: Subnetwork
    discriminator: Subnetwork | None
    found_by: dict[str, Any]


def write_ticket(file: Path, ticket: Ticket) -> None:
    """Writes a ticket: arrays and JSON in one safetensors file, whole or not at all.

    Args:
        file: path; its folder is made.
        ticket: a `Ticket`.

    Raises:
        StorageError: if it cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for network in _NETWORKS:
        for part, named in (getattr(ticket, network) or Subnetwork({}, {}))._asdict().items():
            arrays |= {f"{network}/{part}/{name}": array for name, array in named.items()}
    # One entry, because safetensors writes several in no order, and equal tickets are to be equal files.
    write_arrays(file, arrays, {_FORMAT: json.dumps(ticket.found_by, sort_keys=True)})


def read_ticket(file: Path | str) -> Ticket:
    """Reads a ticket; nothing in it is executed.

    Args:
        file: path.

    Returns:
        A `Ticket`.

    Raises:
        InputError: if it is no ticket, or damaged.
    """
    arrays, metadata = read_arrays(file)
    if _FORMAT not in metadata:
        raise InputError(f"{file} is no ticket of this version; --find-ticket writes them")
    networks: dict[str, dict[str, dict[str, NDArray[Any]]]] = {}
    for name, array in arrays.items():
        network, _, rest = name.partition("/")
        part, _, variable = rest.partition("/")
        networks.setdefault(network, {}).setdefault(part, {})[variable] = array
    subnetworks = {
        network: Subnetwork(parts.get("masks", {}), parts.get("weights", {})) for network, parts in networks.items()
    }
    masks = [mask for subnetwork in subnetworks.values() for mask in subnetwork.masks.values()]
    if "generator" not in subnetworks or any(mask.dtype != bool for mask in masks):
        raise InputError(f"{file} is damaged: it holds no masks of a generator")
    try:
        found_by = json.loads(metadata[_FORMAT])
    except ValueError as error:
        raise InputError(f"{file} is damaged: what found it is no JSON ({error})") from error
    return Ticket(subnetworks["generator"], subnetworks.get("discriminator"), found_by)


@needs_keras_2
def named_variables(network: keras.Model) -> dict[str, tf.Variable]:
    """Returns every variable of a network by a name that tells where it stands.

    Args:
        network: a built functional `keras.Model`.

    Returns:
        Variables by `<layer>/<place among the layer's weights>`.
    """
    return {f"{layer.name}/{place}": weight for layer in network.layers for place, weight in enumerate(layer.weights)}


@needs_keras_2
def apply_subnetwork(
    subnetwork: Subnetwork, network: keras.Model, masks: Masks, *, shuffle_seed: int | None = None
) -> None:
    """Starts a network from a ticket's.

    Args:
        subnetwork: a `Subnetwork`.
        network: the network that it was found in, or one of the same shape.
        masks: `Masks` of the network's kernels.
        shuffle_seed: the control with masks drawn at random, of the same density for each kernel; None for the
            ticket's own.

    Raises:
        InputError: if the ticket is of another network.
    """
    variables = named_variables(network)
    kernels = dict(zip(masks.names, masks.kernels, strict=True))
    for kind, found, needed in (
        ("weights", subnetwork.weights, variables),
        ("masks", subnetwork.masks, kernels),
    ):
        different = {(name, tuple(array.shape)) for name, array in found.items()} ^ {
            (name, tuple(variable.shape)) for name, variable in needed.items()
        }
        if different:
            name, shape = min(different)
            raise InputError(f"the ticket's {kind} are not those of this {network.name}: {name} {list(shape)}")
    for name, variable in variables.items():
        variable.assign(subnetwork.weights[name])
    chosen = [subnetwork.masks[name] for name in masks.names]
    if shuffle_seed is not None:
        chosen = [
            keep_random(mask.shape, int(np.count_nonzero(mask)), np.random.default_rng([shuffle_seed, index]))
            for index, mask in enumerate(chosen)
        ]
    masks.set(chosen)


def pruned_globally(masks: Masks, density: float) -> list[Mask]:
    """Prunes by magnitude over all kernels together; what is pruned stays so.

    Args:
        masks: `Masks`.
        density: share of all weights that lives, in [0, 1].

    Returns:
        List of bool masks.
    """
    scores = [np.where(mask, np.abs(weight), -1.0) for weight, mask in zip(masks.weights(), masks.read(), strict=True)]
    return keep_largest_of_all(scores, live_count(sum(score.size for score in scores), density))


class TicketSearch(SparseCallback):
    """Iterative magnitude pruning: train, prune, rewind and train again, all rounds in one `fit` of a `GAN`.

    Where a round ends, the smallest weights over all kernels of the generator are pruned and a ticket is written. Then
    every variable of the generator goes back to the rewinding point, and so does the discriminator; the averaged
    generator is a copy again, and the optimizers start anew. The last round ends with its ticket; its networks stay
    as they were trained. Everything that says where the search is lies in the model's checkpoint, so a search that was
    killed goes on in its round, at its step.

    Args:
        rounds: a `TicketRounds`.
        folder: where tickets and the rewinding point are written.
        found_by: plain values that each ticket tells.
        masks: `Masks` of the generator.
        discriminator_masks: `Masks` of the discriminator, pruned by the same rate with a threshold of its own; or None.
        keep_discriminator: whether the discriminator goes on trained instead of being rewound.
        distillation: what learns from the discriminator of the first round in the others (see
            `sle_gan.training.distillation`), or None.

    Raises:
        ValueError: in `fit`, if the model is no `GAN`.
        StorageError: if a ticket cannot be written.
    """

    def __init__(
        self,
        rounds: TicketRounds,
        folder: Path,
        found_by: dict[str, Any],
        *,
        masks: Masks,
        discriminator_masks: Masks | None = None,
        keep_discriminator: bool = False,
        distillation: Distillation | None = None,
    ) -> None:
        of_discriminator = {} if discriminator_masks is None else {"discriminator": discriminator_masks}
        super().__init__({"generator": masks, **of_discriminator})
        self.rounds = rounds
        self.folder = folder
        self.found_by = found_by
        self.masks = masks
        self.discriminator_masks = discriminator_masks
        self.keep_discriminator = keep_discriminator
        self.distillation = distillation
        self.round = tf.Variable(0, trainable=False, dtype=tf.int64, name="round")
        self._rewinding_point = folder / "rewinding-point.safetensors"

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns what a resumed search needs beside the model and the masks, for `tf.train.Checkpoint`."""
        return {"round": self.round}

    def steps_done(self) -> int:
        """Returns the number of steps of the model."""
        return int(self.model.steps.numpy())

    def waits_for(self) -> str | None:
        """Returns that the first round has not ended yet, or None."""
        end = self.rounds.end_of(0)
        return None if self.steps_done() >= end else f"no ticket was found: the first round ends at step {end}"

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keeps the initial weights, if they are what is rewound to."""
        if not isinstance(self.model, GAN):
            raise ValueError(f"TicketSearch trains an sle_gan.training.gan.GAN; got {type(self.model).__name__}")
        super().on_train_begin(logs)
        self._keep_rewinding_point(self.steps_done())

    def on_steps(self, before: int, step: int) -> None:
        """Ends a round when it is time."""
        self._keep_rewinding_point(step)
        round_number = int(self.round.numpy())
        if step >= self.rounds.end_of(round_number):
            self._end_round(round_number)

    def _keep_rewinding_point(self, step: int) -> None:
        if step == self.rounds.rewind_step and int(self.round.numpy()) == 0:
            write_arrays(self._rewinding_point, {name: v.numpy() for name, v in self._rewound_variables().items()}, {})

    def _end_round(self, round_number: int) -> None:
        self.model.raise_if_not_finite()
        is_last = round_number == self.rounds.count - 1
        density = self.rounds.density_after(round_number)
        pruned = {"generator": pruned_globally(self.masks, density)}
        if self.discriminator_masks is not None:
            pruned["discriminator"] = pruned_globally(self.discriminator_masks, density)
        if self.rounds.rewind_step is None:
            start = {name: variable.numpy() for name, variable in self._rewound_variables().items()}
        else:
            start, _ = read_arrays(self._rewinding_point)
        self._write_ticket(round_number, density, pruned, start)
        if is_last:
            return
        if self.distillation is not None and round_number == 0:
            self.distillation.learn_from(self.model.discriminator)
        if self.rounds.rewind_step is not None:
            self._rewind(start)
        self.masks.set(pruned["generator"])
        if self.discriminator_masks is not None:
            self.discriminator_masks.set(pruned["discriminator"])
        copy_weights(self.model.average_generator, self.model.generator)
        self.round.assign_add(1)

    def _rewind(self, start: Mapping[str, NDArray[Any]]) -> None:
        for name, variable in self._rewound_variables().items():
            if not (self.keep_discriminator and not name.startswith("generator/")):
                variable.assign(start[name])
        for optimizer in (self.model.generator_optimizer, self.model.discriminator_optimizer):
            for variable in optimizer.variables:
                variable.assign(tf.zeros_like(variable))

    def _rewound_variables(self) -> dict[str, tf.Variable]:
        items = self.model.checkpoint_items()
        networks = [name for name in ("generator", "discriminator", "decoders") if name in items]
        return {
            f"{network}/{name}": variable
            for network in networks
            for name, variable in named_variables(items[network]).items()
        }

    def _write_ticket(
        self, round_number: int, density: float, pruned: Mapping[str, list[Mask]], start: Mapping[str, NDArray[Any]]
    ) -> None:
        def subnetwork(network: str, masks: Masks) -> Subnetwork:
            return Subnetwork(
                dict(zip(masks.names, pruned[network], strict=True)),
                {name.partition("/")[2]: array for name, array in start.items() if name.startswith(f"{network}/")},
            )

        discriminator = self.discriminator_masks
        ticket = Ticket(
            subnetwork("generator", self.masks),
            None if discriminator is None else subnetwork("discriminator", discriminator),
            self.found_by | {"round": round_number, "step": self._step, "density": density},
        )
        file = self.folder / f"ticket-{round_number + 1:02d}-{100 * density:.1f}.safetensors"
        write_ticket(file, ticket)
        print(f"round {round_number + 1} of {self.rounds.count} ends at {density:.1%} live weights: {file}", flush=True)
