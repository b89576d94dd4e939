"""The report of a scan; report.html is one self-contained page to look through and decide.

It refers to nothing outside itself and runs no script but its own. Pictures appear as embedded
thumbnails, which link to the files.
"""

import base64
import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

from neardup.embedder import available_cores
from neardup.files import write_text
from neardup.library.file import Picture
from neardup.library.listing import BLANK, GROUPS, PAGE, PAIRS, SCENES, SKIPPED
from neardup.library.pool import WorkerPool
from neardup.progress import progress
from neardup.scan.report.tables import (
    groups,
    summary,
    write_blank,
    write_groups,
    write_pairs,
    write_scenes,
    write_skipped,
)
from neardup.scan.result import ScanResult

THUMBNAIL_SIDE = 192
MAX_THUMBNAILS = 10_000
"""About 60 MB; the groups after that, the least sure, are shown without previews."""


EXPLANATION_HEIGHT = 150
MAX_EXPLANATIONS = 300
"""About 8 MB; what comes after that is explained in words only."""


def write_report(
    result: ScanResult, folder: Path, *, workers: int | None = None, show_progress: bool = True
) -> None:
    """Write the page and the tables; each file is replaced in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    write_groups(result, folder / GROUPS)
    write_pairs(result, folder / PAIRS)
    if result.scenes:
        write_scenes(result, folder / SCENES)
    else:
        (folder / SCENES).unlink(missing_ok=True)
    write_skipped(result, folder / SKIPPED)
    write_blank(result, folder / BLANK)
    write_page(result, folder / PAGE, workers=workers, show_progress=show_progress)


def write_page(
    result: ScanResult, path: Path, *, workers: int | None = None, show_progress: bool = False
) -> None:
    """Write the page; ``workers``: decoding processes for the thumbnails, None for the cores."""
    pictures = {
        member.picture.sha256: member.picture for group in result.groups for member in group.members
    }
    data = {
        **summary(result),
        "groups": groups(result),
        "uris": [_uris(group["files"]) for group in groups(result)],
        "thumbnails": _thumbnails(
            list(pictures.values())[:MAX_THUMBNAILS], workers or available_cores(), show_progress
        ),
        "explanations": _explanations(result, workers or available_cores(), show_progress),
        "skippedFiles": [[str(entry.path), entry.reason] for entry in result.skipped],
        "blankFiles": [str(file.path) for file in result.blank],
        "decisions": {
            "different": sorted(result.decisions.different),
            "keep": sorted(result.decisions.keep),
        },
    }
    page = _resource("page.html")
    for name, content in (
        ("/*style*/", _resource("page.css")),
        ("/*script*/", _resource("page.js")),
        ("/*data*/", _for_script(data)),
    ):
        page = page.replace(name, content, 1)
    write_text(path, page)


def _thumbnails(pictures: list[Picture], workers: int, show_progress: bool) -> dict[str, str]:
    """sha256 to a data URI, for those that can still be read."""
    tasks = (
        {"task": "thumbnail", "path": os.fspath(picture.path), "side": THUMBNAIL_SIDE}
        for picture in pictures
    )
    thumbnails = {}
    show = show_progress and bool(pictures)
    with (
        WorkerPool(min(workers, max(1, len(pictures)))) as pool,
        progress("Thumbnails", len(pictures), show=show) as advance,
    ):
        for picture, answer in zip(pictures, pool.map(tasks), strict=True):
            if answer.header["error"] is None:
                thumbnails[picture.sha256] = _jpeg_uri(answer.payload)
            advance(1)
    return thumbnails


def _explanations(result: ScanResult, workers: int, show_progress: bool) -> dict[str, str]:
    """sha256 of a group's first and of a member, with a space between, to a data URI."""
    wanted = [
        (group.members[0].picture, member.picture, member.match)
        for group in result.groups
        for member in group.members
        if member.match is not None and member.match.transform is not None
    ][:MAX_EXPLANATIONS]
    if not wanted:
        return {}
    tasks = (
        {
            "task": "explanation",
            "paths": [os.fspath(first.path), os.fspath(other.path)],
            "match": match.as_dict(),
            "height": EXPLANATION_HEIGHT,
        }
        for first, other, match in wanted
    )
    explanations = {}
    with (
        WorkerPool(min(workers, len(wanted))) as pool,
        progress("Explanations", len(wanted), show=show_progress) as advance,
    ):
        for (first, other, _), answer in zip(wanted, pool.map(tasks), strict=True):
            if answer.header["error"] is None:
                explanations[f"{first.sha256} {other.sha256}"] = _jpeg_uri(answer.payload)
            advance(1)
    return explanations


def _jpeg_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _uris(files: list[dict[str, Any]]) -> list[str]:
    return [Path(file["path"]).absolute().as_uri() for file in files]


def _for_script(data: Any) -> str:
    """JSON that can stand inside a script element, whatever the file names."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _resource(name: str) -> str:
    return (resources.files("neardup.scan.report") / name).read_text(encoding="utf-8")
