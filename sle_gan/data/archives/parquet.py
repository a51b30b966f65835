"""Data sets of images as Hugging Face hands them out: Parquet files with encoded pictures. Imports no TensorFlow."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sle_gan.data.archives.data_set import Picture, named_by_number
from sle_gan.errors import InputError

SUFFIX = ".parquet"
_SHARD = re.compile(r"(?P<split>[a-z_]+)-\d+-of-\d+")
_PICTURES, _LABELS = ("image", "img", "picture"), ("label", "labels", "fine_label")
_ROWS = 256  # held at a time


class Parquet:
    """Pictures of Parquet files, such as `train-00000-of-00002.parquet`.

    Args:
        files: all of the data set.

    Raises:
        InputError: if pyarrow is not installed.
    """

    def __init__(self, files: Sequence[Path]):
        self._reader = _pyarrow()
        self._files: dict[str, list[Path]] = {}
        for file in sorted(files):
            shard = _SHARD.fullmatch(file.stem)
            self._files.setdefault(shard["split"] if shard else "", []).append(file)
        names = sorted(self._files, key=lambda split: (split != "train", split))
        self.splits = tuple(names) if names != [""] else ()
        self.total_bytes = sum(file.stat().st_size for file in files)

    def pictures(self, split: str | None) -> Iterator[Picture]:
        """Yields the pictures of a split.

        Raises:
            InputError: if a file is damaged, or has no column of pictures.
        """
        index = 0
        for path in self._files[split or ""]:
            try:
                table = self._reader.ParquetFile(path)
                picture, label = (_column(table.schema_arrow.names, names) for names in (_PICTURES, _LABELS))
                if picture is None:
                    raise InputError(
                        f"{path} has no column {' or '.join(_PICTURES)}; it has {table.schema_arrow.names}"
                    )
                names = _class_names(table, label)
                for batch in table.iter_batches(_ROWS, columns=[name for name in (picture, label) if name]):
                    for row in batch.to_pylist():
                        folder = "" if label is None else names[row[label]]
                        yield Picture(folder, f"{index:06d}", _bytes_of(path, row[picture]))
                        index += 1
            except (OSError, ValueError, IndexError) as error:  # pyarrow's own are ValueErrors
                if isinstance(error, InputError):
                    raise
                raise InputError(f"{path} cannot be read as Parquet: {error}") from None


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise InputError("Parquet files need pyarrow: pip install 'sle-gan[parquet]'") from None
    return pyarrow.parquet


def _column(there: Sequence[str], wanted: Sequence[str]) -> str | None:
    return next((name for name in wanted if name in there), None)


def _class_names(table: Any, label: str | None) -> list[str]:
    """Returns the names that Hugging Face keeps beside the columns; the labels themselves where there are none."""
    if label is None:
        return []
    about = json.loads((table.schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
    names = about.get("info", {}).get("features", {}).get(label, {}).get("names")
    if names:
        return [str(name).replace("/", "_") for name in names]
    return named_by_number(table.read(columns=[label])[label].to_numpy())


def _bytes_of(path: Path, cell: Any) -> bytes:
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(content, bytes):
        raise InputError(f"{path} has a row without the bytes of a picture")
    return content
