"""Which files a scan looks at."""

import os
from collections.abc import Iterable
from pathlib import Path

from neardup.errors import NeardupError
from neardup.files import list_files
from neardup.library.file import Skipped
from neardup.library.store import CACHE

PAGE, GROUPS, PAIRS, SCENES, SKIPPED, BLANK = (
    "report.html",
    "groups.json",
    "pairs.csv",
    "scenes.csv",
    "skipped.csv",
    "blank.csv",
)
REPORT_FILES = frozenset(
    {PAGE, GROUPS, PAIRS, SCENES, SKIPPED, BLANK, CACHE, f"{CACHE}-wal", f"{CACHE}-shm"}
)
"""Every file that the report of a scan consists of; a scan leaves its own out."""


def list_all(folders: Iterable[Path]) -> tuple[list[Path], list[Skipped]]:
    """Files below the folders, in their order, and the subfolders that cannot be listed.

    Raises:
        ImageError: one of the folders does not exist or cannot be listed.
    """
    skipped: list[Skipped] = []

    def skip(folder: Path, why: str) -> None:
        skipped.append(Skipped(folder, why))

    return [path for folder in folders for path in list_files(folder, on_error=skip)], skipped


def list_two(
    folder: Path, against: Path | None, report_folder: Path | None
) -> tuple[list[Path], list[Path], list[Skipped]]:
    """Files below ``folder``, files below ``against``, and the folders that cannot be listed.

    The reports of scans, this one's and older ones, are left out. When one of the folders lies
    within the other, its files belong to it alone.

    Raises:
        ImageError: a folder does not exist or cannot be listed.
        NeardupError: both are the same folder.
    """
    skipped: list[Skipped] = []

    def listed(root: Path) -> list[Path]:
        files, unlisted = list_all([root])
        skipped.extend(unlisted)
        own = (
            {os.path.realpath(report_folder / name) for name in REPORT_FILES}
            if report_folder
            else set()
        )
        files = [f for f in files if f.name not in REPORT_FILES or os.path.realpath(f) not in own]
        return _without_reports(files)

    if against is None:
        return listed(folder), [], skipped
    if os.path.realpath(folder) == os.path.realpath(against):
        raise NeardupError(f"{folder} and {against} are one folder; leave out --against")
    return (
        _without(listed(folder), folder, against),
        _without(listed(against), against, folder),
        skipped,
    )


def _without_reports(files: list[Path]) -> list[Path]:
    """Drop the files of folders that hold a scan's page and its groups beside each other."""
    names: dict[Path, set[str]] = {}
    for file in files:
        if file.name in REPORT_FILES:
            names.setdefault(file.parent, set()).add(file.name)
    reports = {folder for folder, found in names.items() if {PAGE, GROUPS} <= found}
    return [f for f in files if f.parent not in reports or f.name not in REPORT_FILES]


def _without(files: list[Path], root: Path, other: Path) -> list[Path]:
    """Drop what lies below ``other`` when that is a folder inside ``root``."""
    real_root, real_other = Path(os.path.realpath(root)), Path(os.path.realpath(other))
    if real_root not in real_other.parents:
        return files
    inside = real_other.relative_to(real_root)
    return [file for file in files if inside not in file.relative_to(root).parents]
