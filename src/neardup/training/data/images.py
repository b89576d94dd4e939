"""Source images as a run sees them: decoded once, reduced, and cached one by one.

The cache on disk is a folder of ``.npy`` files named by what they are made of (the content of a
file, or a formula) and the size they were reduced to. So runs share them, and a folder that grows
costs only what is new.
"""

import hashlib
import os
from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class FileImage:
    """An image in a file; its shorter side is reduced to ``short_side`` pixels."""

    path: str
    content_hash: str
    short_side: int

    def __str__(self) -> str:
        return self.path

    def key(self) -> str:
        """A relative path; images with the same key are equal."""
        return f"{self.short_side}/{self.content_hash[:2]}/{self.content_hash}.npy"

    def make(self) -> Image:
        """Raises ImageError if the file has gone bad since it was scanned."""
        return read_reduced(Path(self.path), self.short_side)


@dataclass(frozen=True, slots=True)
class ProceduralImage:
    """Image ``index`` of the procedural collection ``seed``, of shorter side ``short_side``."""

    seed: int
    index: int
    short_side: int

    def key(self) -> str:
        """A relative path; images with the same key are equal."""
        collection = f"procedural-{_generator_version()}-{self.seed}-{self.short_side}"
        return f"{collection}/{self.index}.npy"

    def make(self) -> Image:
        """Draw it."""
        return generate(self.seed, self.index, self.short_side)


Origin = FileImage | ProceduralImage


@cache
def _generator_version() -> str:
    """Changes with the code, or the libraries, that draw the images."""
    return _digest(*(generate(0, index, 32).tobytes().hex() for index in range(32)))


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def read_reduced(source: ImageSource, short_side: int) -> Image:
    """Decode an image and reduce its shorter side to ``short_side`` pixels; nothing is enlarged.

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


def save_image(image: Image, path: Path) -> None:
    """Write an image as ``.npy``; the file is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with draft.open("wb") as file:
            np.save(file, image, allow_pickle=False)
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@dataclass(frozen=True, slots=True)
class CachedImages(Images):
    """A sequence of images that are in a folder; what is missing there, or damaged, is made again.

    Without a folder each image is made at each access.
    """

    origins: Sequence[Origin]
    folder: Path | None

    def __len__(self) -> int:
        return len(self.origins)

    def __getitem__(self, index: Any) -> Any:
        origin = self.origins[index]
        if self.folder is None:
            return origin.make()
        path = self.folder / origin.key()
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            image = origin.make()
            with suppress(OSError):
                save_image(image, path)
            return image


def prepare(
    origins: Sequence[Origin],
    cache: str,
    folder: Path,
    *,
    workers: int | None = None,
    show: bool = True,
) -> Images:
    """Make every image now, so that what cannot be read is known before training begins.

    Args:
        origins: what the images are made of.
        cache: "disk", "ram", or "off", which makes nothing now and each image at every access.
        folder: for "disk". Of several processes that want the same, one works and the others wait.
        workers: processes; None is one for each core.
        show: show progress.

    Raises:
        NeardupError: files changed or vanished since they were scanned, or the disk is full.
    """
    if cache == "off":
        return CachedImages(origins, None)
    if cache not in ("disk", "ram"):
        raise ValueError(f"cache={cache}: must be disk, ram or off")
    if cache == "ram":
        return _make_all(origins, None, workers, show)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{_digest(*(origin.key() for origin in origins))}.lock"):
            missing = [origin for origin in origins if not (folder / origin.key()).is_file()]
            _make_all(missing, folder, workers, show)
    except OSError as error:
        raise NeardupError(
            f"{folder}: cannot write the image cache ({error.strerror or error});"
            " choose another data.cache_dir, or data.cache=off"
        ) from error
    return CachedImages(origins, folder)


def _make_all(
    origins: Sequence[Origin], folder: Path | None, workers: int | None, show: bool
) -> list[Image]:
    """All images, made in worker processes; with a folder they are there, and empty here."""
    images: list[Any] = [None] * len(origins)
    failed: list[str] = []
    results = map_unordered(
        partial(_make, folder),
        origins,
        workers=available_cores() if workers is None else workers,
        on_crash=lambda origin: f"cannot read {origin}: its decoder crashed",
    )
    with progress("Preparing images", len(origins), show=show and bool(origins)) as advance:
        for place, result in results:
            if isinstance(result, str):
                failed.append(result)
            images[place] = result
            advance(1)
    if failed:
        raise NeardupError(
            f"{len(failed)} files changed or went bad after they were scanned, first: {failed[0]}."
            " Run again, or take them out of the folder"
        )
    return images


def _make(folder: Path | None, origin: Origin) -> Image | str:
    """An image, or why it cannot be read; saved into the folder, if there is one."""
    try:
        image = origin.make()
    except ImageError as error:
        return str(error)
    if folder is None:
        return image
    save_image(image, folder / origin.key())
    return np.empty(0, np.uint8)  # the pixels need not be sent to another process
