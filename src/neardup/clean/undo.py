"""Bringing back what ``clean`` moved, also after it was killed, also twice."""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from neardup.clean.checks import Unsafe
from neardup.clean.journal import LINK, Journal, Move
from neardup.clean.moving import PART, is_moved, move, within_a_tick
from neardup.clean.plan import LeftAlone
from neardup.errors import ImageError
from neardup.files import os_reason
from neardup.progress import progress


@dataclass(frozen=True, slots=True)
class Undone:
    """Attributes:
    back: files that were brought back to their old place.
    missing: files that are not there, and why.
    """

    back: Sequence[Path]
    missing: Sequence[LeftAlone]


def undo(journal: Journal, *, show_progress: bool = True) -> Undone:
    """Bring every file back, the last first; what is on disk decides, not what was recorded.

    Nothing that has appeared in an old place is overwritten.
    """
    back: list[Path] = []
    missing = [
        LeftAlone(journal.path, f"line {line} is damaged: look for its file in this folder")
        for line in journal.damaged
    ]
    waiting = [each for each in reversed(journal.moves) if each.number not in journal.undone]
    show = show_progress and bool(waiting)
    with progress("Bringing back", len(waiting), unit="files", show=show) as advance:
        for each in waiting:
            try:
                if _bring_back(each, linked=journal.how == LINK):
                    back.append(each.path)
                with suppress(OSError):
                    journal.mark_undone(each.number)
            except Unsafe as error:
                missing.append(LeftAlone(each.path, str(error)))
            except OSError as error:
                missing.append(LeftAlone(each.path, os_reason(error)))
            except ImageError as error:
                missing.append(LeftAlone(each.path, error.reason))
            advance(1)
    _remove_empty_folders(journal)
    return Undone(back, missing)


def _bring_back(moved: Move, *, linked: bool) -> bool:
    """Have a file in its old place: True if it was brought there, False if it is there already.

    Raises:
        Unsafe: it cannot be, in words.
        OSError: nor here.
        ImageError: nor here.
    """
    place, source = moved.path, moved.to
    if source is None:
        if os.path.lexists(place):
            return False
        raise Unsafe("it is in the desktop's trash: restore it there")
    with suppress(OSError):
        (source.parent / PART).unlink()
    if not os.path.lexists(source):
        if os.path.lexists(place):
            return False
        raise Unsafe(f"it is not in {source.parent} any more")
    if os.path.lexists(place):
        if linked and _is_link_to(place, moved.kept):
            place.unlink()
        elif is_moved(source, place):
            source.unlink()
            _restore_times(moved)
            return True
        else:
            raise Unsafe(f"another file is in its place; the one that was there stays at {source}")
    move(source, place)
    _restore_times(moved)
    return True


def _restore_times(moved: Move) -> None:
    """What a file system that rounds times and knows no modes has taken from a file."""
    state = moved.path.lstat()
    if not stat.S_ISREG(state.st_mode):
        return
    with suppress(OSError):
        if state.st_mtime_ns != moved.modified and within_a_tick(state.st_mtime_ns, moved.modified):
            os.utime(moved.path, ns=(state.st_atime_ns, moved.modified))
        if state.st_mode != moved.mode:
            moved.path.chmod(stat.S_IMODE(moved.mode))


def _is_link_to(place: Path, kept: Path) -> bool:
    """Whether a place holds the hard link that took it, so that it can go without loss."""
    try:
        state = place.lstat()
        return state.st_nlink > 1 and os.path.samestat(state, kept.stat())
    except OSError:
        return False


def _remove_empty_folders(journal: Journal) -> None:
    root = journal.path.parent
    for folder, _, _ in os.walk(root, topdown=False):
        if Path(folder) != root:
            with suppress(OSError):
                os.rmdir(folder)
