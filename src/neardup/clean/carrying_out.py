"""Carrying a plan out, or only finding out what would happen: file by file, each checked first."""

import importlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from neardup.clean.checks import Checks, Unsafe
from neardup.clean.journal import LINK, TRASH, Journal
from neardup.clean.moving import move
from neardup.clean.plan import Copy, LeftAlone, Plan, Removal
from neardup.errors import ImageError, NeardupError
from neardup.files import os_reason
from neardup.progress import progress

NOT_IDENTICAL = "it is not identical to the copy kept, so a link would change what is there"


@dataclass(frozen=True, slots=True)
class Gone:
    """Attributes:
    file: that went, or would.
    kept: the copy that stays.
    frees: bytes on disk; 0 while another name still holds them.
    companions: films and notes that went, or would go, with it.
    """

    file: Copy
    kept: Copy
    frees: int
    companions: Sequence[Path]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Attributes:
    gone: files that went, or would.
    left: files that were decided about and stay all the same, and why.
    missing: files that are not there any more, as after an earlier cleaning.
    """

    gone: Sequence[Gone]
    left: Sequence[LeftAlone]
    missing: Sequence[Path]


Act = Callable[[Path, Copy], None]


def rehearse(plan: Plan, *, link: bool = False, show_progress: bool = True) -> Outcome:
    """What :func:`carry_out` would do, with all its checks; nothing is touched."""
    checks = Checks(plan)
    return _each(plan, checks, None, link, "Checking", show_progress)


def carry_out(plan: Plan, journal: Journal, *, show_progress: bool = True) -> Outcome:
    """Let the files of a plan go, each announced in the journal first.

    A file that may not go, or cannot, is left and said. Where the journal's way is LINK, a hard
    link to the copy kept takes the place of each identical file.

    Raises:
        NeardupError: the trash is asked for without the package it needs.
    """
    checks = Checks(plan)
    act = _to_trash(checks, journal) if journal.how == TRASH else _to_folder(plan, checks, journal)
    return _each(plan, checks, act, journal.how == LINK, "Moving", show_progress)


def _each(
    plan: Plan, checks: Checks, act: Act | None, link: bool, what: str, show_progress: bool
) -> Outcome:
    gone: list[Gone] = []
    left: list[LeftAlone] = []
    missing: list[Path] = []
    names: Counter[tuple[int, int]] = Counter()

    def go(path: Path, kept: Copy) -> int:
        """Let a file go, and return how many bytes that frees."""
        state = path.lstat()
        if act is not None:
            act(path, kept)
        inode = state.st_dev, state.st_ino
        names[inode] += 1
        is_last = names[inode] == state.st_nlink and not stat.S_ISLNK(state.st_mode)
        return state.st_size if is_last else 0

    show = show_progress and bool(plan.removals)
    with progress(what, len(plan.removals), unit="files", show=show) as advance:
        for removal in plan.removals:
            file = removal.file
            advance(1)
            if not os.path.lexists(file.path):
                missing.append(file.path)
                continue
            try:
                kept = checks.kept_copy(_identical(removal) if link else removal)
                if link:
                    _require_linkable(file.path, kept.path)
                frees = go(file.path, kept)
            except (Unsafe, ImageError, OSError) as error:
                left.append(LeftAlone(file.path, _in_words(error)))
                checks.protect(file.path)
                continue
            with_it = []
            for path in () if link else filter(os.path.lexists, file.companions):
                try:
                    frees += go(path, kept)
                    with_it.append(path)
                except (Unsafe, OSError) as error:
                    left.append(LeftAlone(path, _in_words(error)))
            gone.append(Gone(file, kept, frees, with_it))
    return Outcome(gone, left, missing)


def _in_words(error: Unsafe | ImageError | OSError) -> str:
    match error:
        case ImageError():
            return error.reason
        case PermissionError():
            return "no permission to move it"
        case OSError():
            return os_reason(error)
    return str(error)


def _identical(removal: Removal) -> Removal:
    kept = tuple(copy for copy in removal.kept if copy.sha256 == removal.file.sha256)
    if not kept:
        raise Unsafe(NOT_IDENTICAL)
    return replace(removal, kept=kept, decided=True)  # its companions stay beside its name


def _require_linkable(path: Path, kept: Path) -> None:
    if path.is_symlink():
        raise Unsafe("it is a symbolic link, which takes no space")
    if path.samefile(kept):
        raise Unsafe("it is a hard link to the copy kept already")
    if path.lstat().st_dev != kept.stat().st_dev:
        raise Unsafe("the copy kept is on another file system, where no hard link reaches")


def _to_folder(plan: Plan, checks: Checks, journal: Journal) -> Act:
    folder = journal.path.parent
    shared = _shared_folder(removal.file.path for removal in plan.removals)

    def act(path: Path, kept: Copy) -> None:
        parts = [part.strip(":\\/") for part in path.parts[len(shared.parts) :]]
        target = _free(folder.joinpath(*parts))
        number = journal.begin(path, target, kept.path)
        move(path, target)
        try:
            if not checks.still_there(kept):
                raise Unsafe(f"the copy to keep, {kept.path}, would have gone with it")
            if journal.how == LINK:
                os.link(os.path.realpath(kept.path), path)
        except BaseException:
            try:
                move(target, path)
            except OSError as error:
                raise NeardupError(
                    f"{path} cannot be put back ({os_reason(error)}): it is at {target};"
                    f" neardup clean --undo {journal.path} tries again"
                ) from error
            raise
        with suppress(OSError):  # a full disk; what was begun is enough to undo it
            journal.done(number)

    return act


def _shared_folder(paths: Iterable[Path]) -> Path:
    try:
        return Path(os.path.commonpath([path.parent for path in paths]))
    except ValueError:  # several drives
        return Path()


def _free(path: Path) -> Path:
    """The path, or one with a number where something is there, also by a name in other letters."""
    free, number = path, 1
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    return free


def _to_trash(checks: Checks, journal: Journal) -> Act:
    try:
        send = importlib.import_module("send2trash").send2trash
    except ImportError:
        raise NeardupError(
            "the trash needs one more package: pip install 'neardup[trash]'"
        ) from None

    def act(path: Path, kept: Copy) -> None:
        number = journal.begin(path, None, kept.path)
        try:
            send(os.fspath(path))
        except Exception as error:  # each desktop has its own
            if os.path.lexists(path):
                raise Unsafe(f"the trash does not take it: {error}") from error
        if not checks.still_there(kept):
            raise NeardupError(
                f"{kept.path}, the copy to keep, went into the trash with {path}: bring it back"
            )
        with suppress(OSError):
            journal.done(number)

    return act
