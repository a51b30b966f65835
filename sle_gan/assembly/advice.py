"""Whether a training would take what is advised: it is planned with it, as `train.py --dry-run` does. No TensorFlow."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sle_gan.assembly.resolve import resolve
from sle_gan.assembly.with_images import Images, check_lengths, resolve_with_images, split_images
from sle_gan.data.folder import FolderScan
from sle_gan.data.manifest import images_in, read_manifest
from sle_gan.errors import InputError
from sle_gan.run import RunFolder
from sle_gan.settings import ImageSettings
from sle_gan.settings.advice import Accepts, Changes
from sle_gan.settings.train import GIVABLE

_INSTEAD_OF = {
    name: [other for other, one in GIVABLE.items() if one.flag is not None and one.flag.instead_of == name]
    for name in GIVABLE
}


def accepts_for(given: Mapping[str, object], scanned: FolderScan) -> Accepts:
    """Returns whether a training takes some changes.

    Args:
        given: settings of the training, by name.
        scanned: all its images, of which `data_ratio` may leave out some.
    """

    def split(images: ImageSettings, seed: int) -> Images:
        return split_images(scanned, images, seed)

    def accepts(changes: Changes) -> bool:
        # `--steps` is refused beside a length in epochs, whatever that comes to.
        if any(given.get(other) is not None for name in changes for other in _INSTEAD_OF.get(name, ())):
            return False
        asked = {**given, **changes}
        try:
            check_lengths(resolve_with_images(asked, resolve(asked, image_count=1), split)[0])
        except InputError:
            return False
        return True

    return accepts


def accepts_for_run(run: RunFolder) -> Accepts:
    """Returns whether a training like that of a run, of the same images, takes some changes.

    Args:
        run: a `RunFolder` that exists. One without a manifest takes none, since its images are not known.

    Raises:
        InputError: if a file of the run is damaged.
    """
    if not run.manifest_file.exists():
        return lambda changes: False
    settings = run.settings()
    content = read_manifest(run.manifest_file)
    images = [image for kind in ("images", "held_out") for image in images_in(content, run.manifest_file, kind)]
    everything = replace(settings, images=replace(settings.images, data_ratio=1.0, data_ratio_by="all"))
    return accepts_for(everything.as_given(), FolderScan(Path(settings.images.data_folder), tuple(images)))
