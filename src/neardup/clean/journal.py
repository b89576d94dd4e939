"""What was moved where, on disk before it is moved: JSON lines that are only ever added to.

The first line says how; then ``{"move": n, "path", "to", "kept", "modified", "mode"}`` before each
file is touched, and ``{"done": n}`` or ``{"undone": n}`` after. ``to`` is relative to the journal's
folder, so that the folder may be moved; the rest is absolute.
"""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from neardup.errors import NeardupError, in_words
from neardup.files import JOURNAL

FORMAT = 1
TRASH, LINK, FOLDER = "trash", "link", "folder"
"""Where files went: the desktop's trash; the journal's folder, a link in their place; or there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Attributes:
    number: counts from 1.
    path: where the file was.
    to: where it went, below the journal's folder; None: into the trash.
    kept: the copy that stayed.
    modified: nanoseconds since the epoch.
    mode: who may do what with it, as ``os.lstat`` gives it.
    """

    number: int
    path: Path
    to: Path | None
    kept: Path
    modified: int
    mode: int


class Journal:
    """A journal that is open for more; use as a context manager.

    Attributes:
        path: of the journal.
        how: TRASH, LINK or FOLDER.
        moves: that were begun, in order, as they were when it was opened.
        undone: numbers of those that were taken back.
        damaged: numbers of lines that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.how = FOLDER
        self.moves: list[Move] = []
        self.undone: set[int] = set()
        self.damaged: list[int] = []
        self._begun = 0
        self._file = os.open(path, os.O_RDWR | os.O_APPEND)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    @classmethod
    def create(cls, parent: Path, how: str) -> Self:
        """Begin one in a new folder, named by the time, below another."""
        name = datetime.now().strftime("%Y-%m-%d_%H.%M.%S")
        parent.mkdir(parents=True, exist_ok=True)
        folder, number = parent / name, 1
        while folder.exists():
            number += 1
            folder = parent / f"{name}_{number}"
        folder.mkdir()
        path = folder / JOURNAL
        path.touch(exist_ok=False)
        journal = cls(path)
        journal.how = how
        journal._write(journal._head(), sync=True)
        sync_folder(folder)
        return journal

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read one that ``clean`` wrote, also if that was killed.

        Raises:
            NeardupError: missing, or not a journal.
        """
        path = path / JOURNAL if path.is_dir() else path
        if path.name != JOURNAL:
            raise NeardupError(f"{path} is not a journal of neardup clean: that is {JOURNAL}")
        try:
            journal = cls(path.absolute())
        except OSError as error:
            raise NeardupError(f"{path} cannot be read: {error.strerror}") from error
        try:
            journal._read()
        except BaseException:
            os.close(journal._file)
            raise
        return journal

    def _head(self) -> dict[str, Any]:
        return {"format": FORMAT, "how": self.how}

    def _read(self) -> None:
        whole, newline, torn = self.path.read_bytes().rpartition(b"\n")
        head, *lines = whole.split(b"\n")
        try:
            written: dict[str, Any] = json.loads(head or json.dumps(self._head()))
            if written["format"] != FORMAT:
                raise ValueError(f"format {written['format']!r}, expected {FORMAT}")
            self.how = written["how"]
            if torn:  # killed while writing it, so what it was to announce never began
                os.truncate(self._file, len(whole) + len(newline))
        except (ValueError, KeyError, TypeError) as error:
            raise NeardupError(
                f"{self.path} is not a journal of neardup clean: {in_words(error)}"
            ) from error
        for place, line in enumerate(lines, start=2):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                self.damaged.append(place)

    def _take(self, record: dict[str, Any]) -> None:
        if "move" in record:
            to = record["to"]
            self.moves.append(
                Move(
                    number=record["move"],
                    path=Path(record["path"]),
                    to=None if to is None else self.path.parent / to,
                    kept=Path(record["kept"]),
                    modified=record["modified"],
                    mode=record["mode"],
                )
            )
        elif "undone" in record:
            self.undone.add(record["undone"])

    def begin(self, path: Path, to: Path | None, kept: Path) -> int:
        """Announce a move; it is on disk when this returns its number."""
        below = None if to is None else os.fspath(to.relative_to(self.path.parent))
        number = self._begun + 1
        state = path.lstat()
        self._write(
            {
                "move": number,
                "path": os.fspath(path),
                "to": below,
                "kept": os.fspath(kept),
                "modified": state.st_mtime_ns,
                "mode": state.st_mode,
            },
            sync=True,
        )
        self._begun = number
        return number

    def done(self, number: int) -> None:
        self._write({"done": number})

    def mark_undone(self, number: int) -> None:
        self._write({"undone": number})
        self.undone.add(number)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was begun."""
        return not self.moves and self._begun == 0

    def discard(self) -> None:
        """Remove it, and its folder; for a journal of nothing."""
        self.path.unlink()
        self.path.parent.rmdir()

    def _write(self, record: dict[str, Any], *, sync: bool = False) -> None:
        before = os.fstat(self._file).st_size
        line = json.dumps(record).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._file, line) :]
            if sync:
                os.fsync(self._file)
        except OSError as error:  # a full disk: no half line may stay before the next
            try:
                os.truncate(self._file, before)
            except OSError:
                raise NeardupError(f"{self.path} cannot be written: {error.strerror}") from error
            raise


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
