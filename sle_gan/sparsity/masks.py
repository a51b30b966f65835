"""Masks of a network's kernels: which weights live, kept and applied by tensorflow-model-optimization.

A mask is 1 where a weight lives. tfmot stores the masks and multiplies the kernels by them through its public
interface, in a layer beside the network: spectral normalization, custom layers and several optimizers are no
obstacle, and the network stays as it is. Which weights live is decided by `sle_gan.sparsity.selection`, because
tfmot keeps all ties at its threshold, and a count would not hold.
"""

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras


def prunable_kernels(network, scope="kernels"):
    """Finds the weights of a network that can be masked.

    Args:
        network: a built `keras.Model`; models within it are looked through.
        scope: `kernels` for the kernels of convolutions; `all` for every trainable weight.

    Returns:
        Variables by name, in the order of the layers: the layer's name, those of nested models before it, joined
        by `/`; a weight that is no such kernel has its own name behind that and a dot.
    """
    found = {}
    for path, layer in _layers(network, ""):
        kernel = getattr(layer, "kernel", None)
        for weight in layer.trainable_weights:
            if weight is kernel and weight.shape.rank == 4:
                found[path] = weight
            elif scope == "all":
                found[f"{path}.{weight.name.rpartition('/')[2].partition(':')[0]}"] = weight
    return found


class Masks:
    """The masks of some kernels, all ones at first: an `sle_gan.training.terms.UpdateRule`.

    Build them under the distribution strategy of the network, if there is one.

    Args:
        kernels: variables by name; see `prunable_kernels`.
        averages: variables of the averaged network by the same names; a weight that is pruned is 0 there too.
        track_gradients: whether to keep the last gradient of each kernel, dense, for methods that grow by it.
    """

    def __init__(self, kernels, averages=None, track_gradients=False):
        self.names = tuple(kernels)
        self.kernels = list(kernels.values())
        self.averages = None if averages is None else [averages[name] for name in self.names]
        self._enforcer = tfmot.sparsity.keras.prune_low_magnitude(
            _KernelGroup(self.kernels), pruning_schedule=_NeverByItself()
        )
        self._enforcer.build((None, 1))
        self.masks = [mask for _, mask, _ in self._enforcer.pruning_vars]
        self._gradients = [_like(kernel, "gradient") for kernel in self.kernels] if track_gradients else []
        # Weights that have grown since the average was last updated: its next value there is the weight itself.
        self._fresh = [_like(kernel, "fresh") for kernel in self.kernels] if track_gradients and averages else []
        self.changes = 0

    def checkpoint_items(self):
        """Returns what a resumed run needs, by name, for `tf.train.Checkpoint`."""
        return {"masks": self.masks, "fresh": self._fresh}

    def enforce(self) -> None:
        """Sets every pruned weight to 0: call it in the training step, after the optimizer."""
        self._enforcer(tf.zeros([1, 1]), training=False)

    def masked(self, gradients: list, variables: list[tf.Variable]) -> list:
        """Sets the gradients of pruned weights to 0, so that no optimizer's state moves them.

        Args:
            gradients: list of dense gradients, None where there is none.
            variables: the variables they are of; those without a mask keep their gradient.

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
        """Makes the average of a weight that has just grown the weight itself: call it after the average's update.

        Source: Liu et al. 2022 (STU-GAN), sparse exponential moving average.
        """
        for fresh, average, kernel in zip(self._fresh, self.averages or (), self.kernels, strict=False):
            _update(average, (1.0 - fresh) * average + fresh * kernel)
            _update(fresh, tf.zeros_like(fresh))

    def read(self):
        """Returns the masks: list of bool arrays."""
        return [mask.numpy() > 0.5 for mask in self.masks]

    def weights(self):
        """Returns the kernels: list of float32 arrays."""
        return [_numpy(kernel) for kernel in self.kernels]

    def gradients(self):
        """Returns the gradients of the last step, averaged over replicas, dense: list of float32 arrays."""
        return [_numpy(gradient) for gradient in self._gradients]

    def set(self, masks):
        """Replaces the masks and applies them, to the averages too.

        A weight that grows starts from 0; one that was dropped and grows at once keeps its value, because it is
        still there.

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

    def densities(self):
        """Returns the share of live weights, by name, in [0, 1]."""
        return {name: float(mask.mean()) for name, mask in zip(self.names, self.read(), strict=True)}

    def density(self):
        """Returns the share of live weights of all kernels together, in [0, 1]."""
        return self.live_weights() / sum(kernel.shape.num_elements() for kernel in self.kernels)

    def live_weights(self):
        """Returns the number of live weights."""
        return sum(int(np.count_nonzero(mask)) for mask in self.read())


def reset_slots(optimizer, kernels, chosen):
    """Sets the optimizer's state at some weights to 0, as if they had never been trained.

    Args:
        optimizer: of `keras.optimizers`, built.
        kernels: list of variables.
        chosen: list of bool arrays of their shapes.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    index_of = optimizer._index_dict  # Keras 2 has no public name for a variable's slots, and will not change
    slots = [
        value
        for value in vars(optimizer).values()
        if isinstance(value, list) and len(value) == len(index_of) and all(isinstance(v, tf.Variable) for v in value)
    ]
    for kernel, where in zip(kernels, chosen, strict=True):
        keep = np.where(where, 0.0, 1.0).astype(np.float32)
        for variables in slots:
            slot = variables[index_of[optimizer._var_key(kernel)]]
            slot.assign(slot * tf.cast(keep, slot.dtype))


class _KernelGroup(keras.layers.Layer, tfmot.sparsity.keras.PrunableLayer):
    """Hands kernels to tfmot that it does not own, so that they are saved once, with their network."""

    def __init__(self, kernels):
        super().__init__(name="kernel_group", dtype="float32")
        self._kernels = lambda: kernels

    def get_prunable_weights(self):
        """Returns the kernels."""
        return self._kernels()

    def call(self, inputs):
        """Returns its input: only tfmot's masking around it matters."""
        return inputs


class _NeverByItself(tfmot.sparsity.keras.PruningSchedule):
    """Leaves the masks to whoever sets them."""

    def __call__(self, step):
        """Returns that no update is due."""
        return tf.constant(False), tf.constant(0.0)

    def get_config(self):
        """Returns the configuration, which is empty."""
        return {"class_name": type(self).__name__, "config": {}}


def _layers(network, prefix):
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer, f"{prefix}{layer.name}/")
        elif layer.weights:
            yield f"{prefix}{layer.name}", layer


def _like(kernel, name):
    return tf.Variable(tf.zeros(kernel.shape), trainable=False, name=name, aggregation=tf.VariableAggregation.MEAN)


def _update(variable, value):
    """Assigns in a training step, where a replica may not assign to what all of them share."""

    def merge(strategy, value):
        strategy.extended.update(variable, lambda v, x: v.assign(x), args=(value,))

    tf.distribute.get_replica_context().merge_call(merge, args=(value,))


def _numpy(variable):
    return np.asarray(tf.cast(variable, tf.float32))
