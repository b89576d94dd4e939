"""Decoded small images, packed end to end, in a memory-mapped file or in memory."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from neardup.embedder import available_cores
from neardup.errors import ImageError, NeardupError
from neardup.progress import progress
from neardup.training.data.pictures import Picture, Pictures
from neardup.training.data.workers import map_unordered

_FORMAT = 1
_PIXELS, _INDEX = "pixels.bin", "index.npy"


class ImageStore:
    """Images of different sizes in one flat array; item i is (H, W, 3) uint8, read only.

    On disk it is opened again, not copied, in a worker process, forked or spawned. In memory it is
    shared with forked workers and copied to spawned ones.

    Args:
        pixels: (bytes,) uint8, all images one after another.
        index: (N, 3) int64: offset in `pixels`, height, width.
        folder: where both are stored; None for a store in memory.
    """

    def __init__(
        self, pixels: NDArray[np.uint8], index: NDArray[np.int64], folder: Path | None = None
    ) -> None:
        self._pixels = pixels
        self._index = index
        self.folder = folder

    @classmethod
    def open(cls, folder: Path) -> "ImageStore":
        """Map a store on disk.

        Raises:
            NeardupError: it is missing or damaged; delete the folder and it is built again.
        """
        try:
            index = np.load(folder / _INDEX, allow_pickle=False)
            expected = int((index[:, 1] * index[:, 2]).sum() * 3)
            found = (folder / _PIXELS).stat().st_size
            if found != expected:
                raise ValueError(f"{_PIXELS} has {found} bytes, expected {expected}")
            pixels = np.memmap(folder / _PIXELS, np.uint8, mode="r")
        except (OSError, ValueError, IndexError) as error:
            raise NeardupError(
                f"{folder}: not a usable image cache ({error}); delete that folder"
            ) from error
        return cls(pixels, index, folder)

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, position: int) -> Picture:
        offset, height, width = (int(value) for value in self._index[position])
        flat = self._pixels[offset : offset + height * width * 3]
        image: Picture = np.asarray(flat).reshape(height, width, 3)
        return image

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels."""
        return int(self._pixels.nbytes)

    def __getstate__(self) -> dict[str, Any]:
        if self.folder is not None:
            return {"folder": self.folder}
        return {"pixels": self._pixels, "index": self._index}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "folder" in state:
            state = vars(ImageStore.open(state["folder"]))
            self.__init__(state["_pixels"], state["_index"], state["folder"])  # type: ignore[misc]
        else:
            self.__init__(state["pixels"], state["index"])  # type: ignore[misc]


def cached(
    pictures: Pictures,
    cache: str,
    cache_dir: str | os.PathLike[str],
    *,
    workers: int | None = None,
    show_progress: bool = True,
) -> ImageStore | Pictures:
    """Make every picture once, now; or, with `cache="off"`, leave them to be made at each access.

    A store on disk is found again by the pictures' key. It appears under its name only when it is
    whole; of several processes that want it, one builds and the others wait.

    Args:
        cache: "disk", "ram" or "off".
        cache_dir: for "disk".
        workers: processes; None is one for each core.

    Returns:
        A sequence of (H, W, 3) uint8 RGB.

    Raises:
        NeardupError: files changed or vanished since they were scanned, or the disk is full.
    """
    made = partial(_make_all, pictures, workers=workers, show_progress=show_progress)
    if cache == "off":
        return pictures
    if cache == "ram":
        return _in_memory(made(), len(pictures))
    if cache != "disk":
        raise ValueError(f"cache={cache}: must be disk, ram or off")
    key = hashlib.sha256(f"{_FORMAT} {pictures.key()}".encode()).hexdigest()[:32]
    folder = Path(cache_dir).expanduser() / "images" / key
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not _usable(folder):
                _build(folder, made(), len(pictures))
    except OSError as error:
        raise NeardupError(
            f"{folder}: cannot write the image cache ({error.strerror or error});"
            " choose another data.cache_dir, or data.cache=off"
        ) from error
    return ImageStore.open(folder)


def _usable(folder: Path) -> bool:
    try:
        ImageStore.open(folder)
    except NeardupError:
        return False
    return True


def _build(folder: Path, made: Iterator[tuple[int, Picture]], count: int) -> None:
    """Write a store under another name and rename it once it is whole."""
    draft = folder.with_suffix(".draft")
    for leftover in (draft, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        index = np.zeros((count, 3), np.int64)
        offset = 0
        with open(draft / _PIXELS, "wb") as file:
            for position, image in made:
                file.write(image.tobytes())
                index[position] = offset, *image.shape[:2]
                offset += image.nbytes
            file.flush()
            os.fsync(file.fileno())
        np.save(draft / _INDEX, index, allow_pickle=False)
        os.replace(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _in_memory(made: Iterator[tuple[int, Picture]], count: int) -> ImageStore:
    index = np.zeros((count, 3), np.int64)
    images: list[Picture] = []
    offset = 0
    for position, image in made:
        index[position] = offset, *image.shape[:2]
        offset += image.nbytes
        images.append(image)
    pixels = np.empty(offset, np.uint8)
    offset = 0
    for place, image in enumerate(images):  # let go of each once it is copied
        pixels[offset : offset + image.nbytes] = image.ravel()
        offset += image.nbytes
        images[place] = np.empty((0, 0, 3), np.uint8)
    pixels.flags.writeable = False
    return ImageStore(pixels, index)


def _make_all(
    pictures: Pictures, *, workers: int | None, show_progress: bool
) -> Iterator[tuple[int, Picture]]:
    """(position, picture) in any order; after the last, an error if any could not be made."""
    failed: list[str] = []
    results = map_unordered(
        partial(_make, pictures),
        range(len(pictures)),
        workers=available_cores() if workers is None else workers,
        on_crash=lambda position: f"cannot read {pictures.name(position)}: its decoder crashed",
    )
    with progress("Preparing images", len(pictures), show=show_progress) as advance:
        for position, result in results:
            if isinstance(result, str):
                failed.append(result)
            else:
                yield position, result
            advance(1)
    if failed:
        raise NeardupError(
            f"{len(failed)} files changed or went bad after they were scanned, first: {failed[0]}."
            " Run again, or take them out of the folder"
        )


def _make(pictures: Pictures, position: int) -> Picture | str:
    try:
        return pictures[position]
    except ImageError as error:
        return str(error)
