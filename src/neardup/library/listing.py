"""Which files a scan looks at, and which of them it never touches."""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from neardup.errors import NeardupError
from neardup.files import list_files
from neardup.library.file import Skipped
from neardup.library.store import CACHE

PAGE, GROUPS, GROUP_TABLE, PAIRS, SCENES, LEAKED, SKIPPED, BLANK = (
    "report.html",
    "groups.json",
    "groups.parquet",
    "pairs.csv",
    "scenes.csv",
    "leaked.txt",
    "skipped.csv",
    "blank.csv",
)
REPORT_FILES = frozenset(
    {PAGE, GROUPS, GROUP_TABLE, PAIRS, SCENES, LEAKED, SKIPPED, BLANK}
    | {CACHE, f"{CACHE}-wal", f"{CACHE}-shm"}
)
"""Every file that the report of a scan consists of; a scan leaves its own out."""

VECTORS = "vectors.lance"
"""The folder with the vectors of a report that was made on Ray."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Where to look, and for what.

    A pattern is compared with a path relative to the folder that was given, without regard to
    case: ``*`` is any letters of one name, ``?`` one letter, ``[abc]`` one of them, ``**`` any
    number of folders. It fits a file, or a folder with all below it. One without a slash fits a
    name at any depth (``*.gif``, ``thumbnails``), one with a slash from the top (``2019/*/raw``).

    Attributes:
        folders: to scan; a file stands for itself.
        references: folders whose files take part and are never touched.
        against: list copies across this folder and those scanned instead of within those.
        include: a file must fit one of these patterns; none: every file does.
        exclude: a file that fits one of these is left out, included or not.
    """

    folders: Sequence[Path]
    references: Sequence[Path] = ()
    against: Path | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The files of a selection, each once.

    Attributes:
        scanned: below the folders and the references.
        references: those of them that are never touched.
        against: below the folder compared against.
        left_out: files that the patterns left out.
        idle: patterns that no file fits, misspelt perhaps.
        skipped: folders that cannot be listed, and why.
    """

    scanned: Sequence[Path]
    references: frozenset[Path]
    against: Sequence[Path]
    left_out: Sequence[Path]
    idle: Sequence[str]
    skipped: Sequence[Skipped]


def list_selection(selection: Selection, report_folder: Path | None = None) -> Listing:
    """Files of the selection, without the reports of scans, this one's and older ones.

    A file that several folders name is listed once, by the first of them, references before the
    others. A folder of one role within a folder of another keeps its files for itself.

    Args:
        selection: where to look.
        report_folder: where this scan writes.

    Raises:
        ImageError: a folder does not exist or cannot be listed.
        NeardupError: a folder was given in two roles, or references with ``against``.
    """
    against = () if selection.against is None else (selection.against,)
    if against and selection.references:
        raise NeardupError("--against keeps what it names as --reference does: leave that out")
    references, folders, others = (
        [_Root(path, Path(os.path.realpath(path))) for path in paths]
        for paths in (selection.references, selection.folders, against)
    )
    _refuse_two_roles(folders, [*references, *others])
    skipped: list[Skipped] = []
    left_out: list[Path] = []
    patterns = _Patterns(selection)

    def listed(roots: Sequence[_Root], rivals: Sequence[_Root], known: set[_Place]) -> list[Path]:
        found = list(_walk(roots, rivals, known))
        reports = _of_reports([entry.path for entry in found], report_folder)
        files: list[Path] = []
        for entry in found:
            if reports and entry.path in reports:
                continue
            if not patterns.want(entry):
                left_out.append(entry.path)
            elif entry.unlisted is not None:
                skipped.append(Skipped(entry.path, entry.unlisted))
            else:
                files.append(entry.path)
        return files

    known: set[_Place] = set()
    untouched = listed(references, folders, known)
    return Listing(
        scanned=[*untouched, *listed(folders, [*references, *others], known)],
        references=frozenset(untouched),
        against=listed(others, folders, set()),
        left_out=sorted(left_out),
        idle=sorted(patterns.idle),
        skipped=skipped,
    )


class _Root(NamedTuple):
    path: Path
    real: Path


def _refuse_two_roles(folders: Sequence[_Root], others: Sequence[_Root]) -> None:
    scanned = {root.real: root.path for root in folders}
    for root in others:
        if root.real in scanned:
            raise NeardupError(
                f"{scanned[root.real]} and {root.path} are one folder: it is scanned, or else a"
                " reference or what is compared against"
            )


_Place: TypeAlias = tuple[str, str]
"""The real path of a file's folder, and its name in there: links to files stay apart."""


