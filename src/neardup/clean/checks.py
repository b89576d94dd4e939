"""What must hold on disk before a file may go: it is what was decided about, and a copy stays."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from neardup.clean.plan import Copy, Plan, Removal
from neardup.errors import ImageError
from neardup.files import content_hash, entry_of, os_reason


class Unsafe(Exception):
    """Why a file is left alone, in words."""


class _State(NamedTuple):
    device: int
    inode: int
    bytes: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> "_State":
        state = path.stat()
        return cls(state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)


class Checks:
    """The checks of one plan.

    A scan decoded every content that it grouped, so a file whose bytes are still those that the
    scan hashed is a picture that can be read.
    """

    def __init__(self, plan: Plan) -> None:
        self._needed: set[Path] = set()
        self._intact: dict[Path, _State] = {}
        for path in {copy.path for each in plan.removals for copy in each.kept} | plan.staying:
            self.protect(path)

    def protect(self, path: Path) -> None:
        """Let neither a file go, nor what it leads to where it is a link."""
        self._needed.update(_places(path))

    def kept_copy(self, removal: Removal) -> Copy:
        """The copy that stays for a file, which may go now.

        Raises:
            Unsafe: it may not.
        """
        file = removal.file
        if file.path in self._needed:
            raise Unsafe("another needs it: as the copy that is kept, or as what its link leads to")
        _require_unchanged(file)
        whys = []
        for kept in removal.kept:
            try:
                self._require_intact(kept)
                _require_apart(file, kept)
                if not removal.decided:
                    _require_companions(file, kept)
            except Unsafe as error:
                whys.append(f"the copy to keep, {kept.path}, {error}")
            except OSError as error:
                whys.append(f"the copy to keep, {kept.path}: {os_reason(error)}")
            else:
                return kept
        raise Unsafe("; ".join(whys))

    def _require_intact(self, kept: Copy) -> None:
        if not self.still_there(kept):
            state = _State.of(kept.path)
            _require_unchanged(kept)
            self._intact[kept.path] = state

    def still_there(self, kept: Copy) -> bool:
        """Whether a copy that was found intact is so still, by its size and time alone."""
        try:
            return self._intact.get(kept.path) == _State.of(kept.path)
        except OSError:
            return False


def _places(path: Path) -> Iterator[Path]:
    """A name, and those it leads to where it is a link."""
    seen = set()
    while path not in seen:
        yield path
        seen.add(path)
        if path.is_symlink():
            path = entry_of(path.parent / os.readlink(path))


def _require_unchanged(copy: Copy) -> None:
    try:
        bytes_now = copy.path.stat().st_size
        if bytes_now != copy.bytes or content_hash(copy.path) != copy.sha256:
            raise Unsafe("has changed since the scan")
    except FileNotFoundError:
        raise Unsafe("is not there any more") from None
    except OSError as error:
        raise Unsafe(f"cannot be read: {os_reason(error)}") from error
    except ImageError as error:
        raise Unsafe(f"cannot be read: {error.reason}") from error


def _require_companions(file: Copy, kept: Copy) -> None:
    """Refuse where a film or note would go of which nothing like it stays."""
    staying = {content_hash(path) for path in kept.companions}
    for path in file.companions:
        if os.path.lexists(path) and content_hash(path) not in staying:
            raise Unsafe(f"has nothing like {path.name}, which goes with this: decide on the page")


def _require_apart(file: Copy, kept: Copy) -> None:
    """Refuse where both names may be one: reached twice, say, or in other letters."""
    state = file.path.lstat()
    if os.path.samestat(state, kept.path.stat()) and (
        state.st_nlink < 2 or Path(os.path.realpath(kept.path)) == file.path
    ):
        raise Unsafe("is the same file by another name")
