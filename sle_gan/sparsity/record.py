"""What sparsity amounts to: densities, live weights, and the theoretical cost of training so far."""

import tensorflow as tf

from sle_gan.sparsity.flops import layer_macs, network_macs, training_macs_per_step


class SparsityRecord:
    """Follows the masks of a training and adds up what its steps cost in theory.

    A multiply-accumulate (MAC) of a pruned weight is not counted, which says what hardware that skips zeros would
    save. Dense kernels take the same time, pruned or not.

    Args:
        generator: the network that draws, a built `keras.Model`.
        discriminator: the network that judges.
        masks: `Masks` by name, `generator` and `discriminator`; a network without is dense.
        batch_size: images in a step.
        n_critic: discriminator steps for each generator step.
    """

    def __init__(self, generator, discriminator, masks, *, batch_size, n_critic=1):
        self.masks = masks
        self._macs = {"generator": layer_macs(generator), "discriminator": layer_macs(discriminator)}
        self._trainable = sum(v.shape.num_elements() for v in generator.trainable_variables)
        self._step_shape = (batch_size, n_critic)
        self._dense_rate = self._macs_per_step({})
        # MACs until the masks last changed, the step at which they did, and MACs of each step since.
        self._counted = tf.Variable(0.0, trainable=False, dtype=tf.float64, name="training_macs")
        self._counted_step = tf.Variable(0, trainable=False, dtype=tf.int64, name="training_macs_step")
        self._rate = tf.Variable(0.0, trainable=False, dtype=tf.float64, name="training_macs_rate")

    def checkpoint_items(self):
        """Returns what a resumed run needs, by name, for `tf.train.Checkpoint`."""
        return {"training_macs": [self._counted, self._counted_step, self._rate]}

    def follow(self, step):
        """Takes note of the masks as they are from now on.

        Args:
            step: number of generator steps done.
        """
        self._counted.assign(self.training_macs(step))
        self._counted_step.assign(step)
        self._rate.assign(self._macs_per_step(self.layer_densities()))

    def layer_densities(self):
        """Returns the densities by layer of each network that has masks."""
        return {network: masks.densities() for network, masks in self.masks.items()}

    def training_macs(self, step):
        """Returns the theoretical MACs of training so far.

        Args:
            step: number of generator steps done.
        """
        counted, counted_step, rate = (v.numpy() for v in (self._counted, self._counted_step, self._rate))
        return float(counted + (step - counted_step) * rate)

    def row(self, step):
        """Returns what a row of metrics tells: densities in [0, 1], live weights of the generator, theoretical FLOPs.

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

    def live_parameters(self):
        """Returns the trainable parameters of the generator that are not pruned."""
        if "generator" not in self.masks:
            return self._trainable
        masks = self.masks["generator"]
        return self._trainable - sum(int(mask.size - mask.sum()) for mask in masks.read())

    def inference_macs(self):
        """Returns the theoretical MACs of drawing one image."""
        return self._network_macs("generator", self.layer_densities())

    def _macs_per_step(self, densities):
        generator, discriminator = (self._network_macs(network, densities) for network in self._macs)
        return training_macs_per_step(generator, discriminator, *self._step_shape)

    def _network_macs(self, network, densities):
        macs = self._macs[network]
        # Of what can be pruned, kernels alone make products.
        counted = {layer: density for layer, density in densities.get(network, {}).items() if layer in macs}
        return network_macs(macs, counted)


def dense_costs(generator, discriminator, batch_size, n_critic=1):
    """Says what two networks hold and what a step of theirs costs in theory, with every weight alive.

    Args:
        generator: the network that draws, a built `keras.Model`.
        discriminator: the network that judges.
        batch_size: images in a step.
        n_critic: discriminator steps for each generator step.

    Returns:
        `parameters` of either, by name, `inference_flops` for an image and `training_flops_per_step`.
    """
    macs = [network_macs(layer_macs(network), {}) for network in (generator, discriminator)]
    counts = [
        sum(v.shape.num_elements() for v in network.trainable_variables) for network in (generator, discriminator)
    ]
    return {
        "generator": {"parameters": counts[0]},
        "discriminator": {"parameters": counts[1]},
        "inference_flops": 2 * macs[0],
        "training_flops_per_step": 2 * training_macs_per_step(*macs, batch_size, n_critic),
    }