class _Found(NamedTuple):
    """Attributes:
    path: of a file, or of a folder that cannot be listed.
    inside: the same, relative to its root, with slashes.
    unlisted: why a folder cannot be listed; None: it is a file.
    """

    path: Path
    inside: str
    unlisted: str | None


def _walk(roots: Iterable[_Root], rivals: Sequence[_Root], known: set[_Place]) -> Iterator[_Found]:
    """Everything below the roots that is not below a rival inside them, and not known yet."""
    real = cache(os.path.realpath)
    for root in roots:
        nested = (rival.real for rival in rivals if root.real in rival.real.parents)
        apart = tuple(f"{rival.relative_to(root.real).as_posix()}/" for rival in nested)
        for found in _below(root.path):
            folder, name = os.path.split(found.path)
            place = real(folder), name
            if place not in known and not f"{found.inside}/".startswith(apart):
                known.add(place)
                yield found


def _below(root: Path) -> Iterator[_Found]:
    unlisted: dict[Path, str] = {}
    files = list_files(root, on_error=unlisted.__setitem__)
    top = root if root.is_dir() else root.parent
    within = cache(lambda folder: Path(folder).relative_to(top).as_posix())
    for path in (*files, *unlisted):
        folder, name = os.path.split(path)
        above = within(folder)
        yield _Found(path, name if above == "." else f"{above}/{name}", unlisted.get(path))


class _Patterns:
    """Attributes:
    idle: those that nothing has fitted yet.
    """

    def __init__(self, selection: Selection) -> None:
        self._include, self._exclude = set(selection.include), set(selection.exclude)
        self._parts = {each: _parts(each) for each in self._include | self._exclude}
        self.idle = set(self._parts)

    def want(self, found: _Found) -> bool:
        if not self._parts:
            return True
        parts = _plain(found.inside).split("/")
        fitting = {each for each, pattern in self._parts.items() if _fits(pattern, parts)}
        self.idle -= fitting
        included = not self._include or found.unlisted is not None or fitting & self._include
        return bool(included) and not fitting & self._exclude


def _parts(pattern: str) -> list[str]:
    parts = _plain(pattern.rstrip("/")).split("/")
    return ["**", *parts] if len(parts) == 1 else [part for part in parts if part not in ("", ".")]


def _plain(name: str) -> str:
    """Without case, and with each accent as one letter: systems differ in both."""
    return unicodedata.normalize("NFC", name).lower()


def _fits(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether a path, or a folder that it is in, fits a pattern."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_fits(pattern[1:], parts[start:]) for start in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(pattern[1:], parts[1:])


def _of_reports(files: Sequence[Path], report_folder: Path | None) -> set[Path]:
    """The files of reports: where this scan writes, or where a page and its groups lie together."""
    own = {os.path.realpath(report_folder / name) for name in REPORT_FILES if report_folder}
    named = {file: file.parent for file in files if file.name in REPORT_FILES}
    names: dict[Path, set[str]] = {}
    for file, folder in named.items():
        names.setdefault(folder, set()).add(file.name)
    named |= {file: _above_vectors(file) for file in files if VECTORS in file.parts}
    reports = {folder for folder, found in names.items() if {PAGE, GROUPS} <= found}
    return {f for f, folder in named.items() if folder in reports or os.path.realpath(f) in own}


def _above_vectors(file: Path) -> Path:
    return Path(*file.parts[: file.parts.index(VECTORS)])
