"""Where pictures come from: folders, lists of paths, archives, and what fsspec can open.

A source is cut into units. A unit is embedded as a whole and remembered as done: some files, or one
archive, whose members are named ``shards/0007.tar!cats/1.jpg``.
"""

import importlib
import os
import re
import shutil
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias, TypeVar

from neardup.errors import NeardupError
from neardup.files import os_reason

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")
ATTEMPTS = 5
FIRST_PAUSE = 0.5  # seconds; each pause is twice the one before
_FILES_PER_UNIT = 256

Unit: TypeAlias = Sequence[str]
"""Names of files, or of one archive."""

T = TypeVar("T")


class Local(NamedTuple):
    """An item on this machine's disk.

    Attributes:
        name: what the item is called in the report.
        path: of its bytes here; None: they could not be had.
        reason: why not.
    """

    name: str
    path: Path | None
    reason: str = ""


def is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)


def expanded(source: str) -> list[str]:
    """A source with braces as all that it stands for: ``{0000..0099}`` counts, ``{a,b}`` lists."""
    parts = re.split(r"\{([^{}]*)\}", source)
    choices = [[part] if place % 2 == 0 else _choices(part) for place, part in enumerate(parts)]
    return ["".join(chosen) for chosen in product(*choices)]


def _choices(braces: str) -> list[str]:
    counted = re.fullmatch(r"(\d+)\.\.(\d+)", braces)
    if counted is None:
        return braces.split(",")
    first, last = counted.groups()
    return [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]


def items(source: str) -> list[str]:
    """The files and archives that a source other than a local folder stands for, in order.

    Raises:
        NeardupError: there is no such thing, or it cannot be listed.
    """
    found: list[str] = []
    for name in expanded(source):
        if name.endswith(".txt"):
            with _opened(name) as file:
                lines = file.read().decode("utf-8", "surrogateescape").splitlines()
            found.extend(line for line in lines if line.strip())
        elif is_archive(name) or (not is_remote(name) and Path(name).is_file()):
            found.append(name)
        elif is_remote(name):
            system, path = _system(name)
            listed = insisting(partial(system.find, path), name)
            found.extend(sorted(str(system.unstrip_protocol(entry)) for entry in listed))
        else:
            raise NeardupError(f"{name}: there is no such file or folder")
    return found


def units(names: Iterable[str], done: set[str]) -> Iterator[Unit]:
    """What is not done yet, cut into units."""
    files: list[str] = []
    for name in names:
        if name in done:
            continue
        if is_archive(name):
            yield [name]
            continue
        files.append(name)
        if len(files) == _FILES_PER_UNIT:
            yield files
            files = []
    if files:
        yield files


def spooled(unit: Unit, folder: Path, at_once: int = _FILES_PER_UNIT) -> Iterator[list[Local]]:
    """The items of a unit as files of this machine, a few at a time.

    Args:
        unit: what to read.
        folder: an empty one; what is written there is gone when the next few are asked for.
        at_once: how many.
    """
    lot: list[Local] = []
    for name in unit:
        for local in _members(name, folder) if is_archive(name) else [_fetched(name, folder)]:
            lot.append(local)
            if len(lot) == at_once:
                yield lot
                lot = []
                for spool in folder.iterdir():
                    spool.unlink()
    if lot:
        yield lot


def _fetched(name: str, folder: Path) -> Local:
    if not is_remote(name):
        return Local(name, Path(name))
    path = folder / f"{len(os.listdir(folder))}{Path(name).suffix}"
    system, remote = _system(name)

    def fetch() -> None:
        expected = system.info(remote)["size"]
        system.get_file(remote, str(path))
        if path.stat().st_size != expected:
            raise OSError("the connection ended before the file did")

    try:
        insisting(fetch, name)
    except NeardupError as error:
        return Local(name, None, str(error).removeprefix(f"{name}: "))
    return Local(name, path)


def _members(name: str, folder: Path) -> Iterator[Local]:
    """The files in an archive, read from front to back; where it is damaged, that is said."""
    read = _from_zip if name.lower().endswith(".zip") else _from_tar
    count = 0
    try:
        with _opened(name) as archive:
            for count, (member, modified, content) in enumerate(read(archive), 1):
                path = folder / f"{count}{Path(member).suffix}"
                with open(path, "wb") as file:
                    shutil.copyfileobj(content, file)
                os.utime(path, (modified, modified))
                yield Local(f"{name}!{member}", path)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, NeardupError) as error:
        yield Local(name, None, f"the archive cannot be read beyond {count} files: {error}")


def _from_tar(archive: IO[bytes]) -> Iterator[tuple[str, float, IO[bytes]]]:
    with tarfile.open(fileobj=archive, mode="r|*") as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.isfile() else None
            if content is not None:
                yield entry.name, float(entry.mtime), content


def _from_zip(archive: IO[bytes]) -> Iterator[tuple[str, float, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            if not entry.is_dir():
                moment = time.mktime((*entry.date_time, 0, 0, -1))
                with opened.open(entry) as content:
                    yield entry.filename, moment, content


def is_remote(name: str) -> bool:
    return "://" in name


def _system(name: str) -> tuple[Any, str]:
    fsspec = importlib.import_module("fsspec")
    try:
        system, path = fsspec.core.url_to_fs(name)
    except (ImportError, ValueError) as error:
        raise NeardupError(f"{name}: {error}") from None
    return system, str(path)


def _opened(name: str) -> IO[bytes]:
    try:
        if not is_remote(name):
            return open(name, "rb")
        system, path = _system(name)
        opened: IO[bytes] = insisting(lambda: system.open(path, "rb"), name)
    except OSError as error:
        raise NeardupError(f"{name}: {os_reason(error)}") from error
    return opened


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
            raise NeardupError(f"{name}: no permission to read it") from None
        except Exception as error:  # each storage has its own
            if attempt == ATTEMPTS - 1:
                kind = type(error).__name__
                raise NeardupError(
                    f"{name}: the storage failed {ATTEMPTS} times ({kind})"
                ) from None
            time.sleep(FIRST_PAUSE * 2**attempt)
    raise AssertionError
