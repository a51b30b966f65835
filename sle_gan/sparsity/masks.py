"""Masks of a network's kernels, which say which weights live; tensorflow-model-optimization (tfmot) applies them.

A mask is 1 where a weight lives. Through its public interface, tfmot stores the masks and multiplies the kernels by
them, in a layer beside the network. So the network itself stays as it is, and spectral normalization, custom layers
and several optimizers work. `sle_gan.sparsity.selection` decides which weights live: tfmot would keep all weights that
tie at its threshold, so it cannot keep an exact number.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.keras_version import needs_keras_2
from sle_gan.sparsity.kernels import prunable_kernels, weights_by_name


class Masks:
    """The masks of a network's kernels, all ones at first: an `sle_gan.training.terms.UpdateRule`.

    The kernels of a network that has them are found at once. Those of one that makes them when it is first called, such
    as a subclassed model, are found by `look` and `find`; until then there are no masks, and every weight lives.

    Build them in the scope of the network's distribution strategy, if there is one.

    Args:
        network: the `keras.Model` that is pruned.
        average: a copy of it that averages its weights, with layers of the same names; a pruned weight is 0 there too.
        scope: what is masked; see `sle_gan.sparsity.kernels.prunable_kernels`.
        track_gradients: whether to keep the last dense gradient of each kernel, for methods that grow weights by it.
        first: function of the kernels by name -> the masks that they begin with, a list of bool arrays.

    Attributes:
        names, kernels, masks: of the kernels that were found; three lists of the same order.
        averages: variables of the averaged network, in that order; None without one.
        changes: how often the masks were replaced.
    """

    @needs_keras_2
    def __init__(
        self,
        network: keras.Model,
        average: keras.Model | None = None,
        scope: str = "kernels",
        *,
        track_gradients: bool = False,
        first: Callable[[dict[str, tf.Variable]], Sequence[NDArray[np.bool_]]] | None = None,
    ) -> None:
        self.network = network
        self.average = average
        self.scope = scope
        self.tracks_gradients = track_gradients
        self._first = first
        self.names: tuple[str, ...] = ()
        self.kernels: list[tf.Variable] = []
        self.averages: list[tf.Variable] | None = None if average is None else []
        # Lists that TensorFlow watches: what a checkpoint holds of a mask comes into it when it is appended.
        watched = tf.train.Checkpoint(masks=[], fresh=[])
        self.masks: list[tf.Variable] = watched.masks
        # 1 for weights that grew since the last update of the average: there the average is then set to the weight.
        self._fresh: list[tf.Variable] = watched.fresh
        self._gradients: list[tf.Variable] = []
        self.changes = 0
        self.look()

    @property
    def are_found(self) -> bool:
        """Whether the kernels were found."""
        return bool(self.kernels)

    def look(self) -> bool:
        """Finds the kernels if the network has them by now.

        Returns:
            Whether they are found.

        Raises:
            ValueError: as `find` does, but not for a network that will have its weights later.
        """
        has_all_weights = getattr(self.network, "inputs", None) is not None  # a functional model, or a Sequential
        if has_all_weights or self.are_found or (self.network.built and prunable_kernels(self.network, self.scope)):
            self.find()
        return self.are_found

    def find(self) -> None:
        """Finds the kernels of a network that has all its weights, and makes their masks.

        Raises:
            ValueError: if there are none, if the averaged network has others, or if the network has weights now that it
                did not have when its masks were made.
        """
        kernels = prunable_kernels(self.network, self.scope)
        if self.are_found:
            known = {id(kernel) for kernel in self.kernels}
            new = [name for name, kernel in kernels.items() if id(kernel) not in known]
            if new:
                raise ValueError(
                    f"{self.network.name} has weights that it did not have when its masks were made ({new[0]}); call "
                    "it once, or add its last layer, before the masks are made"
                )
            return
        if not kernels:
            raise ValueError(self._why_none())
        averages = None if self.average is None else self._averages_of(kernels, self.average)
        self._make(kernels, averages)

    def checkpoint_items(self) -> dict[str, list[tf.Variable]]:
        """Returns what a resumed run needs, by name, for `tf.train.Checkpoint`.

        Of masks that are not found yet, what a checkpoint holds is restored when they are.
        """
        return {"masks": self.masks, "fresh": self._fresh}

    def enforce(self) -> None:
        """Sets every pruned weight to 0: call it in the training step, after the optimizer."""
        if self.are_found:
            self._enforcer(tf.zeros([1, 1]), training=False)

    def masked(self, gradients: list, variables: list[tf.Variable]) -> list:
        """Sets the gradients of pruned weights to 0, so that the optimizer's state does not move them.

        Args:
            gradients: list of dense gradients, None where there is none.
            variables: the variable of each gradient; variables without a mask keep their gradient.

        Returns:
            List of gradients.
        """
        masks = dict(zip(map(id, self.kernels), self.masks, strict=True))
        if self._gradients:
            stores = dict(zip(map(id, self.kernels), self._gradients, strict=True))
            for gradient, variable in zip(gradients, variables, strict=True):
                if id(variable) in stores and gradient is not None:
                    stores[id(variable)].assign(gradient)
        return [
            gradient if gradient is None or id(variable) not in masks else gradient * masks[id(variable)]
            for gradient, variable in zip(gradients, variables, strict=True)
        ]

    def follow_growth(self) -> None:
        """Sets the average of weights that have just grown to the weights: call it after the update of the average.

        Source: Liu et al. 2022 (STU-GAN), sparse exponential moving average.
        """
        for fresh, average, kernel in zip(self._fresh, self.averages or (), self.kernels, strict=False):
            _update(average, (1.0 - fresh) * average + fresh * kernel)
            _update(fresh, tf.zeros_like(fresh))

    def read(self) -> list[NDArray[np.bool_]]:
        """Returns the masks: list of bool arrays."""
        return [mask.numpy() > 0.5 for mask in self.masks]

    def weights(self) -> list[NDArray[np.float32]]:
        """Returns the kernels: list of float32 arrays."""
        return [_numpy(kernel) for kernel in self.kernels]

    def gradients(self) -> list[NDArray[np.float32]]:
        """Returns the dense gradients of the last step, averaged over replicas: list of float32 arrays."""
        return [_numpy(gradient) for gradient in self._gradients]

    def set(self, masks: Sequence[NDArray[np.bool_]]) -> None:
        """Replaces the masks and applies them, to the averages too.

        A weight that grows starts from 0. A weight that is dropped and grown in the same call keeps its value.

        Args:
            masks: list of bool arrays, one for each kernel.
        """
        before = self.read()
        for variable, mask in zip(self.masks, masks, strict=True):
            variable.assign(mask.astype(np.float32))
        self._apply()
        for fresh, old, new in zip(self._fresh, before, masks, strict=False):
            fresh.assign((new & ~old).astype(np.float32))
        self.changes += 1

    def densities(self) -> dict[str, float]:
        """Returns the share of live weights, by name, in [0, 1]."""
        return {name: float(mask.mean()) for name, mask in zip(self.names, self.read(), strict=True)}

    def density(self) -> float:
        """Returns the share of live weights of all kernels together, in [0, 1]; 1 before they are found."""
        size: int = sum(kernel.shape.num_elements() for kernel in self.kernels)
        return self.live_weights() / size if size else 1.0

    def live_weights(self) -> int:
        """Returns the number of live weights."""
        return sum(int(np.count_nonzero(mask)) for mask in self.read())

    def _make(self, kernels: dict[str, tf.Variable], averages: list[tf.Variable] | None) -> None:
        self.names, self.kernels, self.averages = tuple(kernels), list(kernels.values()), averages
        self._enforcer = tfmot.sparsity.keras.prune_low_magnitude(
            _KernelGroup(self.kernels), pruning_schedule=_NeverByItself()
        )
        self._enforcer.build((None, 1))
        masks = [mask for _, mask, _ in self._enforcer.pruning_vars]
        if self._first is not None:
            for variable, mask in zip(masks, self._first(kernels), strict=True):
                variable.assign(mask.astype(np.float32))
            self.changes += 1
        self._gradients = [_like(kernel, "gradient") for kernel in self.kernels] if self.tracks_gradients else []
        # From here on a mask may be that of a checkpoint, so it is applied after this.
        self.masks.extend(masks)
        self._fresh.extend(_like(kernel, "fresh") for kernel in self.kernels if self.tracks_gradients and averages)
        self._apply()

    def _apply(self) -> None:
        self.enforce()
        for average, mask in zip(self.averages or (), self.masks, strict=False):
            average.assign(average * mask)

    def _why_none(self) -> str:
        network = self.network
        if not network.weights:
            return (
                f"{network.name} has no weights to mask, although the first batch is done: give the network that the "
                "training step calls, or call it once before the training"
            )
        if not network.trainable_weights:
            return f"{network.name} has no weights to mask, for all are frozen; set its trainable to True"
        if self.scope == "kernels":
            return f"{network.name} has no kernels of convolutions in two dimensions to mask; give scope='all'"
        return f"the scope {self.scope!r} holds no weight of {network.name}; give scope='all'"

    def _averages_of(self, kernels: dict[str, tf.Variable], average: keras.Model) -> list[tf.Variable]:
        found = weights_by_name(average, self.scope)
        for name, kernel in kernels.items():
            if name not in found or found[name].shape != kernel.shape:
                has = f"one of {found[name].shape}" if name in found else "none of that name"
                raise ValueError(
                    f"the averaged network must have the weights of {self.network.name}, but of {name} {kernel.shape} "
                    f"it has {has}: name the layers of both alike, as keras.models.clone_model does, and call it once"
                )
        return [found[name] for name in kernels]


@needs_keras_2
def trains_none(optimizer: keras.optimizers.Optimizer | None, kernels: Sequence[tf.Variable]) -> bool:
    """Returns whether an optimizer has made steps, of other variables alone.

    Args:
        optimizer: of `keras.optimizers`; of None or a legacy one nothing is known, and False is returned.
        kernels: list of variables.
    """
    inner: keras.optimizers.Optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    place_of = _places(inner)
    return bool(place_of) and not any(inner._var_key(kernel) in place_of for kernel in kernels)


@needs_keras_2
def reset_slots(
    optimizer: keras.optimizers.Optimizer, kernels: Sequence[tf.Variable], selected: Sequence[NDArray[np.bool_]]
) -> None:
    """Sets the optimizer's state at some weights to 0, as if they had never been trained.

    Args:
        optimizer: of `keras.optimizers`, built.
        kernels: list of variables.
        selected: list of bool arrays of their shapes.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    index_of = _places(optimizer)
    slots = [
        value
        for value in vars(optimizer).values()
        if isinstance(value, list) and len(value) == len(index_of) and all(isinstance(v, tf.Variable) for v in value)
    ]
    for kernel, where in zip(kernels, selected, strict=True):
        keep = np.where(where, 0.0, 1.0).astype(np.float32)
        for variables in slots:
            slot = variables[index_of[optimizer._var_key(kernel)]]
            slot.assign(slot * tf.cast(keep, slot.dtype))


