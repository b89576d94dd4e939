"""The report of a scan; report.html is one self-contained page to look through and decide.

It is made of the files in ``web/``, asks no server for anything and runs no script but its own.
Pictures appear as embedded previews; the viewer loads the files themselves where they still are.
"""

import base64
import json
import os
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from importlib import resources
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from neardup.embedder import available_cores
from neardup.files import is_remote, write_text
from neardup.library.file import Lots, where_they_are
from neardup.library.listing import (
    BLANK,
    GROUP_TABLE,
    GROUPS,
    LEAKED,
    PAGE,
    PAIRS,
    SCENES,
    SKIPPED,
)
from neardup.library.pool import WorkerPool
from neardup.library.worker import Header
from neardup.progress import progress
from neardup.scan.report import parquet
from neardup.scan.report.sentences import about, sentences
from neardup.scan.report.tables import (
    groups,
    summary,
    write_blank,
    write_groups,
    write_leaked,
    write_pairs,
    write_scenes,
    write_skipped,
)
from neardup.scan.result import DuplicateGroup, ScanResult

THUMBNAIL_SIDES = ((1_500, 384), (5_000, 256), (10_000, 192))
"""Up to how many pictures, and how many pixels their previews then have: so that the page stays
below some 90 MB. Pictures after the last number, the least sure, go without; the page says so."""

MAX_FILES = 50_000
"""In the groups that the page holds, some 40 MB. It says how many groups, the least sure, it leaves
out: they are in groups.json, and come when those before them are cleaned."""

MAX_IN_A_GROUP = 1_000
"""Files of one group, the nearest to its first. The page says so of larger groups."""

MAX_LISTED = 10_000
"""Skipped and blank files that it names."""

_SCRIPTS = ("decisions.js", "groups.js", "grid.js", "viewer.js", "main.js")


def write_report(
    result: ScanResult,
    folder: Path,
    *,
    workers: int | None = None,
    show_progress: bool = True,
    lots: Lots = where_they_are,
    address: Path | None = None,
) -> None:
    """Write the page and the tables; each file is replaced in one step.

    Args:
        result: what was found.
        folder: to write into.
        workers: decoding processes for the previews; None: as many as cores.
        show_progress: on stderr.
        lots: brings the pictures here, to draw previews of them.
        address: where the page will lie; None: in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_groups(result, folder / GROUPS)
    write_pairs(result, folder / PAIRS)
    for name in (SCENES, LEAKED, GROUP_TABLE):
        (folder / name).unlink(missing_ok=True)
    if parquet.available():
        parquet.write_group_table(result, folder / GROUP_TABLE)
    if result.scenes:
        write_scenes(result, folder / SCENES)
    if result.leakage is not None:
        write_leaked(result.leakage, folder / LEAKED)
    write_skipped(result, folder / SKIPPED)
    write_blank(result, folder / BLANK)
    write_page(
        result,
        folder / PAGE,
        workers=workers,
        show_progress=show_progress,
        lots=lots,
        address=address,
    )


def write_page(
    result: ScanResult,
    path: Path,
    *,
    workers: int | None = None,
    show_progress: bool = False,
    lots: Lots = where_they_are,
    address: Path | None = None,
) -> None:
    """Write the page; the arguments are those of :func:`write_report`."""
    whole = _first_groups(result.groups)
    shown = replace(result, groups=[_first_files(group) for group in whole])
    data = {
        **summary(result),
        "page": str(address or path.absolute()),
        "groupsInAll": len(result.groups),
        "groups": [
            _with_ways(listed, group) | {"filesInAll": len(every.files)}
            for listed, group, every in zip(groups(shown), shown.groups, whole, strict=True)
        ],
        "thumbnails": _thumbnails(shown, workers=workers, show_progress=show_progress, lots=lots),
        "skippedFiles": [[str(entry.path), entry.reason] for entry in result.skipped[:MAX_LISTED]],
        "blankFiles": [str(file.path) for file in result.blank[:MAX_LISTED]],
        "decisions": asdict(result.decisions) | {"keep": sorted(result.decisions.keep)},
        "about": about(result),
        "sentences": sentences(result),
        "next": _next_command(result, address or path),
    }
    page = _resource("page.html")
    for name, content in (
        ("/*style*/", _resource("page.css")),
        ("/*script*/", "".join(map(_resource, _SCRIPTS))),
        ("/*data*/", _for_script(data)),
    ):
        page = page.replace(name, content, 1)
    write_text(path, page)


def _first_groups(found: Sequence[DuplicateGroup]) -> Sequence[DuplicateGroup]:
    """The surest, of together at most :data:`MAX_FILES` files."""
    files = accumulate(min(len(group.files), MAX_IN_A_GROUP) for group in found)
    return found[: max(1, sum(total <= MAX_FILES for total in files))]


def _first_files(group: DuplicateGroup) -> DuplicateGroup:
    """The group with at most :data:`MAX_IN_A_GROUP` files."""
    members, left = [], MAX_IN_A_GROUP
    for member in group.members:
        files = member.picture.files[:left]
        if files:
            members.append(replace(member, picture=replace(member.picture, files=files)))
        left -= len(files)
    return replace(group, members=tuple(members))


def _with_ways(listed: dict[str, Any], group: DuplicateGroup) -> dict[str, Any]:
    """The group with, of each file, where it is and where the first picture's pixels lie in it."""
    members = (member for member in group.members for _ in member.picture.files)
    inodes = Counter(file.inode for file in group.files)
    for file, member, found in zip(listed["files"], members, group.files, strict=True):
        file["link"] |= found.inode is not None and inodes[found.inode] > 1  # it frees nothing
        file["uri"] = Path(file["path"]).absolute().as_uri()
        match = member.match
        if match is not None and match.transform is not None:
            file["map"] = match.transform.matrix.T.ravel().tolist()  # as CSS orders it
            file["inside"] = match.inside
    return listed


