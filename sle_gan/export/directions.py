"""Directions among the codes of a trained generator, along which its pictures change most.

Sources: Shen and Zhou, "Closed-Form Factorization of Latent Semantics in GANs", CVPR 2021, arXiv:2007.06600 (`sefa`);
Härkönen et al., "GANSpace: Discovering Interpretable GAN Controls", NeurIPS 2020, arXiv:2004.02546 (`pca`).
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.errors import InputError
from sle_gan.export.drawing import Drawing
from sle_gan.export.picture_text import PictureText

if TYPE_CHECKING:
    from sle_gan.export.trained import TrainedGenerator

METHODS = ("sefa", "pca")
COUNT = 8
LARGEST_AMOUNT = 20.0
_STRONGEST = f"the first {COUNT}"
_SAMPLED = 2000  # styles, whose spread is measured


class Directions(NamedTuple):
    """Directions, the strongest first.

    Attributes:
        vectors: float32 `[count, size]`, each as long as a standard deviation of the codes or styles along it.
        shares: float64 `[count]`, of the sum over all directions: of how far the first layers' outputs move (`sefa`),
            or of the variance (`pca`).
    """

    vectors: NDArray[np.float32]
    shares: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Move:
    """How pictures are moved.

    Attributes:
        method: `sefa`, or `pca` of the styles of a network that has them.
        direction: the one that is moved along, from 0; None for the strongest eight.
        amounts: how far, from the one to the other, in standard deviations; 0 is the seed's own picture.
        count: pictures of a seed and a direction.
    """

    method: str = METHODS[0]
    direction: int | None = None
    amounts: tuple[float, float] = (-3.0, 3.0)
    count: int = 7

    def check(self, drawing: Drawing) -> None:
        """Checks it for a run; no TensorFlow.

        Raises:
            InputError: if a number is out of its range, or `pca` is asked of a network without styles.
        """
        if self.method not in METHODS:
            raise InputError(f"--method must be {' or '.join(METHODS)}; got {self.method!r}")
        if self.method == "pca" and drawing.truncation is None:
            name = drawing.run.settings().network.generator
            raise InputError(
                f"--method pca needs a network with styles, such as stylegan2; {drawing.run.path} is {name}"
            )
        if not all(abs(amount) <= LARGEST_AMOUNT for amount in self.amounts):  # NaN is refused too
            low, high = self.amounts
            raise InputError(f"--amount must be from {-LARGEST_AMOUNT:g} to {LARGEST_AMOUNT:g}; got {low:g}:{high:g}")
        if self.direction is not None and self.direction < 0:
            raise InputError(f"--direction must be a whole number from 0; got {self.direction}")
        if self.count < 1 or (self.count == 1 and self.amounts[0] != self.amounts[1]):
            raise InputError(f"there must be two pictures of a direction at least; got {self.count}")

    @property
    def pictures(self) -> int:
        """How many there are of each seed."""
        return self.count * (COUNT if self.direction is None else 1)

    def words(self) -> dict[str, str]:
        """Returns what a picture's text says of it: words by name, as `of_text` reads them."""
        direction = _STRONGEST if self.direction is None else str(self.direction)
        amounts = ":".join(repr(float(amount)).removesuffix(".0") for amount in dict.fromkeys(self.amounts))
        return {"method": self.method, "direction": direction, "amount": amounts}

    @classmethod
    def of_text(cls, text: PictureText) -> "Move | None":
        """Reads what `words` wrote, and beside it the `columns` of a sheet; None where a text says nothing of a move.

        Raises:
            InputError: if it is something else.
        """
        if "direction" not in text:
            return None
        amounts = text.numbers("amount", ":")
        if len(amounts) > 2:
            raise InputError("amount must be one number or two")
        count = text.whole("columns") if "columns" in text else 1 if amounts[0] == amounts[-1] else cls.count
        direction = None if text["direction"] == _STRONGEST else text.whole("direction")
        return cls(method=text["method"], direction=direction, amounts=(amounts[0], amounts[-1]), count=count)

    def each(self) -> "list[Move]":
        """Returns the move of each picture of a seed alone, in their order."""
        directions = range(COUNT) if self.direction is None else [self.direction]
        amounts = self._amounts().tolist()
        alone = [replace(self, amounts=(amount, amount), count=1) for amount in amounts]
        return [replace(move, direction=direction) for direction in directions for move in alone]

    def steps(self, trained: "TrainedGenerator") -> NDArray[np.float32]:
        """Returns what is added to a code or a style, float32 `[directions, count, size]`.

        Raises:
            InputError: if there is no such direction.
        """
        wanted = COUNT if self.direction is None else self.direction + 1
        vectors = find_directions(trained, self.method, wanted).vectors
        if self.direction is not None:
            if len(vectors) <= self.direction:
                raise InputError(f"--direction must be from 0 to {len(vectors) - 1}; got {self.direction}")
            vectors = vectors[-1:]
        return vectors[:, None] * self._amounts()[:, None]

    def along(self, trained: "TrainedGenerator", shares: NDArray[np.float64]) -> NDArray[np.float32]:
        """Returns what is added to the code or style of each frame of a film, float32 `[frames, size]`.

        Args:
            trained: the `TrainedGenerator`.
            shares: float64 `[frames]` in [0, 1], from the first amount to the second.

        Raises:
            InputError: if there is no such direction.
        """
        low, high = self.amounts
        (vector,) = replace(self, amounts=(1.0, 1.0), count=1).steps(trained)[0]
        return vector * (low + (high - low) * shares).astype(np.float32)[:, None]

    def _amounts(self) -> NDArray[np.float32]:
        return np.linspace(*self.amounts, self.count, dtype=np.float32)


def find_directions(trained: "TrainedGenerator", method: str = METHODS[0], count: int = COUNT) -> Directions:
    """Finds the directions of a generator: among its styles where it draws by way of them, otherwise among its codes.

    `sefa` takes the eigenvectors of A A^T, where a row of A is what the first layers make of one number of a code, or
    of a style, alone; `pca` the principal components of 2,000 styles. Each vector's largest number is positive.

    Args:
        trained: the `TrainedGenerator`; with a truncation if its styles are meant, as `pca` needs.
        method: one of `METHODS`.
        count: how many; those of a code's size at most are returned.
    """
    if method == "pca":
        styles = trained.styles(range(_SAMPLED)).astype(np.float64)
        _, spread, vectors = np.linalg.svd(styles - styles.mean(axis=0), full_matrices=False)
        strengths = spread**2
    else:
        responses = trained.first_responses().astype(np.float64)
        rising, columns = np.linalg.eigh(responses @ responses.T)
        strengths, vectors = rising[::-1], columns.T[::-1]
    largest = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    vectors = vectors * np.sign(largest)[:, None]
    if trained.truncation is not None:  # of all, so that a direction is the same to the last bit whatever `count` is
        vectors = vectors * (trained.styles(range(_SAMPLED)) @ vectors.T).std(axis=0)[:, None]
    return Directions(vectors[:count].astype(np.float32), strengths[:count] / strengths.sum())
