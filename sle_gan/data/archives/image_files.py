"""Archives of image files: their folders are kept. Imports no TensorFlow.

Tiny ImageNet's is one of them: the pictures of its classes lie in `train/CLASS/images`, and the classes of `val` in a
file of text.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from sle_gan.data.archives.data_set import Picture, without_common_folders
from sle_gan.data.archives.members import Members, texts_of

SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing", "dev", "unlabeled")
_ANNOTATIONS = "val_annotations.txt"


class ImageFiles:
    """Files of an archive.

    Args:
        members: of the archive.
    """

    def __init__(self, members: Members):
        self._members = members
        self._paths = without_common_folders(members.names)
        annotations = next((name for name in members.names if PurePosixPath(name).name == _ANNOTATIONS), None)
        if annotations is not None:
            self._paths = _by_class(self._paths, texts_of(members, [annotations])[annotations])
        folders = {path.partition("/")[0] for path in self._paths if "/" in path}
        is_split = len(folders) > 1 and folders <= set(SPLITS) and folders & {"train", "training"}
        self.splits = tuple(split for split in SPLITS if split in folders) if is_split else ()
        self.total_bytes = members.total_bytes

    def pictures(self, split: str | None) -> Iterator[Picture]:
        """Yields the files of a split; those that lie in none, such as a list of words, are in no split."""
        path_of = {
            name: PurePosixPath(path.removeprefix(f"{split}/") if split else path)
            for path, name in self._paths.items()
            if split is None or path.startswith(f"{split}/")
        }
        for name, file in self._members.opened(path_of):
            folder = path_of[name].parent.as_posix()
            yield Picture("" if folder == "." else folder, path_of[name].name, file.read())


def _by_class(paths: dict[str, str], annotations: list[str]) -> dict[str, str]:
    """Brings Tiny ImageNet's paths to `split/class/file`."""
    class_of = dict(line.split("\t")[:2] for line in annotations if "\t" in line)
    found = {}
    for path, name in paths.items():
        parts = [part for part in path.split("/") if part != "images"]
        if parts[0] == "val" and parts[-1] in class_of:
            parts.insert(1, class_of[parts[-1]])
        found["/".join(parts)] = name
    return found