def _next_command(result: ScanResult, path: Path) -> str:
    """What to type once the decisions are saved."""
    decisions = ["--decisions", "neardup-decisions.json"]
    if (path.parent / GROUPS).exists():
        return shlex.join(["neardup", "clean", str(path.parent), *decisions])
    if is_remote(str(path)):
        decisions += ["--engine", "ray", "--out", str(path.parent)]
    return shlex.join(["neardup", "scan", *map(str, result.selection.folders), *decisions])


def _thumbnails(
    result: ScanResult, *, workers: int | None, show_progress: bool, lots: Lots
) -> dict[str, str]:
    """sha256 of a picture to its preview, a data URI, for those that can still be read."""
    pictures = {
        member.picture.sha256: member.picture for group in result.groups for member in group.members
    }
    most, side = next(
        (step for step in THUMBNAIL_SIDES if len(pictures) <= step[0]), THUMBNAIL_SIDES[-1]
    )
    shown = list(islice(pictures.values(), most))
    drawn = {}
    with (
        WorkerPool(min(workers or available_cores(), max(1, len(shown)))) as pool,
        progress("Thumbnails", len(shown), show=show_progress and bool(shown)) as advance,
    ):
        for lot in lots(shown):
            tasks: Iterator[Header] = (
                {"task": "thumbnail", "path": os.fspath(each.path), "side": side} for each in lot
            )
            for picture, answer in zip(lot, pool.map(tasks), strict=True):
                if answer.header["error"] is None:
                    encoded = base64.b64encode(answer.payload).decode()
                    drawn[picture.sha256] = f"data:image/jpeg;base64,{encoded}"
                advance(1)
    return drawn


def _for_script(data: Any) -> str:
    """JSON that can stand inside a script element, whatever the file names."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _resource(name: str) -> str:
    return (resources.files("neardup.scan.report") / "web" / name).read_text(encoding="utf-8")
