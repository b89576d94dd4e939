"""Object storage and the like, by fsspec: asked again when it fails, and no secret is repeated.

A name with ``://`` in it lies in a storage, any other on this machine.
"""

import importlib
import io
import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

from neardup.errors import NeardupError
from neardup.files import is_remote, os_reason

ATTEMPTS = 5
FIRST_PAUSE = 0.5  # seconds; each pause is twice the one before
BLOCK = 4_000_000  # bytes of a container that are asked for together
_MODIFIED = ("LastModified", "mtime", "last_modified", "updated")  # as each storage calls it

T = TypeVar("T")


def system_of(name: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it.

    Raises:
        NeardupError: a package is missing, or the address holds a password, which reports and
            messages would repeat.
    """
    fsspec = importlib.import_module("fsspec")
    if urlsplit(name).password is not None:
        shown = name.partition("://")[0] + "://..." + name.rpartition("@")[2]
        raise NeardupError(f"{shown}: passwords belong in the environment, not in addresses")
    try:
        system, path = fsspec.core.url_to_fs(name)
    except (ImportError, ValueError) as error:
        raise NeardupError(f"{name}: {error}") from None
    return system, str(path)


def listed(name: str) -> list[str]:
    """The addresses of all files below one, or of those that fit it where it has a ``*``, sorted.

    Raises:
        NeardupError: it cannot be listed, or nothing is there.
    """
    system, path = system_of(name)
    ask = partial(system.glob if "*" in name else system.find, path)
    found = sorted(str(system.unstrip_protocol(entry)) for entry in insisting(ask, name))
    if not found:
        raise NeardupError(f"{name}: nothing is there")
    return found


def reader(name: str) -> IO[bytes]:
    """A file, here or in a storage, to read from.

    Raises:
        NeardupError: it is not there or may not be read.
    """
    if is_remote(name):
        return io.BufferedReader(_Remote(name), BLOCK)
    try:
        return open(name, "rb")
    except OSError as error:
        raise NeardupError(f"{name}: {os_reason(error)}") from error


def modified(name: str) -> float:
    """Seconds since the epoch; 0: not known.

    Raises:
        NeardupError: it is not there or may not be read.
    """
    if not is_remote(name):
        return Path(name).stat().st_mtime
    system, path = system_of(name)
    return _moment(insisting(partial(system.info, path), name))


def download(name: str, target: Path) -> None:
    """Copy a file of a storage here, with the time of its last change.

    Raises:
        NeardupError: it cannot be had.
    """
    system, path = system_of(name)

    def ask() -> float:
        about = system.info(path)
        system.get_file(path, str(target))
        if target.stat().st_size != about["size"]:
            raise OSError("the connection ended before the file did")
        return _moment(about)

    moment = insisting(ask, name)
    os.utime(target, (moment, moment))


def replace_files(folder: Path, address: str, names: Iterable[str]) -> None:
    """Put some files into a storage; those of the names that the folder lacks go there too.

    Raises:
        NeardupError: it does not take them.
    """
    system, path = system_of(address)
    for name in names:
        target = f"{path}/{name}"
        if (folder / name).is_file():
            put = partial(system.put_file, str(folder / name), target)
        else:
            put = partial(_remove, system, target)
        insisting(put, f"{address}/{name}")


def _remove(system: Any, path: str) -> None:
    if system.exists(path):
        system.rm_file(path)


def insisting(ask: Callable[[], T], name: str) -> T:
    """The answer of a storage that may fail for a while; each time it is given twice as long.

    Raises:
        NeardupError: it is not there, or failed every time. The message holds no address with
            credentials, only the name that the user gave.
    """
    for attempt in range(ATTEMPTS):
        try:
            return ask()
        except FileNotFoundError:
            raise NeardupError(f"{name}: there is no such file") from None
        except PermissionError:
            raise NeardupError(f"{name}: no permission") from None
        except Exception as error:  # each storage has its own
            if attempt == ATTEMPTS - 1:
                kind = type(error).__name__
                raise NeardupError(
                    f"{name}: the storage failed {ATTEMPTS} times ({kind})"
                ) from None
            time.sleep(FIRST_PAUSE * 2**attempt)
    raise AssertionError


class _Remote(io.RawIOBase):
    """A file of a storage, read range by range, each asked for until it comes whole."""

    def __init__(self, name: str) -> None:
        self._name, self._at = name, 0
        self._system, self._path = system_of(name)
        self._size = int(insisting(partial(self._system.info, self._path), name)["size"])

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0

        def ask() -> bytes:
            part: bytes = self._system.cat_file(self._path, start=self._at, end=end)
            if len(part) != end - self._at:
                raise OSError("the connection ended before the file did")
            return part

        part = insisting(ask, self._name)
        buffer[: len(part)] = part
        self._at = end
        return len(part)


def _moment(about: dict[str, Any]) -> float:
    moment = next((about[key] for key in _MODIFIED if about.get(key)), 0.0)
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)
