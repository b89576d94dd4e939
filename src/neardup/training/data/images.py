"""Source images as a run sees them: decoded once, reduced, and cached one by one.

The cache on disk is a folder of ``.npy`` files named by what they are made of (the content of a
file, or a formula) and the size they were reduced to. So runs share them, and a folder that grows
costs only what is new.
"""

import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image as PILImage

from neardup.embedder import available_cores
from neardup.errors import ImageError, NeardupError
from neardup.images.reading import ImageSource, read_image
from neardup.procedural import generate
from neardup.progress import progress
from neardup.training.data.workers import map_unordered

Image = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""

Images = Sequence[Image]


class Origin(Images):
    """A sequence that makes an image anew at each access."""

    @abstractmethod
    def key(self, index: int) -> str:
        """A relative path; images with the same key are equal."""

    @abstractmethod
    def name(self, index: int) -> str:
        """What to call an image in a message."""


@dataclass(frozen=True, slots=True)
class FileImages(Origin):
    """Image files, decoded and reduced.

    Attributes:
        root: their folder.
        paths: relative to it.
        content_hashes: SHA-256 of each file.
        short_side: the shorter side is reduced to this, pixels; nothing is enlarged.
    """

    root: Path
    paths: tuple[str, ...]
    content_hashes: tuple[str, ...]
    short_side: int

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Any) -> Any:
        """Raise ImageError if the file has gone bad since it was scanned."""
        return read_reduced(self.root / self.paths[index], self.short_side)

    def key(self, index: int) -> str:
        return file_key(self.content_hashes[index], self.short_side)

    def name(self, index: int) -> str:
        return os.fspath(self.root / self.paths[index])


@dataclass(frozen=True, slots=True)
class ProceduralImages(Origin):
    """The first ``length`` images of the procedural collection ``seed``, drawn.

    Attributes:
        short_side: of each image, pixels.
    """

    seed: int
    length: int
    short_side: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Any) -> Any:
        return generate(self.seed, range(self.length)[index], self.short_side)

    def key(self, index: int) -> str:
        index = range(self.length)[index]
        return f"procedural-{_generator_version()}-{self.seed}-{self.short_side}/{index}"

    def name(self, index: int) -> str:
        return f"procedural picture {index} of seed {self.seed}"


@cache
def _generator_version() -> str:
    """Changes with the code, or the libraries, that draw the images."""
    samples = b"".join(generate(0, index, 32).tobytes() for index in range(32))
    return hashlib.sha256(samples).hexdigest()[:16]


def file_key(content_hash: str, short_side: int) -> str:
    """The key of an image file in the cache."""
    return f"{short_side}/{content_hash[:2]}/{content_hash}"


def read_reduced(source: ImageSource, short_side: int) -> Image:
    """Decode an image, its shorter side reduced to at most ``short_side`` pixels, antialiased.

    Raises:
        ImageError: it cannot be read.
    """
    image = read_image(source, min_side=short_side)
    height, width = image.shape[:2]
    if min(height, width) <= short_side:
        return image
    scale = short_side / min(height, width)
    size = (max(short_side, round(width * scale)), max(short_side, round(height * scale)))
    bilinear = PILImage.Resampling.BILINEAR
    return np.asarray(PILImage.fromarray(image).resize(size, bilinear, reducing_gap=3.0))


@dataclass(frozen=True, slots=True)
class CachedImages(Images):
    """Images kept on disk; one that is missing there, or damaged, is made again.

    Attributes:
        origin: makes them.
        folder: of the cache.
    """

    origin: Origin
    folder: Path

    def __len__(self) -> int:
        return len(self.origin)

    def __getitem__(self, index: Any) -> Any:
        path = self.path(index)
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            image = self.origin[index]
            with suppress(OSError):
                save_image(image, path)
            return image

    def path(self, index: int) -> Path:
        """Where an image is kept."""
        return cache_path(self.folder, self.origin.key(index))


def cache_path(folder: Path, key: str) -> Path:
    """Where the image with this key is kept."""
    return folder / f"{key}.npy"


def save_image(image: Image, path: Path) -> None:
    """Write an image; the file is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            np.save(file, image, allow_pickle=False)
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def prepare(
    origin: Origin, cache: str, folder: Path, *, workers: int | None = None, show: bool = True
) -> Images:
    """Make every image now, so that what cannot be read is known before training begins.

    Args:
        origin: the images.
        cache: "disk", "ram", or "off", which makes nothing now and each image at every access.
        folder: for "disk". Of several processes that prepare, one works and the others wait.
        workers: processes; None is one for each core.
        show: show progress.

    Raises:
        NeardupError: files changed or vanished since they were scanned, or the disk is full.
    """
    if cache == "off":
        return origin
    if cache == "ram":
        images: list[Image] = [np.empty(0, np.uint8)] * len(origin)
        _make(origin, range(len(origin)), origin.__getitem__, images.__setitem__, workers, show)
        return images
    if cache != "disk":
        raise ValueError(f"cache={cache}: must be disk, ram or off")
    cached = CachedImages(origin, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            missing = [index for index in range(len(origin)) if not cached.path(index).is_file()]
            _make(origin, missing, partial(_keep, cached), lambda *_: None, workers, show)
    except OSError as error:
        raise NeardupError(
            f"{folder}: cannot write the image cache ({error.strerror or error});"
            " choose another data.cache_dir, or data.cache=off"
        ) from error
    return cached


def _keep(cached: CachedImages, index: int) -> None:
    """In a worker process, so that the pixels need not be sent to another."""
    save_image(cached.origin[index], cached.path(index))


def _make(
    origin: Origin,
    indices: Sequence[int],
    make: Callable[[int], Image | None],
    take: Callable[[int, Any], None],
    workers: int | None,
    show: bool,
) -> None:
    """Call ``make`` in worker processes for each index and ``take(index, result)`` here."""
    failed: list[str] = []
    results = map_unordered(
        partial(_or_reason, make),
        indices,
        workers=available_cores() if workers is None else workers,
        on_crash=lambda index: f"cannot read {origin.name(index)}: its decoder crashed",
    )
    with progress("Preparing images", len(indices), show=show and bool(indices)) as advance:
        for place, result in results:
            if isinstance(result, str):
                failed.append(result)
            else:
                take(indices[place], result)
            advance(1)
    if failed:
        raise NeardupError(
            f"{len(failed)} files changed or went bad after they were scanned, first: {failed[0]}."
            " Run again, or take them out of the folder"
        )


def _or_reason(make: Callable[[int], Image | None], index: int) -> Image | str | None:
    try:
        return make(index)
    except ImageError as error:
        return str(error)
