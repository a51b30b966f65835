"""The search for an architecture, put together from the settings."""

import functools
from collections.abc import Callable, Iterator

import tf_keras as keras

from sle_gan.assembly.supplement import Supplement
from sle_gan.callbacks.architecture import Architecture
from sle_gan.data.pipeline import Halves
from sle_gan.keras_version import needs_keras_2
from sle_gan.models.alphagan_space import SPACE
from sle_gan.models.build import pair_of
from sle_gan.models.generators.alphagan_supernet import mixtures, strongest
from sle_gan.models.pairing import training_graph
from sle_gan.run import RunFolder
from sle_gan.search.architecture_search import ArchitectureSearch, SearchParts
from sle_gan.search.rounds import Rounds, rounds_of
from sle_gan.settings import ArchitectureSearchSettings, TrainSettings
from sle_gan.shell import shell_line
from sle_gan.training.gan import GAN
from sle_gan.training.memory import checkpoint_bytes


@needs_keras_2
def searching_gan(
    settings: TrainSettings,
    search: ArchitectureSearchSettings,
    generator: keras.Model,
    copies: tuple[keras.Model, keras.Model],
) -> Callable[..., GAN]:
    """Returns what makes the GAN of a search of what it makes any other GAN of.

    Args:
        settings: of the training.
        search: of the search.
        generator: the supernet.
        copies: a generator and a discriminator of the same shapes, for the best responses.
    """
    graph = training_graph(pair_of(settings.network), *copies)
    parts = SearchParts(
        rounds=rounds_of(search),
        architecture=[mixture.architecture for mixture in mixtures(generator).values()],
        best_generator=graph.generator,
        best_discriminator=graph.discriminator,
        learning_rate=search.architecture_rate,
        decay=search.architecture_decay,
        betas=(settings.optimization.adam_beta_1, settings.optimization.adam_beta_2),
    )
    return functools.partial(ArchitectureSearch, parts=parts)


@needs_keras_2
def search_supplement(
    search: ArchitectureSearchSettings, batch_size: int, networks: tuple[keras.Model, keras.Model], run: RunFolder
) -> Supplement:
    """Returns what a search adds to a training.

    Args:
        search: of the search.
        batch_size: images in a step.
        networks: the supernet and the discriminator.
        run: where the architecture is written.
    """
    rounds = rounds_of(search)

    def summary() -> Iterator[str]:
        found = strongest(networks[0])
        names = [name for name, genotype in SPACE.published.items() if genotype == found]
        yield f"search: found {names[0] if names else 'a generator of its own'}, drawn in {run.cells_picture}"
        images = run.settings().images
        words = ["--model", "alphagan", "--genotype", run.genotype_file, "--resolution", images.resolution]
        yield f"search: next: {shell_line('python', 'train.py', *words, '--data-folder', images.data_folder)}"

    return Supplement(
        last_callbacks=[Architecture(networks[0], run, rounds.steps)],
        summary=summary,
        halves=Halves(rounds.steps, rounds.inner),
        macs_per_step=functools.partial(macs_per_step, rounds, batch_size),
        checkpoint_bytes=checkpoint_bytes(*networks),
    )


def macs_per_step(rounds: Rounds, batch_size: int, generator_macs: float, discriminator_macs: float) -> float:
    """Counts the MACs of a step of a search, in the mean over a round.

    A backward pass costs two forward passes, or one where it goes to the input alone, as to the architecture.

    Args:
        rounds: of the search.
        batch_size: images in a step.
        generator_macs: of the supernet for one image.
        discriminator_macs: for one image.
    """
    judged, drawn = rounds.inner + rounds.best_response, rounds.inner / rounds.generator_interval + rounds.best_response
    generator_passes = judged + 3 * drawn + 3 * rounds.architecture
    discriminator_passes = 6 * judged + 2 * drawn + 5 * rounds.architecture
    passes = generator_passes * generator_macs + discriminator_passes * discriminator_macs
    return batch_size * passes / rounds.steps
