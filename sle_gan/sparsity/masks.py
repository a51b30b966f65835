"""Masks of a network's kernels, which say which weights live; tensorflow-model-optimization (tfmot) applies them.

A mask is 1 where a weight lives. Through its public interface, tfmot stores the masks and multiplies the kernels by
them, in a layer beside the network. So the network itself stays as it is, and spectral normalization, custom layers
and several optimizers work. `sle_gan.sparsity.selection` decides which weights live: tfmot would keep all weights that
tie at its threshold, so it cannot keep an exact number.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras
from numpy.typing import NDArray


def prunable_kernels(network: keras.Model, scope: str = "kernels") -> dict[str, tf.Variable]:
    """Finds the weights of a network that can be masked.

    Args:
        network: a built `keras.Model`; nested models are included.
        scope: `kernels` for the kernels of convolutions; `all` for every trainable weight; `all-but-rgb` for those of
            layers without "rgb" among the words of their names, in which networks name what makes colors.

    Returns:
        Variables by name, in the order of the layers. The name of a kernel is that of its layer, after the names of the
        models that it is nested in, joined by `/`. Other weights have a dot and their own name after that.
    """
    kernels_by_name = {}
    for path, layer in _layers(network, ""):
        if scope == "all-but-rgb" and "rgb" in layer.name.split("_"):
            continue
        kernel = getattr(layer, "kernel", None)
        for weight in layer.trainable_weights:
            if kernel is not None and weight is kernel and weight.shape.rank == 4:
                kernels_by_name[path] = weight
            elif scope != "kernels":
                kernels_by_name[f"{path}.{weight.name.rpartition('/')[2].partition(':')[0]}"] = weight
    return kernels_by_name


class Masks:
    """The masks of some kernels, all ones at first: an `sle_gan.training.terms.UpdateRule`.

    Build them in the scope of the network's distribution strategy, if there is one.

    Args:
        kernels: variables by name; see `prunable_kernels`.
        averages: variables of the averaged network, by the same names; a pruned weight is 0 there too.
        track_gradients: whether to keep the last dense gradient of each kernel, for methods that grow weights by it.
    """

    def __init__(
        self,
        kernels: Mapping[str, tf.Variable],
        averages: Mapping[str, tf.Variable] | None = None,
        track_gradients: bool = False,
    ) -> None:
        self.names = tuple(kernels)
        self.kernels = list(kernels.values())
        self.averages = None if averages is None else [averages[name] for name in self.names]
        self._enforcer = tfmot.sparsity.keras.prune_low_magnitude(
            _KernelGroup(self.kernels), pruning_schedule=_NeverByItself()
        )
        self._enforcer.build((None, 1))
        self.masks = [mask for _, mask, _ in self._enforcer.pruning_vars]
        self._gradients = [_like(kernel, "gradient") for kernel in self.kernels] if track_gradients else []
        # 1 for weights that grew since the last update of the average: there the average is then set to the weight.
        self._fresh = [_like(kernel, "fresh") for kernel in self.kernels] if track_gradients and averages else []
        self.changes = 0

    def checkpoint_items(self) -> dict[str, list[tf.Variable]]:
        """Returns what a resumed run needs, by name, for `tf.train.Checkpoint`."""
        return {"masks": self.masks, "fresh": self._fresh}

    def enforce(self) -> None:
        """Sets every pruned weight to 0: call it in the training step, after the optimizer."""
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
        self.enforce()
        for average, mask in zip(self.averages or (), self.masks, strict=False):
            average.assign(average * mask)
        for fresh, old, new in zip(self._fresh, before, masks, strict=False):
            fresh.assign((new & ~old).astype(np.float32))
        self.changes += 1

    def densities(self) -> dict[str, float]:
        """Returns the share of live weights, by name, in [0, 1]."""
        return {name: float(mask.mean()) for name, mask in zip(self.names, self.read(), strict=True)}

    def density(self) -> float:
        """Returns the share of live weights of all kernels together, in [0, 1]."""
        size: int = sum(kernel.shape.num_elements() for kernel in self.kernels)
        return self.live_weights() / size

    def live_weights(self) -> int:
        """Returns the number of live weights."""
        return sum(int(np.count_nonzero(mask)) for mask in self.read())


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
    index_of = optimizer._index_dict  # Keras 2 has no public access to a variable's slots; it changes no more
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


def _layers(network: keras.Model, prefix: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer, f"{prefix}{layer.name}/")
        elif layer.weights:
            yield f"{prefix}{layer.name}", layer


def _like(kernel: tf.Variable, name: str) -> tf.Variable:
    return tf.Variable(tf.zeros(kernel.shape), trainable=False, name=name, aggregation=tf.VariableAggregation.MEAN)


def _update(variable: tf.Variable, value: tf.Tensor) -> None:
    """Assigns in a training step, in which one replica may not assign to a variable that all share."""

    def merge(strategy: tf.distribute.Strategy, value: tf.Tensor) -> None:
        strategy.extended.update(variable, lambda v, x: v.assign(x), args=(value,))

    tf.distribute.get_replica_context().merge_call(merge, args=(value,))


def _numpy(variable: tf.Variable) -> NDArray[np.float32]:
    return np.asarray(tf.cast(variable, tf.float32))
