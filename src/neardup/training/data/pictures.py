"""Where small source images come from: the files of a folder, or formulas."""

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neardup.images.reading import read_image
from neardup.procedural import generate
from neardup.training.data.manifest import Manifest

Picture = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""


class Pictures(Protocol):
    """A sequence that makes a picture at each access."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Picture: ...

    def key(self) -> str:
        """Hexadecimal; two sequences with the same key hold the same pictures."""
        ...

    def name(self, index: int) -> str:
        """What to call a picture in a message."""
        ...


@dataclass(frozen=True, slots=True)
class FolderPictures:
    """Files, decoded and reduced at each access.

    Attributes:
        root: the folder.
        paths: files relative to it.
        content_hashes: SHA-256 of each.
        short_side: pictures with a shorter side above this are reduced to it, pixels; aspect is
            kept and nothing is enlarged.
    """

    root: Path
    paths: tuple[str, ...]
    content_hashes: tuple[str, ...]
    short_side: int

    @classmethod
    def of(
        cls, manifest: Manifest, indices: NDArray[np.int64], *, short_side: int
    ) -> "FolderPictures":
        """The entries of a manifest at `indices`, in that order."""
        entries = [manifest.entries[i] for i in indices]
        return cls(
            root=manifest.root,
            paths=tuple(entry.path for entry in entries),
            content_hashes=tuple(entry.content_hash for entry in entries),
            short_side=short_side,
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Picture:
        """Raises ImageError if the file has gone bad since it was scanned."""
        pixels = read_image(self.root / self.paths[index], min_side=self.short_side)
        return reduce_to(pixels, self.short_side)

    def key(self) -> str:
        return _digest("folder", self.short_side, *self.content_hashes)

    def name(self, index: int) -> str:
        return os.fspath(self.root / self.paths[index])


@dataclass(frozen=True, slots=True)
class ProceduralPictures:
    """Pictures `first` to `first + count - 1` of the collection `seed`.

    Attributes:
        short_side: of each picture, pixels.
    """

    seed: int
    count: int
    short_side: int
    first: int = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Picture:
        if not -self.count <= index < self.count:
            raise IndexError(index)
        return generate(self.seed, self.first + index % self.count, self.short_side)

    def key(self) -> str:
        what = (self.seed, self.first, self.count, self.short_side)
        return _digest("procedural", _generator_version(), *what)

    def name(self, index: int) -> str:
        return f"procedural picture {self.first + index} of seed {self.seed}"


@dataclass(frozen=True, slots=True)
class ChainedPictures:
    """Several sequences, one after another."""

    parts: tuple[Pictures, ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __getitem__(self, index: int) -> Picture:
        part, place = self._find(index)
        return part[place]

    def key(self) -> str:
        return _digest("chained", *(part.key() for part in self.parts))

    def name(self, index: int) -> str:
        part, place = self._find(index)
        return part.name(place)

    def _find(self, index: int) -> tuple[Pictures, int]:
        place = range(len(self))[index]
        for part in self.parts:
            if place < len(part):
                return part, place
            place -= len(part)
        raise AssertionError("unreachable")


def reduce_to(image: Picture, short_side: int) -> Picture:
    """Reduce an image so that its shorter side is at most `short_side` pixels; antialiased."""
    height, width = image.shape[:2]
    if min(height, width) <= short_side:
        return image
    scale = short_side / min(height, width)
    size = (max(short_side, round(width * scale)), max(short_side, round(height * scale)))
    reduced = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(reduced)


@cache
def _generator_version() -> str:
    """Changes with the code, or the libraries, that draw the pictures."""
    samples = [hashlib.sha256(generate(0, index, 32).tobytes()).hexdigest() for index in range(32)]
    return _digest(*samples)


def _digest(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
