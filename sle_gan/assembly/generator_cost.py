"""What the generator of a run holds and costs. TensorFlow is loaded with it."""

from typing import NamedTuple

from sle_gan.export.drawing import plan_drawing
from sle_gan.export.sizes import WeightSizes, weight_sizes
from sle_gan.run import RunFolder


class GeneratorCost(NamedTuple):
    """What a generator holds and costs.

    Attributes:
        live_parameters: trainable parameters that are not pruned.
        flops: theoretical floating-point operations of a picture, of the live weights alone.
        sizes: the `WeightSizes`.
    """

    live_parameters: int
    flops: float
    sizes: WeightSizes


def generator_cost(run: RunFolder, step: int | None = None) -> GeneratorCost:
    """Measures the averaged generator of a run.

    Args:
        run: the `RunFolder`.
        step: step of the checkpoint; the newest if None.

    Raises:
        InputError: if there is no such checkpoint, or it is damaged.
    """
    generator = plan_drawing(run, step).trained.generator
    from sle_gan.sparsity.flops import layer_macs, network_macs
    from sle_gan.sparsity.kernels import prunable_kernels

    kernels = {name: kernel.numpy() for name, kernel in prunable_kernels(generator).items()}
    densities = {name: float((kernel != 0).mean()) for name, kernel in kernels.items()}
    pruned = sum(int((kernel == 0).sum()) for kernel in kernels.values())
    parameters = sum(variable.shape.num_elements() for variable in generator.trainable_variables)
    flops = 2 * network_macs(layer_macs(generator), densities)
    return GeneratorCost(parameters - pruned, flops, weight_sizes(generator))
