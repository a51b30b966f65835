"""Reads FastGAN's checkpoints, as the paper's authors published them for PyTorch, without PyTorch.

The arrays come out by the names of the variables of `sle_gan.models`, in TensorFlow's order of axes.

Source: Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis",
ICLR 2021, arXiv:2101.04775.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.errors import InputError
from sle_gan.pretrained.torch_archive import read_checkpoint

Arrays = dict[str, NDArray[Any]]
Layers = Iterator[tuple[str, str]]  # the name of a layer here, and there

GENERATOR, DISCRIMINATOR, AVERAGE = "g", "d", "g_ema"
LATENT_SIZE = 256
_SHOWN = 4  # names in an error
_PARALLEL = "module."  # before every name of a network that several devices trained
_BUFFERS = ("weight_u", "weight_v", "running_mean", "running_var", "num_batches_tracked")  # no parameters
_TRANSPOSED = "init.init.0"  # the one layer whose kernel is [in, out, height, width]
_NOISY_SIDES = (8, 32, 128, 512)
_EXCITED_SIDES = (64, 128, 256, 512)


class FastGANCheckpoint(NamedTuple):
    """The networks of a checkpoint.

    Attributes:
        resolution: side of the images in pixels: 256, 512 or 1024.
        channels: of the images.
        width: channels of the generator's map of 128 px.
        generator: float32 arrays by the names of the variables of the generator.
        average_generator: likewise, of the averaged generator; the generator's own where there is none.
        discriminator: likewise, of the discriminator with its decoders.
        left_out: what else the checkpoint holds, by its names.
    """

    resolution: int
    channels: int
    width: int
    generator: Arrays
    average_generator: Arrays
    discriminator: Arrays
    left_out: tuple[str, ...]


def read_fastgan(path: Path | str) -> FastGANCheckpoint:
    """Reads a checkpoint.

    It holds the state dicts `g` of the generator and `d` of the discriminator, and may hold `g_ema` of the averaged
    generator: a state dict, or a list of its parameters alone, in which case its batch statistics and estimates of
    singular vectors are those of `g`.

    Args:
        path: file that `torch.save` wrote.

    Raises:
        InputError: if there is no such file, it is damaged, names anything but tensors, or holds other networks.
        StorageError: if the file cannot be read.
    """
    must = f"{path} must be a checkpoint of FastGAN in PyTorch"
    content = read_checkpoint(path, (GENERATOR, DISCRIMINATOR, AVERAGE))
    for name in (GENERATOR, DISCRIMINATOR):
        if not isinstance(content.tensors.get(name), dict):
            shown = [*map(repr, content.names[:_SHOWN])] or ["nothing"]
            more = [f"and {len(content.names) - _SHOWN} more"] if len(content.names) > _SHOWN else []
            raise InputError(f"{must}, with the state dicts 'g' and 'd'; it holds {', '.join(shown + more)}")
    try:
        generator, discriminator = (_without_prefix(content.tensors[name]) for name in (GENERATOR, DISCRIMINATOR))
        average = _average(generator, content.tensors.get(AVERAGE, {}))
        resolution = next((side for side in (1024, 512) if f"feat_{side}.1.weight_orig" in generator), 256)
        channels, width = _shape_of(generator, "to_128.weight_orig")[:2]
        latent_size = _shape_of(generator, "init.init.0.weight_orig")[0]
        if latent_size != LATENT_SIZE:
            raise ValueError(f"its latent codes have {latent_size} numbers, not {LATENT_SIZE}")
        arrays = _converted(generator, _generator_layers(resolution))
        return FastGANCheckpoint(
            resolution,
            channels,
            width,
            arrays,
            arrays if average is generator else _converted(average, _generator_layers(resolution)),
            _converted(discriminator, _discriminator_layers(resolution)),
            tuple(name for name in content.names if name not in content.tensors),
        )
    except ValueError as error:
        raise InputError(f"{must}; {error}") from error


def _without_prefix(table: Any) -> Arrays:
    is_parallel = all(name.startswith(_PARALLEL) for name in table)
    return {name.removeprefix(_PARALLEL): array for name, array in table.items()} if is_parallel else dict(table)


def _average(generator: Arrays, average: Any) -> Arrays:
    """Returns the table of the averaged generator, of a table or of its parameters alone."""
    if isinstance(average, dict):
        return _without_prefix(average) or generator
    parameters = [name for name in generator if not name.endswith(_BUFFERS)]
    if len(parameters) != len(average):
        raise ValueError(f"its averaged generator has {len(average)} parameters, its generator {len(parameters)}")
    return generator | dict(zip(parameters, average, strict=True))


def _shape_of(table: Arrays, name: str) -> tuple[int, ...]:
    if name not in table or table[name].ndim != 4:
        raise ValueError(f"it has no kernel {name}")
    return table[name].shape


def _generator_layers(resolution: int) -> Layers:
    yield "start", "init.init.0"
    yield "start_norm", "init.init.1"
    side = 4
    while side < resolution:
        side *= 2
        here, there = f"up{side}", f"feat_{side}"
        yield f"{here}_conv1", f"{there}.1"
        if side in _NOISY_SIDES:
            yield f"{here}_noise1", f"{there}.2"
            yield f"{here}_norm1", f"{there}.3"
            yield f"{here}_conv2", f"{there}.5"
            yield f"{here}_noise2", f"{there}.6"
            yield f"{here}_norm2", f"{there}.7"
        else:
            yield f"{here}_norm1", f"{there}.2"
        if side in _EXCITED_SIDES:
            yield from _excitation(side, f"se_{side}")
    yield "small_rgb", "to_128"
    yield "rgb", "to_big"


def _discriminator_layers(resolution: int) -> Layers:
    if resolution == 1024:
        yield "entry1", "down_from_big.0"
        yield "entry2", "down_from_big.2"
        yield "entry2_norm", "down_from_big.3"
    else:
        yield "entry", "down_from_big.0"
    for side in (128, 64, 32, 16, 8):
        here, there = f"down{side}", f"down_{512 // side}"
        yield f"{here}_conv1", f"{there}.main.0"
        yield f"{here}_norm1", f"{there}.main.1"
        yield f"{here}_conv2", f"{there}.main.3"
        yield f"{here}_norm2", f"{there}.main.4"
        yield f"{here}_direct", f"{there}.direct.1"
        yield f"{here}_direct_norm", f"{there}.direct.2"
    for side in (32, 16, 8):
        yield from _excitation(side, f"se_{64 // side}_{512 // side}")
    yield "head", "rf_big.0"
    yield "head_norm", "rf_big.1"
    yield "logits", "rf_big.3"
    yield "small64", "down_from_small.0"
    for place, side in ((2, 32), (3, 16), (4, 8)):
        yield f"small{side}", f"down_from_small.{place}.main.0"
        yield f"small{side}_norm", f"down_from_small.{place}.main.1"
    yield "small_logits", "rf_small"
    for here, there in (("decode", "big"), ("decode_small", "small"), ("decode_part", "part")):
        for place, side in enumerate((16, 32, 64, 128), 1):
            yield f"{here}{side}_conv", f"decoder_{there}.main.{place}.1"
            yield f"{here}{side}_norm", f"decoder_{there}.main.{place}.2"
        yield f"{here}_rgb", f"decoder_{there}.main.5"


def _excitation(side: int, there: str) -> Layers:
    yield f"excite{side}_squeeze", f"{there}.main.1"
    yield f"excite{side}_gate", f"{there}.main.3"


def _converted(table: Arrays, layers: Layers) -> Arrays:
    """Returns the arrays of all layers, and nothing may be missing or left over.

    Raises:
        ValueError: if something is.
    """
    left = {name: array for name, array in table.items() if not name.endswith("num_batches_tracked")}
    arrays: Arrays = {}
    for here, there in layers:
        own = {name: left.pop(name) for name in list(left) if name.rpartition(".")[0] == there}
        parts = {name.rpartition(".")[2]: np.asarray(array, np.float64) for name, array in own.items()}
        convert = _CONVERTERS.get(frozenset(parts))
        if convert is None:
            got = ", ".join(sorted(parts)) or "nothing"
            raise ValueError(f"its {there} must be a layer of FastGAN; it holds {got}")
        if not all(np.isfinite(array).all() for array in parts.values()):
            raise ValueError(f"its {there} holds numbers that are not finite")
        if there == _TRANSPOSED:
            convert = _transposed_convolution
        arrays |= {f"{here}/{name}:0": array.astype(np.float32) for name, array in convert(parts).items()}
    if left:
        raise ValueError(f"it holds {min(left)}, which FastGAN of this side has not")
    return arrays


def _convolution(parts: Mapping[str, NDArray[np.float64]]) -> Arrays:
    kernel = parts["weight_orig"]
    if kernel.ndim != 4:
        raise ValueError(f"its kernels must have four axes; one has the shape {list(kernel.shape)}")
    matrix = kernel.reshape(len(kernel), -1)  # [out, in * height * width], as spectral normalization there takes it
    left, right = parts["weight_u"], parts["weight_v"]
    if (left.shape, right.shape) != (matrix.shape[:1], matrix.shape[1:]):
        raise ValueError(f"its singular vectors {left.shape}, {right.shape} are not those of {list(kernel.shape)}")
    vector = equivalent_left_vector(matrix, left, float(left @ matrix @ right))
    return {"kernel": kernel.transpose(2, 3, 1, 0), "left_vector": vector[None]}


def _transposed_convolution(parts: Mapping[str, NDArray[np.float64]]) -> Arrays:
    arrays = _convolution({**parts, "weight_orig": np.swapaxes(parts["weight_orig"], 0, 1)})
    return arrays | {"kernel": np.swapaxes(arrays["kernel"], 2, 3)}  # [height, width, out, in]


def equivalent_left_vector(matrix: NDArray[np.float64], left: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Finds an estimate of a singular vector from which one step of the power iteration gives a wanted sigma.

    PyTorch divides a kernel by u W v, of two vectors that it keeps; here a step is made from one that is kept. A step
    from u itself never gives less than u W v. So a little is added to it of another singular vector, that which takes
    the least; training forgets it within some steps.

    Args:
        matrix: W, float64 `[rows, columns]`.
        left: u, `[rows]`, of length 1.
        sigma: u W v, which is to come out.

    Returns:
        float64 `[rows]`, of length 1: x for which |W W'x| / |W'x| is sigma; u where there is none, as where sigma is
        below the smallest singular value.
    """
    squares, vectors = np.linalg.eigh(matrix @ matrix.T)  # of the singular values, and the left vectors in columns
    slopes = squares * (sigma**2 - squares)
    best = int(slopes.argmax())
    if sigma <= 0 or slopes[best] <= 0:
        return left
    shares = left @ vectors
    # (W W'x)^2 - (sigma W'x)^2 = 0 of x = u + t e, where e is the chosen vector, is quadratic in t.
    excess = max(shares**2 @ (squares**2 - sigma**2 * squares), 0.0)
    root = np.hypot(shares[best], np.sqrt(excess / slopes[best]))
    vector = left + (root if shares[best] >= 0 else -root) * vectors[:, best] - shares[best] * vectors[:, best]
    return vector / np.linalg.norm(vector)


def _normalization(parts: Mapping[str, NDArray[np.float64]]) -> Arrays:
    return {
        "gamma": parts["weight"],
        "beta": parts["bias"],
        "moving_mean": parts["running_mean"],
        "moving_variance": parts["running_var"],
    }


def _noise(parts: Mapping[str, NDArray[np.float64]]) -> Arrays:
    if parts["weight"].size != 1:
        raise ValueError(f"its noise must have one scale a layer; one has {parts['weight'].size}")
    return {"scale": parts["weight"].reshape(())}


_CONVERTERS = {
    frozenset({"weight_orig", "weight_u", "weight_v"}): _convolution,
    frozenset({"weight", "bias", "running_mean", "running_var"}): _normalization,
    frozenset({"weight"}): _noise,
}
