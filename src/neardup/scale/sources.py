"""Where pictures come from: folders, lists of paths, archives, tables, and what fsspec can open.

A source is cut into units. A unit is embedded as a whole and remembered as done: some files, or one
container: an archive, whose members are named ``shards/0007.tar!cats/1.jpg``, or a column of
pictures (see :mod:`neardup.scale.columns`).
"""

import glob
import io
import os
import re
import shutil
import tarfile
import time
import zipfile
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import IO, NamedTuple

from neardup.errors import NeardupError
from neardup.files import is_remote, list_files, place
from neardup.scale import columns
from neardup.scale.storage import download, listed, modified, reader

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")
_FILES_PER_UNIT = 256


class Unit(NamedTuple):
    """Attributes:
    names: of files, or of one container.
    opened: it is the container, and what is in it is meant.
    """

    names: Sequence[str]
    opened: bool = False


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


def is_container(name: str) -> bool:
    return name.lower().endswith(ARCHIVES) or columns.Address.parse(name) is not None


def is_folder(name: str) -> bool:
    """Whether it is a folder of this machine, whose files count as files, archives too."""
    return Path(name).is_dir() and columns.Address.parse(name) is None


def expanded(source: str) -> list[str]:
    """A source with braces as all that it stands for: ``{0000..0099}`` counts, ``{a,b}`` lists."""
    parts = re.split(r"\{([^{}]*)\}", source)
    choices = [[part] if at % 2 == 0 else _choices(part) for at, part in enumerate(parts)]
    return ["".join(chosen) for chosen in product(*choices)]


def _choices(braces: str) -> list[str]:
    counted = re.fullmatch(r"(\d+)\.\.(\d+)", braces)
    if counted is None:
        return braces.split(",")
    first, last = counted.groups()
    if int(first) > int(last):
        raise NeardupError(f"{{{braces}}}: it counts from the smaller number to the larger")
    return [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]


def items(source: str) -> list[str]:
    """The files and containers that a source other than a local folder stands for, in order.

    Raises:
        NeardupError: there is no such thing, or it cannot be listed.
    """
    return [item for name in expanded(source) for item in _items(name)]


def _items(name: str) -> list[str]:
    table = columns.Address.parse(name)
    if table is not None:
        return columns.parts(table, _fitting(table.table))
    if name.endswith(".txt"):
        with reader(name) as file:
            lines = file.read().decode("utf-8", "surrogateescape").splitlines()
        return [line for line in lines if line.strip()]
    if is_remote(name) and not is_container(name):
        return listed(name)
    return [str(file) for each in _fitting(name) for file in _files(each)]


def _files(name: str) -> Sequence[str | Path]:
    return list_files(name) if not is_remote(name) and is_folder(name) else [name]


def _fitting(name: str) -> list[str]:
    """What a name with a ``*`` fits; else what it names."""
    if is_remote(name):
        return listed(name) if "*" in name else [name]
    found = sorted(glob.glob(name, recursive=True)) if "*" in name else [name]
    if not found or not all(map(os.path.exists, found)):
        raise NeardupError(f"{name}: there is no such file or folder")
    return found


def units(names: Iterable[str], *, opened: bool) -> Iterator[Unit]:
    """Names cut into units; ``opened``: what is in containers is meant."""
    files: list[str] = []
    for name in names:
        if opened and is_container(name):
            yield Unit([name], opened=True)
            continue
        files.append(name)
        if len(files) == _FILES_PER_UNIT:
            yield Unit(files)
            files = []
    if files:
        yield Unit(files)


def spooled(
    unit: Unit, folder: Path, wanted: Container[str] | None = None, at_once: int = _FILES_PER_UNIT
) -> Iterator[list[Local]]:
    """The items of a unit as files of this machine, a few at a time.

    Args:
        unit: what to read.
        folder: an empty one; what is written there is gone when the next few are asked for.
        wanted: only those of these names; None: all.
        at_once: how many.
    """
    lot: list[Local] = []
    for name in unit.names:
        for local in _members(name, folder, wanted) if unit.opened else [_fetched(name, folder)]:
            lot.append(local)
            if len(lot) == at_once:
                yield lot
                lot = []
                _clear(folder)
    if lot:
        yield lot
        _clear(folder)


def _clear(folder: Path) -> None:
    for spool in folder.iterdir():
        spool.unlink()


def _fetched(name: str, folder: Path) -> Local:
    if not is_remote(name):
        return Local(name, Path(name))
    path = folder / str(len(os.listdir(folder)))
    try:
        download(name, path)
    except NeardupError as error:
        return Local(name, None, str(error).removeprefix(f"{name}: "))
    return Local(name, path)


def _members(name: str, folder: Path, wanted: Container[str] | None) -> Iterator[Local]:
    """What is in a container, read from front to back; where it is damaged, that is said."""
    count = 0
    try:
        for count, (called, moment, content) in enumerate(_contents(name), 1):
            member = str(place(called))  # as reports write it
            if wanted is not None and member not in wanted:
                continue
            if content is None:
                yield Local(member, None, "there is no picture in this row")
                continue
            path = folder / str(count)
            with open(path, "wb") as file:
                shutil.copyfileobj(content, file)
            os.utime(path, (moment, moment))
            yield Local(member, path)
    except Exception as error:  # each kind of container has its own
        told = isinstance(error, NeardupError) or not is_remote(name)  # no secret of a storage
        address = columns.Address.parse(name)
        whole = name if address is None else address.table
        reason = str(error).removeprefix(f"{whole}: ") if told else type(error).__name__
        beyond = f" beyond {count} pictures" if count else ""
        yield Local(name, None, f"it cannot be read{beyond}: {reason}")


def _contents(name: str) -> Iterator[tuple[str, float, IO[bytes] | None]]:
    table = columns.Address.parse(name)
    if table is not None:
        moment = modified(table.table)
        for member, data in columns.pictures(table):
            yield member, moment, None if data is None else io.BytesIO(data)
        return
    read = _from_zip if name.lower().endswith(".zip") else _from_tar
    with reader(name) as archive:
        for member, moment, content in read(archive):
            yield f"{name}!{member}", moment, content


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
