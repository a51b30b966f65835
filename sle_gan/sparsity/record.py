"""Records what sparsity saves: densities, live weights, and the theoretical cost of training so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.sparsity.flops import layer_macs, network_macs, training_macs_per_step

if TYPE_CHECKING:  # the pruning library takes a quarter of all loading
    from sle_gan.sparsity.masks import Masks


class SparsityRecord:
    """Follows the masks of a training and adds up what its steps cost in theory.

    The multiply-accumulates (MACs) of pruned weights are not counted: they are what hardware that skips zeros would
    save. Dense hardware takes the same time, pruned or not.

    Args:
        generator: the network that draws, a built `keras.Model`.
        discriminator: the network that judges.
        masks: `Masks` by network, `generator` or `discriminator`; a network without masks is dense.
        macs_per_step: function of the MACs of both networks for one image -> those of a step.
        other_macs_per_step: what a step costs beside the passes of the two networks, whatever the masks.
    """

    @needs_keras_2
    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        masks: Mapping[str, Masks],
        *,
        batch_size: int,
        n_critic: int = 1,
        other_macs_per_step: float = 0.0,
    ) -> None:
        self.masks = masks
        self._macs = {"generator": layer_macs(generator), "discriminator": layer_macs(discriminator)}
        self._trainable: int = sum(v.shape.num_elements() for v in generator.trainable_variables)
        self._batch_size, self._n_critic = batch_size, n_critic
        self._other_rate = other_macs_per_step
        self._dense_rate = self._macs_per_step({}) + other_macs_per_step
        # Of the two networks: MACs until the last change of the masks, its step, and MACs of each step since.
        self._counted = tf.Variable(0.0, trainable=False, dtype=tf.float64, name="training_macs")
        self._counted_step = tf.Variable(0, trainable=False, dtype=tf.int64, name="training_macs_step")
        self._rate = tf.Variable(0.0, trainable=False, dtype=tf.float64, name="training_macs_rate")

    def checkpoint_items(self) -> dict[str, list[tf.Variable]]:
        """Returns what a resumed run needs, by name, for `tf.train.Checkpoint`."""
        return {"training_macs": [self._counted, self._counted_step, self._rate]}

    def follow(self, step: int) -> None:
        """Notes that the masks have changed: later steps are counted with the new ones.

        Args:
            step: number of generator steps done.
        """
        self._counted.assign(self._macs_of_networks(step))
        self._counted_step.assign(step)
        self._rate.assign(self._macs_per_step(self.layer_densities()))

    def layer_densities(self) -> dict[str, dict[str, float]]:
        """Returns the densities by layer of each network that has masks."""
        return {network: masks.densities() for network, masks in self.masks.items()}

    def training_macs(self, step: int) -> float:
        """Returns the theoretical MACs of training so far.

        Args:
            step: number of generator steps done.
        """
        return self._macs_of_networks(step) + step * self._other_rate

    def row(self, step: int) -> dict[str, float]:
        """Returns values for a row of metrics: densities in [0, 1], live weights of the generator, theoretical FLOPs.

        Args:
            step: number of generator steps done.
        """
        densities = {f"{network}_density": masks.density() for network, masks in self.masks.items()}
        done = self.training_macs(step)
        return densities | {
            "live_parameters": self.live_parameters(),
            "training_flops": 2 * done,
            "training_flops_share": done / (step * self._dense_rate) if step else 1.0,
            "inference_flops": 2 * self.inference_macs(),
        }

    def live_parameters(self) -> int:
        """Returns the trainable parameters of the generator that are not pruned."""
        if "generator" not in self.masks:
            return self._trainable
        masks = self.masks["generator"]
        return self._trainable - sum(int(mask.size - mask.sum()) for mask in masks.read())

    def inference_macs(self) -> float:
        """Returns the theoretical MACs of drawing one image."""
        return self._network_macs("generator", self.layer_densities())

    def _macs_of_networks(self, step: int) -> float:
        counted, counted_step, rate = (v.numpy() for v in (self._counted, self._counted_step, self._rate))
        return float(counted + (step - counted_step) * rate)

    def _macs_per_step(self, densities: Mapping[str, Mapping[str, float]]) -> float:
        generator, discriminator = (self._network_macs(network, densities) for network in self._macs)
        return training_macs_per_step(generator, discriminator, self._batch_size, self._n_critic)

    def _network_macs(self, network: str, densities: Mapping[str, Mapping[str, float]]) -> float:
        macs = self._macs[network]
        # Other weights, such as biases, can be pruned too, but they do no products.
        counted = {layer: density for layer, density in densities.get(network, {}).items() if layer in macs}
        return network_macs(macs, counted)


@needs_keras_2
def dense_costs(
    generator: keras.Model,
    discriminator: keras.Model,
    macs_per_step: Callable[[float, float], float],
    other_macs_per_step: float = 0.0,
) -> dict[str, Any]:
    """Counts the parameters of two networks and what their training costs in theory, with every weight alive.

    Args:
        generator: the network that draws, a built `keras.Model`.
        discriminator: the network that judges.
        macs_per_step: function of the MACs of both networks for one image -> those of a step.
        other_macs_per_step: what a step costs beside the passes of the two networks.

    Returns:
        A dictionary: `generator` and `discriminator`, each with its `parameters`; `inference_flops` for one image; and
        `training_flops_per_step`.
    """
    generator_macs, discriminator_macs = (
        network_macs(layer_macs(network), {}) for network in (generator, discriminator)
    )
    counts = [
        sum(v.shape.num_elements() for v in network.trainable_variables) for network in (generator, discriminator)
    ]
    of_networks = macs_per_step(generator_macs, discriminator_macs)
    return {
        "generator": {"parameters": counts[0]},
        "discriminator": {"parameters": counts[1]},
        "inference_flops": 2 * generator_macs,
        "training_flops_per_step": 2 * (of_networks + other_macs_per_step),
    }
