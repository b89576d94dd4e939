"""What is in a folder of images: one entry for each readable file, a reason for each other."""

import hashlib
import io
import json
import os
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neardup.embedder import available_cores
from neardup.errors import ImageError, NeardupError
from neardup.files import list_files, os_reason, require_regular, write_text
from neardup.images.reading import check_header, read_image
from neardup.progress import progress
from neardup.training.data.workers import map_unordered

_FORMAT = 1  # of the cache file; also changes when the figures in an entry change meaning
_SECONDS_BETWEEN_SAVES = 60.0
_DECODED_SIDE = 64  # px; enough for the figures of an entry

OnRead = Callable[[bytes, str], None]
"""Is given the content of a readable file, and its SHA-256, while it is in memory."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One readable image file.

    Attributes:
        path: relative to the scanned folder, with "/" between its parts.
        bytes, mtime_ns: of the file when it was read.
        content_hash: SHA-256 of the file's bytes, hexadecimal.
        width, height: as seen (EXIF orientation applied), pixels.
        dhash: 64-bit difference hash.
        contrast: standard deviation of the grey levels, in [0, 127.5]; 0 is a blank image.
    """

    path: str
    bytes: int
    mtime_ns: int
    content_hash: str
    width: int
    height: int
    dhash: int
    contrast: float


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The images of a folder, sorted by path; ``skipped`` files could not be read."""

    root: Path
    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]


def scan_folder(
    root: str | os.PathLike[str],
    cache_dir: str | os.PathLike[str],
    *,
    on_read: OnRead | None = None,
    workers: int | None = None,
    show: bool = True,
) -> Manifest:
    """Read every file below ``root`` once, whatever it is called, and note what is in it.

    Entries are remembered in ``cache_dir``; an entry holds as long as its file keeps its size and
    modification time. Unreadable files are tried again each time: the cause may be gone.

    Args:
        root: the folder.
        cache_dir: where entries are remembered.
        on_read: called in a worker process for each image that is read now, not remembered; a
            module-level function or a ``partial`` of one.
        workers: processes; None is one for each core.
        show: show progress.

    Raises:
        ImageError: there is no folder ``root``.
        NeardupError: ``cache_dir`` cannot be written.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise ImageError(str(root), "there is no such folder")
    skipped: list[Skipped] = []
    files = list_files(
        root, on_error=lambda folder, why: skipped.append(Skipped(_relative(folder, root), why))
    )
    name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
    cache = Path(cache_dir).expanduser() / "manifests" / f"{name}.json"
    remembered = {(e.path, e.bytes, e.mtime_ns): e for e in _load(cache)}
    known: dict[str, Entry] = {}
    unread: list[str] = []
    for file in files:
        path = _relative(file, root)
        try:
            stat = file.stat()
        except OSError:
            unread.append(path)  # reading it gives the reason
            continue
        if entry := remembered.get((path, stat.st_size, stat.st_mtime_ns)):
            known[path] = entry
        else:
            unread.append(path)

    changed = len(known) != len(remembered)
    saved = time.monotonic()
    results = map_unordered(
        partial(_examine, root, on_read),
        unread,
        workers=available_cores() if workers is None else workers,
        on_crash=lambda path: Skipped(path, "its decoder crashed"),
    )
    with progress("Scanning images", len(unread), show=show and bool(unread)) as advance:
        for _, result in results:
            if isinstance(result, Skipped):
                skipped.append(result)
            else:
                known[result.path] = result
                changed = True
            if changed and time.monotonic() - saved > _SECONDS_BETWEEN_SAVES:
                _save(cache, known.values())
                saved = time.monotonic()
            advance(1)
    if changed:
        _save(cache, known.values())
    return Manifest(
        root=root,
        entries=tuple(sorted(known.values(), key=lambda e: e.path)),
        skipped=tuple(sorted(skipped, key=lambda s: s.path)),
    )


def _examine(root: Path, on_read: OnRead | None, path: str) -> Entry | Skipped:
    file = root / path
    try:
        require_regular(file)
        stat = file.stat()  # before reading: a later change must not pass for what was read
        with file.open("rb") as opened:
            check_header(opened)  # a film of many gigabytes is not read to its end
            content = opened.read()
        pixels = read_image(content, min_side=_DECODED_SIDE)
        width, height = _size(content)
        content_hash = hashlib.sha256(content).hexdigest()
        if on_read is not None:
            on_read(content, content_hash)
        return Entry(
            path=path,
            bytes=stat.st_size,
            mtime_ns=stat.st_mtime_ns,
            content_hash=content_hash,
            width=width,
            height=height,
            dhash=difference_hash(pixels),
            contrast=round(float(np.asarray(Image.fromarray(pixels).convert("L")).std()), 3),
        )
    except ImageError as error:
        return Skipped(path, error.reason)
    except OSError as error:
        return Skipped(path, os_reason(error))
    except Exception as error:  # one odd file must not end the scan of all the others
        return Skipped(path, f"damaged: {str(error) or type(error).__name__}")


def _size(content: bytes) -> tuple[int, int]:
    """Width and height after EXIF orientation, from the header of a file that has been read."""
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content)) as image:
        width, height = image.size
        try:
            sideways = image.getexif().get(0x0112, 1) >= 5
        except Exception:  # damaged EXIF, of which read_image makes nothing either
            sideways = False
    return (height, width) if sideways else (width, height)


def _relative(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def _load(cache: Path) -> list[Entry]:
    """The remembered entries; none if the file is missing, damaged, or of another version."""
    try:
        content = json.loads(cache.read_text("ascii"))
        return [Entry(*row) for row in content["entries"]] if content["format"] == _FORMAT else []
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _save(cache: Path, entries: Iterable[Entry]) -> None:
    rows = [astuple(entry) for entry in entries]
    try:
        write_text(cache, json.dumps({"format": _FORMAT, "entries": rows}))
    except OSError as error:
        raise NeardupError(
            f"{cache}: cannot be written ({error.strerror or error}); choose another data.cache_dir"
        ) from error


def difference_hash(image: NDArray[np.uint8]) -> int:
    """dHash: which of 8 x 8 steps to the right get brighter (N. Krawetz, 2013).

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        64 bits, the first step of the first row in the highest.
    """
    grey = Image.fromarray(image).convert("L")
    small = grey.resize((9, 8), Image.Resampling.BILINEAR, reducing_gap=3.0)
    levels = np.asarray(small)
    brighter = levels[:, 1:] > levels[:, :-1]
    return int.from_bytes(np.packbits(brighter).tobytes(), "big")
