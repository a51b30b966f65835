"""What all callbacks that change masks share: they find the kernels, count steps, and say if nothing happened."""

import warnings
from collections.abc import Mapping
from typing import Any

import tf_keras as keras

from sle_gan.errors import NothingPrunedWarning
from sle_gan.keras_version import check_keras_2
from sle_gan.sparsity.masks import Masks, trains_none


class SparseCallback(keras.callbacks.Callback):
    """Finds the kernels that are masked, hands the masks to the model, and calls `on_steps` after each batch.

    Kernels are found when training begins, or where a network makes them when it is first called, at the end of the
    first batch. A model that has a method `set_update_rules`, such as `sle_gan.training.gan.GAN`, is given the masks
    and applies them within its training step, to gradients too; its step is then compiled anew. In any other model
    pruned weights are set to 0 after each batch.

    Subclasses say how far training is (`steps_done`), what they do after a batch (`on_steps`), and what they wait for
    (`waits_for`).

    Args:
        masks: `Masks` by the names of the networks, `generator` or `discriminator`.

    Raises:
        ValueError: in `fit`, if there is nothing to mask (see `Masks.find`), or the optimizer trains other weights; if
            masks keep gradients and the model does not apply them within its step.
    """

    def __init__(self, masks: Mapping[str, Masks]) -> None:
        super().__init__()
        self.masks_by_network = dict(masks)
        self._handed_to: keras.Model | None = None

    def steps_done(self) -> int:
        """Returns the number of generator steps done."""
        raise NotImplementedError

    def on_steps(self, before: int, step: int) -> None:
        """Changes the masks when it is time.

        Args:
            before: number of generator steps that were done before this batch, or before these batches with
                `steps_per_execution`.
            step: number of those done by now.
        """
        raise NotImplementedError

    def waits_for(self) -> str | None:
        """Returns what has not happened yet if the masks never changed, and how to mend that; otherwise None."""
        raise NotImplementedError

    def optimizer_of(self, network: str) -> keras.optimizers.Optimizer | None:
        """Returns what trains a network, if that is known: the model's `generator_optimizer` and the like.

        Args:
            network: `generator` or `discriminator`.
        """
        return getattr(self.model, f"{network}_optimizer", None)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Finds the kernels that there are."""
        check_keras_2(model=self.model)
        self._applies = hasattr(self.model, "set_update_rules")
        if not self._applies and any(masks.tracks_gradients for masks in self.masks_by_network.values()):
            raise ValueError(
                f"{type(self).__name__} grows weights by their gradients, which it has only of a model that applies "
                "masks within its step (set_update_rules), such as sle_gan.training.gan.GAN"
            )
        self._step = self.steps_done()
        self._is_first_batch = True
        self._last_batch = -1
        for masks in self.masks_by_network.values():
            masks.look()
        if self._are_found():
            self._hand_over()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts the batches of this epoch anew."""
        self._last_batch = -1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps pruned weights at 0 where the model does not, and calls `on_steps`."""
        if self._is_first_batch:
            self._is_first_batch = False
            self._find_the_rest()
        if not self._applies:
            for masks in self.masks_by_network.values():
                masks.enforce()
        before, self._step = self._step, self._step + batch - self._last_batch
        self._last_batch = batch
        self.on_steps(before, self._step)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Warns if the masks never changed."""
        missing = self.waits_for()
        if missing is not None:
            ended = f"training ended at step {self.steps_done()}"
            warnings.warn(f"{type(self).__name__}: {ended}, and {missing}", NothingPrunedWarning, stacklevel=2)

    def _find_the_rest(self) -> None:
        """Finds what the network has made in its first call; variables cannot be made within the compiled step."""
        were_found = self._are_found()
        for network, masks in self.masks_by_network.items():
            masks.find()
            if trains_none(self.optimizer_of(network), masks.kernels):
                raise ValueError(
                    f"the optimizer of the {network} trains none of the weights of {masks.network.name}; give the "
                    "network that the training step trains, and its optimizer"
                )
        if not were_found:
            self._hand_over()

    def _are_found(self) -> bool:
        return all(masks.are_found for masks in self.masks_by_network.values())

    def _hand_over(self) -> None:
        if not self._applies:
            return
        self.model.set_update_rules(**self.masks_by_network)
        may_be_compiled = self._step > 0 or not self._is_first_batch
        if self._handed_to is not self.model and may_be_compiled:
            self.model.make_train_function(force=True)
        self._handed_to = self.model


def is_due(interval: int, before: int, step: int) -> bool:
    """Returns whether a multiple of an interval lies after `before` steps, at `step` or before it."""
    return step // interval > before // interval
