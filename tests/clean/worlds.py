"""Folders to clean, made by hand; what is in them, and a child process that can be killed in it."""

import errno
import hashlib
import json
import os
import shutil
import stat
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from neardup.clean import carrying_out, checks, journal, moving, undo
from neardup.clean.journal import JOURNAL, Journal
from neardup.clean.plan import make_plan, read_groups
from neardup.scan.decisions import DecidedPair, Decisions, ordered

NOBODY = 65534
KILLED, FAILED = 9, 7


COUNTED = {module.__file__ for module in (carrying_out, checks, journal, moving, undo, shutil)}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def decided(same=(), different=(), keep=()) -> Decisions:
    pairs = [DecidedPair(*ordered(a, b), same=True) for a, b in same]
    pairs += [DecidedPair(*ordered(a, b), same=False) for a, b in different]
    return Decisions(tuple(pairs), frozenset(keep))


def entry(
    path,
    data: bytes,
    *,
    again=False,
    sure="sure",
    reference=False,
    side=10,
    companions=(),
    own_content=False,
):
    """A file of groups.json."""
    return {
        "path": str(path),
        "sha256": sha256(data),
        "bytes": len(data),
        "width": side,
        "height": side,
        "identical_to_previous": again,
        "sure": sure,
        "reference": reference,
        "companions": list(companions),
        "own_content": own_content,
    }


def write_report(folder: Path, groups, *, relative_to: Path, against=None) -> None:
    """``groups``: (proposed, entries)."""
    folder.mkdir(exist_ok=True)
    written = {
        "format": 1,
        "against": against,
        "relative_to": str(relative_to),
        "groups": [{"proposed": proposed, "files": files} for proposed, files in groups],
    }
    (folder / "groups.json").write_text(json.dumps(written))


def snapshot(root: Path):
    """Every name below a folder: what it is, its bytes, times and mode, and who shares them."""
    found = {}
    inodes: dict[int, list[str]] = {}
    for folder, subfolders, names in os.walk(root):
        for name in [*subfolders, *names]:
            path = os.path.join(folder, name)
            state = os.lstat(path)
            if stat.S_ISLNK(state.st_mode):
                what = "link", os.readlink(path), state.st_mtime_ns
            elif stat.S_ISDIR(state.st_mode):
                what = "folder", state.st_mode
            else:
                data = Path(path).read_bytes()
                what = "file", data, state.st_mtime_ns, state.st_mode
                inodes.setdefault(state.st_ino, []).append(os.path.relpath(path, root))
            found[os.path.relpath(path, root)] = what
    return found, sorted(map(sorted, inodes.values()))


def in_child(do: Callable[[], None], *, kill_at=None, across=None, unprivileged=True) -> bool:
    """Run in a process of its own; whether it was killed.

    Args:
        do: what to do.
        kill_at: die before this line, of those that move files, counted as they are run.
        across: a folder that behaves as another file system.
        unprivileged: without the rights of root, whom no folder refuses.
    """
    if (child := os.fork()) == 0:
        try:
            if unprivileged and os.getuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            if across is not None:
                make_foreign(across)
            write_haltingly()
            os.fsync = lambda file: None  # a killed process loses nothing that the system holds
            if kill_at is not None:
                die_at_line(kill_at)
            do()
            sys.settrace(None)
        except BaseException:
            sys.settrace(None)
            traceback.print_exc()
            os._exit(FAILED)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED)
    return code == KILLED


def make_foreign(folder: Path) -> None:
    rename = os.rename

    def refusing(source, target, **how):
        if (folder in Path(source).parents) != (folder in Path(target).parents):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source))
        rename(source, target, **how)

    os.rename = refusing


def write_haltingly() -> None:
    """Half of what is asked at a time, so that death can fall into a line of the journal."""
    write = os.write
    os.write = lambda file, data: write(file, data[: max(1, len(data) // 2)])


def die_at_line(number: int) -> None:
    left = number

    def count(frame, event, argument):
        nonlocal left
        name = frame.f_code.co_filename
        if name not in COUNTED:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os._exit(KILLED)
        return count

    sys.settrace(count)


def clean(report: Path, quarantine: Path, decisions, *, accept_sure=False, how="folder") -> None:
    plan = make_plan(read_groups(report), decisions, accept_sure=accept_sure)
    with Journal.create(quarantine, how) as opened:
        carrying_out.carry_out(plan, opened, show_progress=False)


def undo_all(quarantine: Path) -> list[str]:
    """Why files could not be brought back, for all journals below a folder."""
    whys = []
    for path in sorted(quarantine.glob(f"*/{JOURNAL}"), reverse=True):
        with Journal.open(path) as opened:
            whys += [each.why for each in undo.undo(opened, show_progress=False).missing]
    return whys
