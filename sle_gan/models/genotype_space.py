"""Genotypes of generators that were searched: what each place of the network holds, as plain data. No TensorFlow.

A genotype is shared as a file of JSON, `{"generator": "alphagan", "places": {"cell1_up0": "bilinear", ...}}`, and kept
in the settings of a run as its published name, or as the same JSON in one line.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sle_gan.errors import InputError
from sle_gan.json_files import read_json, write_json

Genotype = Mapping[str, str]  # what each place of a network holds

_PARTS = {"generator", "places"}


class GenotypeSpace(NamedTuple):
    """All genotypes of a generator.

    Attributes:
        generator: its name, as files of genotypes say it.
        places: the words that each place can hold, by the place's name.
        published: the genotypes that the paper's authors have published, by name; the first is the usual one.
    """

    generator: str
    places: Mapping[str, tuple[str, ...]]
    published: Mapping[str, Genotype]

    @property
    def usual(self) -> str:
        """The name of the genotype that is taken where none is given."""
        return next(iter(self.published))

    def resolve(self, given: str | None) -> str:
        """Returns a genotype as settings hold it, whatever becomes of a file that it was given in.

        Args:
            given: a published name, the path of a file, or what this returned; None for the usual genotype.

        Raises:
            InputError: if it is none of these, or the file holds no genotype of this generator.
        """
        if given is None or given in self.published:
            return given or self.usual
        return self.encode(self._checked(_parsed(given), given) if given.startswith("{") else self.read(given))

    def encode(self, genotype: Genotype) -> str:
        """Returns a genotype as settings hold it: its published name, or JSON in one line."""
        names = [name for name, known in self.published.items() if known == genotype]
        return names[0] if names else json.dumps(self._content(genotype), separators=(",", ":"))

    def decode(self, resolved: str) -> Genotype:
        """Returns the genotype of a text that settings hold.

        Raises:
            InputError: if it is none: a run folder may come from elsewhere.
        """
        known = self.published.get(resolved)
        return self._checked(_parsed(resolved), "the setting 'genotype'") if known is None else known

    def read(self, file: Path | str) -> Genotype:
        """Reads a genotype; nothing in it is executed.

        Args:
            file: path of JSON, as `write` writes it.

        Raises:
            InputError: if there is no such file, or it holds no genotype of this generator.
        """
        names = ", ".join(self.published)
        try:
            content = read_json(file)
        except OSError:
            raise InputError(f"--genotype must be one of {names}, or a file that can be read; got {file}") from None
        return self._checked(content, str(file))

    def write(self, file: Path, genotype: Genotype) -> None:
        """Writes a genotype, whole or not at all.

        Args:
            file: path.
            genotype: a word for each place.
        """
        write_json(file, self._content(genotype))

    def _content(self, genotype: Genotype) -> dict[str, Any]:
        return {"generator": self.generator, "places": {place: genotype[place] for place in self.places}}

    def _checked(self, content: object, origin: str) -> Genotype:
        if not isinstance(content, dict) or content.keys() != _PARTS or not isinstance(content["places"], dict):
            raise InputError(f"{origin} is no genotype: it must hold {' and '.join(sorted(_PARTS))} alone")
        if content["generator"] != self.generator:
            raise InputError(
                f"{origin} must be a genotype of {self.generator}; got one of {content['generator']!r:.60}"
            )
        places = content["places"]
        unknown = sorted(map(str, places.keys() - self.places.keys()))
        if unknown:
            raise InputError(f"{origin}: there is no place {unknown[0]!r:.60} in {self.generator}")
        for place, words in self.places.items():
            if places.get(place) not in words:
                raise InputError(f"{origin}: {place} must be one of {', '.join(words)}; got {places.get(place)!r:.60}")
        return {place: places[place] for place in self.places}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the genotype cannot be read as JSON ({error})") from None
