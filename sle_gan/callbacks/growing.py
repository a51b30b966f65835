"""Lets networks grow while they train: sets their level, and changes side, batch and optimizers when it is time."""

from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_keras as keras

from sle_gan.callbacks.clock import Logs, StepClock
from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.growing import level_of_side
from sle_gan.layers.resample import average_pool_to, upsample_nearest
from sle_gan.training.gan import GAN
from sle_gan.training.growth import Growth, Stage


class Growing(StepClock):
    """Sets what a step trains from the number of images that were shown, which alone says it.

    Before each step the level of the networks is set. Where the side changes, the steps call the networks' graphs of
    that side, which are compiled, and take their batches from images of it. Where a phase ends, both optimizers begin
    anew, if the schedule says so. Be called before other callbacks, so that they see networks, optimizers and level as
    the next step finds them.

    Args:
        growth: the `Growth`.
        networks: that have a level: generator, discriminator and averaged generator, as their files build them.
        graphs_of: function of a side in pixels -> what draws and what judges pictures of it.
        dataset_from: function of a step's number -> batches for the steps from there on, of images of its side.
    """

    @needs_keras_2
    def __init__(
        self,
        growth: Growth,
        networks: Sequence[keras.Model],
        graphs_of: Callable[[int], tuple[keras.Model, keras.Model]],
        dataset_from: Callable[[int], tf.data.Dataset],
    ) -> None:
        super().__init__()
        self.growth = growth
        self.levels = [network.get_layer("growth").level for network in networks]
        self.graphs_of = graphs_of
        self.dataset_from = dataset_from

    def stage_at(self, step: int) -> Stage:
        """Returns what is trained when so many steps are done."""
        return self.growth.stage_at(self.growth.images_at(step))

    @needs_keras_2
    def enter(self, gan: GAN, step: int) -> None:
        """Makes a GAN train what is due when so many steps are done."""
        self._set_level(step)
        side = self.stage_at(step).side
        level, side_level = self.levels[1], level_of_side(self.growth.full_side, side)

        def faded_as_pictures(reals: tf.Tensor) -> tf.Tensor:
            if side == self.growth.phases[0].side:
                return reals
            share = tf.clip_by_value(level - float(side_level), 0.0, 1.0)
            return reals + share * (upsample_nearest(average_pool_to(reals, side // 2)) - reals)

        gan.call_networks(*self.graphs_of(side), faded_as_pictures if self.growth.resets else None)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begins or goes on with what is due; `fit` was given batches for it."""
        self.model.take_batches_from(None)
        self.enter(self.model, int(self.model.steps.numpy()))

    def on_step(self, step: int, logs: Logs) -> None:
        """Sets the level for the next step, and changes what else is due to change."""
        before, stage = self.stage_at(step - 1), self.stage_at(step)
        self._set_level(step)
        if stage.index != before.index and self.growth.resets:
            for optimizer in (self.model.generator_optimizer, self.model.discriminator_optimizer):
                getattr(optimizer, "inner_optimizer", optimizer).begin_anew()
        if stage.side != before.side:
            self.enter(self.model, step)
            self.model.take_batches_from(self.dataset_from(step))

    def _set_level(self, step: int) -> None:
        level = self.growth.level_at(self.growth.images_at(step))
        for variable in self.levels:
            variable.assign(level)