def _places(optimizer: keras.optimizers.Optimizer) -> dict[str, int]:
    """Returns the place of each variable's slots; Keras 2 has no public access to them, and changes no more."""
    return getattr(optimizer, "_index_dict", {})


class _KernelGroup(keras.layers.Layer, tfmot.sparsity.keras.PrunableLayer):
    """Gives tfmot kernels that this layer does not track, so that they are saved once, with their network."""

    def __init__(self, kernels: list[tf.Variable]) -> None:
        super().__init__(name="kernel_group", dtype="float32")
        self._kernels = lambda: kernels  # in a function, where Keras does not find them

    def get_prunable_weights(self) -> list[tf.Variable]:
        """Returns the kernels."""
        return self._kernels()

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns its input: what matters is the masking that tfmot does around it."""
        return inputs


class _NeverByItself(tfmot.sparsity.keras.PruningSchedule):
    """A schedule that never prunes: `Masks.set` changes the masks."""

    def __call__(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns that no pruning is due, and a sparsity of 0."""
        return tf.constant(False), tf.constant(0.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the configuration, which is empty."""
        return {"class_name": type(self).__name__, "config": {}}


def _like(kernel: tf.Variable, name: str) -> tf.Variable:
    return tf.Variable(tf.zeros(kernel.shape), trainable=False, name=name, aggregation=tf.VariableAggregation.MEAN)


def _update(variable: tf.Variable, value: tf.Tensor) -> None:
    """Assigns in a training step, in which one replica may not assign to a variable that all share."""

    def merge(strategy: tf.distribute.Strategy, value: tf.Tensor) -> None:
        strategy.extended.update(variable, lambda v, x: v.assign(x), args=(value,))

    tf.distribute.get_replica_context().merge_call(merge, args=(value,))


def _numpy(variable: tf.Variable) -> NDArray[np.float32]:
    return np.asarray(tf.cast(variable, tf.float32))
