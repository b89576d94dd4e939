"""Moving one file so that its bytes, times and place are never lost, whatever happens between."""

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

from neardup.clean.journal import sync_folder
from neardup.files import content_hash

PART = ".neardup-part"
"""What a copy is called until it is complete."""


def move(source: Path, target: Path) -> None:
    """Move a file, or a link itself, to a place where nothing is yet; make missing folders.

    To another file system it is copied with its times and modes, compared, and only then removed:
    when killed, either the source is whole, or the target, or both.

    Raises:
        OSError: it stays where it was.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "something is in its place", os.fspath(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_across(source, target)


def _move_across(source: Path, target: Path) -> None:
    before = source.lstat()
    part = target.with_name(PART)
    part.unlink(missing_ok=True)
    try:
        if source.is_symlink():
            os.symlink(os.readlink(source), part)
            shutil.copystat(source, part, follow_symlinks=False)
        elif before.st_nlink > 1:
            raise OSError(errno.EXDEV, "it has hard links, which another file system would break")
        else:
            shutil.copyfile(source, part)
            with suppress(OSError, AttributeError):  # only root may, and not on every system
                os.chown(part, before.st_uid, before.st_gid)
            shutil.copystat(source, part)
            with open(part, "rb") as copy:
                os.fsync(copy.fileno())
            if content_hash(part) != content_hash(source):
                raise OSError(errno.EIO, "the copy of it differs")
        after = source.lstat()
        if (before.st_mtime_ns, before.st_ino) != (after.st_mtime_ns, after.st_ino):
            raise OSError(errno.EBUSY, "it changed while it was being copied")
        os.rename(part, target)
        sync_folder(target.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    try:
        source.unlink()
    except OSError:
        target.unlink()
        raise


def is_moved(source: Path, target: Path) -> bool:
    """Whether the target is what the source is: a move that was killed before its end."""
    here, there = source.lstat(), target.lstat()
    if os.path.samestat(here, there):
        return here.st_nlink > 1  # else both names are one, and removing either would lose it
    if source.is_symlink() and target.is_symlink():
        return os.readlink(source) == os.readlink(target)
    if source.is_symlink() or target.is_symlink():
        return False
    alike = here.st_size == there.st_size and within_a_tick(here.st_mtime_ns, there.st_mtime_ns)
    return alike and content_hash(source) == content_hash(target)


def within_a_tick(a: int, b: int) -> bool:
    """Whether times, in nanoseconds, are one to a file system that counts in two seconds."""
    return abs(a - b) < 2_000_000_000
