"""A finished run, or one that still trains, opened to be drawn from, scored, exported and read.

TensorFlow is loaded when something is drawn, scored or exported; what is wrong with the arguments or the run is told
before. An error names the flag of the command line that is the argument.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sle_gan.assembly.advice import accepts_for_run
from sle_gan.assembly.drawable_run import DrawableRun
from sle_gan.assembly.evaluate_run import Evaluation, evaluate_run
from sle_gan.errors import InputError
from sle_gan.evaluation.health import Verdict, judge
from sle_gan.export.drawing import checked_seeds
from sle_gan.export.formats import check_format
from sle_gan.export.pictures import check_output
from sle_gan.export.redraw import Recipe
from sle_gan.export.sizes import WeightSizes, weight_sizes
from sle_gan.hub import publish
from sle_gan.play.play import Play
from sle_gan.report.card import run_card
from sle_gan.report.record import RunRecord, damage_as_input_error, metric_arrays, read_record
from sle_gan.report.run_report import write_report
from sle_gan.run import RunFolder
from sle_gan.shared_generator import find_generator

if TYPE_CHECKING:
    from sle_gan.export.formats.exporting import Difference


class Exported(NamedTuple):
    """A generator in another program's format.

    Attributes:
        folder: path of the version that was written.
        step: step of the checkpoint.
        sizes: the `WeightSizes` of the generator.
        differences: of each part, by its name: the `Difference` of its pictures from the run's.
        address: of its page on the Hub; None if it was not published.
    """

    folder: Path
    step: int
    sizes: WeightSizes
    differences: "dict[str, Difference]"
    address: str | None


class OpenedRun(DrawableRun):
    """A run folder and what can be done with it; `sle_gan.open_run` makes it.

    A notebook shows its newest sheet of samples. The generator that was last drawn with stays loaded.

    Args:
        folder: the `RunFolder`; it holds a run.

    Attributes:
        folder: the `RunFolder`.
    """

    def __repr__(self) -> str:
        return f"OpenedRun({str(self.folder.path)!r})"

    def _repr_html_(self) -> str:
        """Shows the run in a notebook: its newest sheet and a line of facts."""
        with damage_as_input_error(self.folder.path):
            return run_card(self.record())

    def record(self) -> RunRecord:
        """Reads all that the run has written so far.

        Returns:
            A `RunRecord`: rows of losses, scores, verdicts, densities and the pace, the images, the sheets.

        Raises:
            InputError: if a file of the run is damaged.
        """
        return read_record(self.folder)

    def metrics(self) -> dict[str, np.ndarray]:
        """Reads the losses, and what else was written with them, over the steps.

            >>> import sle_gan
            >>> metrics = sle_gan.open_run("00000-fastgan-flowers").metrics()
            >>> metrics["step"], metrics["generator_loss"]
            (array([4, 8]), array([0.5, 0.4]))

        Returns:
            A dictionary of arrays of one length, a number for each row of losses: `step`, int64, and the others,
            float64, by their names in `metrics.jsonl`; NaN where a row has no such number.

        Raises:
            InputError: if a file of the run is damaged.
        """
        with damage_as_input_error(self.folder.path):
            return metric_arrays(self.record().losses)

    def scores(self) -> list[dict[str, Any]]:
        """Reads the rows of scores, those of the training and of `evaluate`, in the order of their steps."""
        return self.record().scores

    def verdict(self) -> Verdict:
        """Judges the health of the training from what it has written so far, as its report does.

        Returns:
            A `Verdict`: `verdict`, `evidence`, and a flag that is worth a try, or None.

        Raises:
            InputError: if a file of the run is damaged.
        """
        with damage_as_input_error(self.folder.path):
            record = self.record()
            return judge(record.metrics, record.settings, accepts_for_run(self.folder))

    def evaluate(  # noqa: PLR0913 (each is a flag of `sle-gan evaluate`)
        self,
        metrics: Iterable[str] = Evaluation.metrics,
        network: str = Evaluation.network,
        number_of_images: int = Evaluation.number_of_images,
        *,
        mode: str = Evaluation.mode,
        seed: int = Evaluation.seed,
        inception_weights: Path | str | None = None,
        step: int | None = None,
        data_folder: Path | str | None = None,
        reference_folder: Path | str | None = None,
        tell: Callable[[str], None] = print,
    ) -> dict[str, Any]:
        """Scores the run against its training images, or other ones, and adds a row to its `metrics.jsonl`.

            >>> import sle_gan
            >>> run = sle_gan.open_run("00000-fastgan-flowers")
            >>> row = run.evaluate(["kid"], number_of_images=16, tell=lambda line: None)
            >>> sorted(row["scores"]["kid_open_nsfw"])
            ['floor', 'spread', 'value']

        Args:
            metrics: some of `fid`, `kid`, `prdc` (precision, recall, density and coverage), `is` (the Inception
                Score), `swd` (the sliced Wasserstein distance, which needs no network) and `diversity`.
            network: whose features are compared: `efficientnet-lite0`, `open-nsfw`, or `inception` for those of
                published tables; `auto` for the first that is no part of the training's loss.
            number_of_images: drawn and scored, six or more.
            mode: how images are resized for the network: `legacy` as in most tables, or `clean`.
            seed: of the pictures and of the subsets.
            inception_weights: file of the 2015 Inception's weights; the cache folder's, or fetched, if None.
            step: see `draw`.
            data_folder: where the training images are now, if they were moved.
            reference_folder: images to score against, such as a test split; the training images if None.
            tell: function of a line of text, called while it goes on.

        Returns:
            The row. `row["scores"]` holds value, spread and floor of each score by its name: the floor is the same
            score between two halves of the training images. `row["memorization"]` tells of near copies,
            `row["diversity"]` of how different the pictures are.

        Raises:
            InputError: a `ValueError`: if an argument is out of its range, or the checkpoint, the training images or
                the network's weights are not there.
            StorageError: if the run cannot be written.
        """
        asked = tuple(metrics), network, mode, number_of_images, seed, inception_weights
        evaluation = Evaluation(*asked, reference_folder=reference_folder)
        return evaluate_run(self.folder, evaluation, step, data_folder, tell)

    def export(
        self,
        format: str = "saved-model",
        folder: Path | str | None = None,
        step: int | None = None,
        *,
        seeds: Iterable[int] | None = None,
        license: str | None = None,
        push: str | None = None,
        runtime: Path | str | None = None,
        truncation: float | None = None,
    ) -> Exported:
        """Writes the generator in another program's format, checked to draw the same pictures.

        Args:
            format: one of `sle_gan.export.formats.FORMATS`: `saved-model` for TensorFlow, `onnx` for onnxruntime,
                `lite` for LiteRT, `weights` for safetensors and JSON, `hub` for those with a model card, `web`
                for a page that draws in a browser.
            folder: where versions 1, 2, ... are written; `exported/FORMAT` in the run folder if None.
            step: see `draw`.
            seeds: whose codes are written beside `onnx`, `lite` and `web`, which draw codes alone; 0 to 63 if None.
            license: that the card of `hub` names, such as `cc-by-4.0`; `unknown` if None.
            push: `OWNER/NAME` on the Hub, where the folder of `hub` is published once it draws the run's pictures;
                published nowhere if None.
            runtime: folder of onnxruntime-web for `web`; fetched once from the registry of npm if None.
            truncation: of a network with styles, how far the pictures of the export go from the average one, see
                `draw`; all the way if None. Weights alone hold none.

        Returns:
            An `Exported`.

        Raises:
            InputError: if the format is unknown or not installed, the Hub cannot be reached, or see `draw`.
            StorageError: if it cannot be written, or draws other pictures than the run.
        """
        chosen = None if seeds is None else checked_seeds(seeds)
        options = {"seeds": chosen, "license": license, "push": push, "runtime": runtime}
        given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        check_format(format, given | ({} if truncation is None else {"truncation": truncation}))
        drawing = self._planned(step, truncation=truncation)
        folder = self.folder.output / "exported" / format if folder is None else Path(folder)
        check_output(folder)
        trained = drawing.trained
        from sle_gan.export.formats.exporting import Source, export_as

        version, differences = export_as(format, Source(trained, **given), folder)
        address = None if push is None else publish(version, push, f"{self.folder.name}, step {trained.step}")
        return Exported(version, trained.step, weight_sizes(trained.generator), differences, address)

    def play(self, port: int = 0, data_folder: Path | str | None = None, latents: Iterable[Path | str] = ()) -> Play:
        """Serves a page on this machine to play with the run, at an address that nobody can guess.

            >>> import sle_gan
            >>> with sle_gan.open_run("00000-fastgan-flowers").play() as page:
            ...     page.address.startswith("http://127.0.0.1:")
            True

        Args:
            port: to listen at; a free one if 0.
            data_folder: where the training images are now, if they were moved, to mark near copies.
            latents: files of codes or styles, as `project` writes them, that the page pins when it is opened.

        Returns:
            A `Play` with `address`, `wait()` and `end()`.

        Raises:
            InputError: see `draw`; and if the port is not free.
        """
        return Play(self.folder, port, data_folder, latents)

    def report(self) -> Path:
        """Writes the report of the run anew, one file to be opened in a browser, and returns its path."""
        return write_report(self.folder, accepts_for_run(self.folder))


def open_run(path_or_name: Path | str, output_folder: Path | str = "runs") -> OpenedRun:
    """Opens a run, finished or still training, to draw from it, score it, export it and read it.

        >>> import sle_gan
        >>> run = sle_gan.open_run("00000-fastgan-flowers")
        >>> run.settings.images.resolution
        64
        >>> run.report().name
        'report.html'

    Loads no TensorFlow; drawing, scoring and exporting do.

    Args:
        path_or_name: a run folder, or the name of one in `output_folder`; a folder of `--format weights` or `hub`; or
            `hf://OWNER/NAME`, whose weights are fetched from the Hub (the extra `hub`).
        output_folder: where runs are looked for by name.

    Returns:
        An `OpenedRun`.

    Raises:
        InputError: a `ValueError`: if there is no run of this name, its configuration is damaged, or the Hub cannot be
            reached.
    """
    folder = find_generator(path_or_name, output_folder)
    folder.config()  # what is wrong with it is told here
    return OpenedRun(folder)


def open_run_of(picture: Path | str, output_folder: Path | str = "runs") -> OpenedRun:
    """Opens the run that drew a picture, which lies around the picture or in `output_folder`. Loads no TensorFlow.

    Args:
        picture: path of a PNG.
        output_folder: where runs are looked for by name.

    Raises:
        InputError: if the picture does not say which run drew it, or that is not there.
    """
    recipe = Recipe.of(picture)
    for folder in recipe.places(output_folder):
        if RunFolder(folder).exists():
            return open_run(folder)
    raise InputError(
        f"the run {recipe.run[:80]!r}, which drew {picture} at step {recipe.step}, is not in {output_folder}; "
        "give its folder with --run"
    )
