"""Files on disk: walking a folder, hashing a content, writing a text whole or not at all."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from neardup.errors import ImageError

OnError = Callable[[Path, str], None]

JOURNAL = "neardup-journal.jsonl"
"""A folder that holds a file of this name holds what ``neardup clean`` removed."""


class Address(type(Path())):  # type: ignore[misc]
    """A path in a storage: ``s3://bucket/photo.jpg`` keeps its two slashes."""

    def __str__(self) -> str:
        return str(super().__str__()).replace(":/", "://", 1)


def is_remote(name: str) -> bool:
    """Whether it is in a storage."""
    return "://" in name


def place(name: str) -> Path:
    """A path on this machine or in a storage."""
    return Address(name) if is_remote(name) else Path(name)


def list_files(root: str | Path, *, on_error: OnError | None = None) -> list[Path]:
    """Everything below ``root`` that is not a folder, sorted by path, whatever its name.

    Links to folders are followed, each folder is entered once (so loops end). Pipes, sockets and
    broken links are listed too: reading them raises :class:`ImageError`, so nothing goes missing.
    What lies in folders of removed files (see :data:`JOURNAL`) is left out, unless ``root`` is one.

    Args:
        root: a folder; or one file, which is then the only entry.
        on_error: called with (folder, reason) for each folder that cannot be listed.

    Raises:
        ImageError: ``root`` does not exist or cannot be listed.
    """
    root = Path(root)
    if not root.is_dir():
        if not root.exists():
            raise ImageError(str(root), "there is no such file or folder")
        return [root]

    def report(error: OSError) -> None:
        folder = Path(error.filename or root)
        if folder == root:
            raise ImageError(str(root), os_reason(error))
        if on_error is not None:
            on_error(folder, os_reason(error))

    files: list[Path] = []
    entered: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, onerror=report, followlinks=True):
        try:
            here = os.stat(folder)
        except OSError:  # vanished since it was listed
            subfolders.clear()
            continue
        if (here.st_dev, here.st_ino) in entered:
            subfolders.clear()
            continue
        entered.add((here.st_dev, here.st_ino))
        if JOURNAL in names and Path(folder) != root:
            subfolders.clear()
            continue
        # Real folders before links to them, so that a picture keeps its real path.
        subfolders.sort(key=lambda name: (os.path.islink(os.path.join(folder, name)), name))
        files.extend(Path(folder, name) for name in names)
    return sorted(files)


def entry_of(path: str | os.PathLike[str]) -> Path:
    """The absolute place of a name: links to folders resolved, a link of that name is not."""
    folder, name = os.path.split(path)
    return Path(os.path.realpath(folder), name)


def content_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, as hexadecimal.

    Raises:
        ImageError: the file cannot be opened or read, or is not a regular file.
    """
    try:
        require_regular(path)
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(str(path), os_reason(error)) from error


def require_regular(path: str | os.PathLike[str]) -> None:
    """Refuse pipes, sockets and devices, which could block for ever when opened.

    Raises:
        ImageError: ``path`` is not a regular file.
        OSError: it does not exist or may not be looked at.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise ImageError(str(path), "it is a folder")
    if not stat.S_ISREG(mode):
        raise ImageError(str(path), "it is not a regular file")


def os_reason(error: OSError) -> str:
    """Why the system refused, in words a person understands."""
    match error:
        case FileNotFoundError():
            return "there is no such file (a broken link, or it vanished meanwhile)"
        case PermissionError():
            return "no permission to read it"
        case _:
            return error.strerror or str(error) or type(error).__name__


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A UTF-8 file to write; it takes the place of ``path`` when the block ends without an error.

    Newlines stay as they are written. Characters that stand for the bytes of a file name that is
    not valid UTF-8 are written as those bytes. Missing folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(draft, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Put ``text`` in the place of what ``path`` held."""
    with replacing(path) as file:
        file.write(text)
