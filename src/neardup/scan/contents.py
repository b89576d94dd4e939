"""Exact copies first: files are hashed, and files of the same bytes share one content."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neardup.progress import progress
from neardup.scan.cache import ScanCache
from neardup.scan.pool import WorkerPool

_COMMIT_EVERY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file as it was when it was hashed.

    Attributes:
        path: where it is.
        bytes: its size.
        modified: nanoseconds since the epoch.
        sha256: of its bytes, hexadecimal.
        link: it is a symbolic link to the bytes.
    """

    path: Path
    bytes: int
    modified: int
    sha256: str
    link: bool

    @property
    def preference(self) -> tuple[bool, int, int, str]:
        """Which of several identical files to keep, smallest first: real files before links,
        the oldest, the shortest path, and the alphabet to decide the rest."""
        return self.link, self.modified, len(str(self.path)), str(self.path)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or a folder that could not be listed, and why, in words a person understands."""

    path: Path
    reason: str


def hash_files(
    paths: Sequence[Path], cache: ScanCache, pool: WorkerPool, *, show_progress: bool
) -> tuple[list[File], list[Skipped]]:
    """Hash every file that the cache does not know, in the order given."""
    known = {path: file for path in paths if (file := _known(path, cache)) is not None}
    unknown = [path for path in paths if path not in known]
    skipped: list[Skipped] = []
    for batch in _hashed(unknown, pool, show_progress):
        cache.remember_files(
            (entry.path, entry.bytes, entry.modified, entry.sha256)
            for entry in batch
            if isinstance(entry, File)
        )
        for entry in batch:
            if isinstance(entry, File):
                known[entry.path] = entry
            else:
                skipped.append(entry)
    return [known[path] for path in paths if path in known], skipped


def by_content(files: Sequence[File]) -> dict[str, list[File]]:
    """sha256 to the files that hold it, both in the order of the files."""
    contents: dict[str, list[File]] = {}
    for file in files:
        contents.setdefault(file.sha256, []).append(file)
    return contents


def _known(path: Path, cache: ScanCache) -> File | None:
    try:
        state = path.stat()
    except OSError:
        return None  # reading it will say why
    sha256 = cache.known_hash(path, size=state.st_size, modified=state.st_mtime_ns)
    if sha256 is None:
        return None
    return File(
        path=path,
        bytes=state.st_size,
        modified=state.st_mtime_ns,
        sha256=sha256,
        link=path.is_symlink(),
    )


def _hashed(
    paths: Sequence[Path], pool: WorkerPool, show_progress: bool
) -> Iterator[list[File | Skipped]]:
    batch: list[File | Skipped] = []
    tasks = ({"task": "hash", "path": os.fspath(path)} for path in paths)
    show = show_progress and bool(paths)
    with progress("Reading files", len(paths), unit="files", show=show) as advance:
        for path, (header, _) in zip(paths, pool.map(tasks), strict=True):
            if header["error"] is None:
                del header["error"]
                batch.append(File(path=path, **header))
            else:
                batch.append(Skipped(path, header["error"]))
            if len(batch) == _COMMIT_EVERY:
                yield batch
                batch = []
            advance(1)
    yield batch
