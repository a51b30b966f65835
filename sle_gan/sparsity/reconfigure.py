"""Re-GAN: prunes the generator and lets it regrow, in turn, while it trains.

Source: Saxena et al., CVPR 2023.
"""

from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import check_keras_2, needs_keras_2
from sle_gan.sparsity.callback import SparseCallback
from sle_gan.sparsity.masks import Masks, reset_slots
from sle_gan.sparsity.schedules import Phase, Reconfiguration, default_reconfiguration
from sle_gan.sparsity.selection import magnitude_masks


class Reconfigure(SparseCallback):
    """Trains a generator sparse and dense in turn: a Keras callback for any GAN that `fit` trains.

    Dense to the end of the warm-up; then sparse for an interval at the base learning rate and dense for an interval
    at a tenth of it, until the end. Where a sparse phase begins, the smallest weights of each tensor are pruned; where
    it ends, they grow again from 0.

    A model that has a method `set_update_rules`, such as `sle_gan.training.gan.GAN`, is given the masks and applies
    them within its training step, to gradients too. In any other model pruned weights are set to 0 after each batch;
    between two batches, and in the forward pass of the next, they are exactly 0.

    The weights are found when training begins; those of a generator that makes them when it is first called, at the end
    of the first batch. A checkpoint of `checkpoint_items` may be restored before that. At the end of a `fit` in which
    the warm-up was not over, there is an `sle_gan.errors.NothingPrunedWarning`.

    Time is counted in steps of the generator's optimizer. With `steps_per_execution` above 1 a phase ends at the end of
    the execution that it ends in.

        model.fit(images, epochs=100, callbacks=[Reconfigure(model.generator, sparsity=0.3)])

    Args:
        generator: a model of Keras 2: `import tf_keras as keras`.
        sparsity: share of each tensor's weights that is pruned in sparse phases, in (0, 1).
        warmup: time before the first sparse phase; None for a quarter of the training that `fit` is asked for, which
            is what the paper's 10,000 of 40,000 steps are.
        interval: time of each phase after it; None for an eighth of that training.
        unit: of both: `steps` of the generator's optimizer or `epochs` of `fit`.
        optimizer: of the generator; the model's `generator_optimizer` if None.
        average_generator: a copy of the generator that averages its weights, with layers of the same names, whose
            pruned weights are 0 too; or None.
        scope: what is pruned: `kernels` of convolutions, `all` trainable weights, or `all-but-rgb`.
        regrow_state: what the optimizer remembers of weights that grow again: `keep` what it remembered when they were
            pruned, or `reset` to nothing.

    Raises:
        ValueError: if an argument is out of its range; in `fit`, if the scope holds no weight of the generator, or the
            averaged generator has others.
        TypeError: if what is given is of Keras 3.

    Differs: the released code masks gradients and weights before the optimizer's step only, so that momentum moves
    pruned weights; here they are 0 after it as well. Kernels alone are pruned by default.
    """

    @needs_keras_2
    def __init__(  # noqa: PLR0913 (the method's own parameters)
        self,
        generator: keras.Model,
        sparsity: float = 0.3,
        warmup: int | None = None,
        interval: int | None = None,
        unit: str = "steps",
        *,
        optimizer: keras.optimizers.Optimizer | None = None,
        average_generator: keras.Model | None = None,
        scope: str = "kernels",
        regrow_state: str = "keep",
    ) -> None:
        if not 0.0 < sparsity < 1.0:
            raise ValueError(f"sparsity must be above 0 and below 1; got {sparsity}")
        if any(time is not None and time < 1 for time in (warmup, interval)):
            raise ValueError(f"warmup and interval must be 1 or more; got {warmup} and {interval}")
        for name, value, allowed in (
            ("unit", unit, ("steps", "epochs")),
            ("scope", scope, ("kernels", "all", "all-but-rgb")),
            ("regrow_state", regrow_state, ("keep", "reset")),
        ):
            if value not in allowed:
                raise ValueError(f"{name} must be one of {allowed}; got {value!r}")
        self.masks = Masks(generator, average_generator, scope)
        super().__init__({"generator": self.masks})
        self.phase = tf.Variable(0, trainable=False, dtype=tf.int64, name="phase")
        self.warmup = warmup
        self.interval = interval
        self.sparsity = sparsity
        self.unit = unit
        self.optimizer: keras.optimizers.Optimizer = optimizer
        self.regrow_state = regrow_state

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns what a resumed run needs, by name, for `tf.train.Checkpoint`."""
        return {"phase": self.phase, **self.masks.checkpoint_items()}

    def optimizer_of(self, network: str) -> keras.optimizers.Optimizer:
        """Returns the optimizer that was given, or the model's."""
        return self.optimizer

    def steps_done(self) -> int:
        """Returns the number of steps of the generator's optimizer."""
        return int(self.optimizer.iterations.numpy())

    def waits_for(self) -> str | None:
        """Returns that no phase of pruning has begun yet, or None."""
        if int(self.phase.numpy()):
            return None
        return (
            f"nothing was pruned: the first sparse phase begins after step {self._steps.warmup}, if a step follows; "
            "train longer, or give a shorter warmup, or none for a quarter of fit"
        )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Hands the masks to the model and goes on in the phase that the checkpoint was in."""
        if self.optimizer is None:
            self.optimizer = getattr(self.model, "generator_optimizer", None)
        if self.optimizer is None:
            raise ValueError("optimizer must be given: the model has no generator_optimizer")
        check_keras_2(optimizer=self.optimizer)
        if isinstance(getattr(self.optimizer, "_learning_rate", None), keras.optimizers.schedules.LearningRateSchedule):
            raise ValueError("the generator's learning rate must be a number, for dense phases scale it")
        self._steps = self._phases_in_steps()
        self._base_rate = float(self.optimizer.learning_rate.numpy())
        super().on_train_begin(logs)
        self._follow_clock()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts the batches of this epoch anew."""
        super().on_epoch_begin(epoch, logs)
        is_last_epoch = epoch + 1 == self.params.get("epochs")
        self._final_batch = (self.params.get("steps") or 0) - 1 if is_last_epoch else None

    def on_steps(self, before: int, step: int) -> None:
        """Changes the phase when it is time."""
        # Reading the clock waits for the device, so it is read only when a phase can have ended.
        self._batches_left -= step - before
        # A phase that training ends with is not left: the generator stays as it was trained.
        if self._batches_left <= 0 and self._last_batch != self._final_batch:
            self._follow_clock()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Gives the optimizer its base learning rate back, and warns if nothing was pruned."""
        self.optimizer.learning_rate = self._base_rate
        super().on_train_end(logs)

    def _phases_in_steps(self) -> Reconfiguration:
        """Returns the phases; what is not given follows from the length of this call of `fit`."""
        steps_per_epoch, epochs = self.params.get("steps"), self.params.get("epochs")
        is_complete = self.warmup is not None and self.interval is not None
        if self.warmup is not None and self.interval is not None and self.unit == "steps":
            return Reconfiguration(self.warmup, self.interval)
        if steps_per_epoch is None:
            missing = "unit epochs needs" if is_complete else "without warmup and interval the phases need"
            raise ValueError(f"{missing} fit to know the steps of an epoch; give steps_per_epoch to fit")
        usual = default_reconfiguration(steps_per_epoch * epochs, 1)
        unit = steps_per_epoch if self.unit == "epochs" else 1
        return Reconfiguration(
            usual.warmup if self.warmup is None else self.warmup * unit,
            usual.interval if self.interval is None else self.interval * unit,
        )

    def _follow_clock(self) -> None:
        step = self.steps_done()
        phase = self._steps.phase_at(step)
        if self.masks.are_found:
            self._enter(phase)
        # Masks that are not found yet are at the end of the first batch.
        self._batches_left = self._steps.next_change(step) - step if self.masks.are_found else 0
        self.optimizer.learning_rate = self._base_rate * phase.rate

    def _enter(self, phase: Phase) -> None:
        if phase.index != int(self.phase.numpy()):
            before = self.masks.read()
            if phase.is_sparse:
                self.masks.set(magnitude_masks(self.masks.weights(), 1.0 - self.sparsity))
            else:
                self.masks.set([mask | True for mask in before])
                if self.regrow_state == "reset":
                    reset_slots(self.optimizer, self.masks.kernels, [~mask for mask in before])
            self.phase.assign(phase.index)
