"""The page of a run, from its generator to its address. TensorFlow is loaded by the thread that draws."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from sle_gan.export.drawing import plan_drawing
from sle_gan.export.latents import read_latents
from sle_gan.play.answers import Answers
from sle_gan.play.copies import TrainingImages
from sle_gan.play.drawing_thread import Drawer, DrawingThread
from sle_gan.play.server import PlayServer
from sle_gan.quiet import quiet_start
from sle_gan.run import RunFolder


class Play:
    """A page to play with a run, open until it is ended; also as a context.

    Args:
        run: the `RunFolder`.
        port: to listen at on this machine; a free one if 0.
        data_folder: where the training images are now, if they were moved.
        latents: files of codes or styles that the page pins when it is opened; see `read_latents`.

    Attributes:
        address: of the page.

    Raises:
        InputError: if the run has no checkpoint, what is read of it is damaged, latents do not fit its network, or the
            port is not free.
    """

    def __init__(
        self,
        run: RunFolder,
        port: int = 0,
        data_folder: Path | str | None = None,
        latents: Iterable[Path | str] = (),
    ):
        step = plan_drawing(run).step
        pinned = read_latents(latents, run.settings().network.generator)
        self._thread = DrawingThread(lambda: _painter(run, step))
        try:
            answers = Answers(run, self._thread, TrainingImages(run, data_folder), pinned)
            self._server = PlayServer(answers, port)
        except BaseException:
            self._thread.end()
            raise
        self.address = self._server.address

    def wait(self) -> None:
        """Waits until the page has ended."""
        self._server.wait()

    def end(self) -> None:
        """Ends the page."""
        self._server.end()
        self._thread.end()

    def __enter__(self) -> "Play":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def _painter(run: RunFolder, step: int) -> Drawer:
    with quiet_start():
        import tensorflow as tf

        from sle_gan.play.painter import Painter

        tf.config.list_logical_devices()  # starts the runtime here, where its messages are expected
        return Painter(run, step)
