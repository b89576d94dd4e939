"""The report of a scan; report.html is one self-contained page to look through and decide.

It refers to nothing outside itself and runs no script but its own. Pictures appear as embedded
thumbnails, which link to the files.
"""

import base64
import json
import os
from collections.abc import Mapping
from functools import partial
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from neardup.embedder import available_cores
from neardup.files import write_text
from neardup.library.listing import BLANK, GROUPS, LEAKED, PAGE, PAIRS, SCENES, SKIPPED
from neardup.library.pool import WorkerPool
from neardup.library.worker import Header
from neardup.progress import progress
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
    for name in (SCENES, LEAKED):
        (folder / name).unlink(missing_ok=True)
    if result.scenes:
        write_scenes(result, folder / SCENES)
    if result.leakage is not None:
        write_leaked(result.leakage, folder / LEAKED)
    write_skipped(result, folder / SKIPPED)
    write_blank(result, folder / BLANK)
    write_page(result, folder / PAGE, workers=workers, show_progress=show_progress)


def write_page(
    result: ScanResult, path: Path, *, workers: int | None = None, show_progress: bool = False
) -> None:
    """Write the page; ``workers``: decoding processes for the thumbnails, None for the cores."""
    listed = groups(result)
    drawing = partial(_draw, workers=workers or available_cores(), show_progress=show_progress)
    data = {
        **summary(result),
        "groups": listed,
        "uris": [_uris(group["files"]) for group in listed],
        "thumbnails": drawing("Thumbnails", _thumbnails(result)),
        "explanations": drawing("Explanations", _explanations(result)),
        "skippedFiles": [[str(entry.path), entry.reason] for entry in result.skipped],
        "blankFiles": [str(file.path) for file in result.blank],
        "decisions": {
            "different": sorted(result.decisions.different),
            "same": sorted(result.decisions.same),
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


def _thumbnails(result: ScanResult) -> dict[str, Header]:
    """sha256 of a picture to the task that draws it small."""
    pictures = {
        member.picture.sha256: member.picture for group in result.groups for member in group.members
    }
    return {
        sha256: {"task": "thumbnail", "path": os.fspath(picture.path), "side": THUMBNAIL_SIDE}
        for sha256, picture in islice(pictures.items(), MAX_THUMBNAILS)
    }


def _explanations(result: ScanResult) -> dict[str, Header]:
    """sha256 of a group's first and of a member, with a space between, to the task that draws how
    the one was made from the other."""
    matched = (
        (group.members[0].picture, member.picture, member.match)
        for group in result.groups
        for member in group.members
        if member.match is not None and member.match.transform is not None
    )
    return {
        f"{first.sha256} {other.sha256}": {
            "task": "explanation",
            "paths": [os.fspath(first.path), os.fspath(other.path)],
            "match": match.as_dict(),
            "height": EXPLANATION_HEIGHT,
        }
        for first, other, match in islice(matched, MAX_EXPLANATIONS)
    }


def _draw(
    title: str, tasks: Mapping[str, Header], *, workers: int, show_progress: bool
) -> dict[str, str]:
    """The keys of the tasks to data URIs, for those whose pictures can still be read."""
    drawn = {}
    with (
        WorkerPool(min(workers, max(1, len(tasks)))) as pool,
        progress(title, len(tasks), show=show_progress and bool(tasks)) as advance,
    ):
        for key, answer in zip(tasks, pool.map(tasks.values()), strict=True):
            if answer.header["error"] is None:
                encoded = base64.b64encode(answer.payload).decode()
                drawn[key] = f"data:image/jpeg;base64,{encoded}"
            advance(1)
    return drawn


def _uris(files: list[dict[str, Any]]) -> list[str]:
    return [Path(file["path"]).absolute().as_uri() for file in files]


def _for_script(data: Any) -> str:
    """JSON that can stand inside a script element, whatever the file names."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _resource(name: str) -> str:
    return (resources.files("neardup.scan.report") / name).read_text(encoding="utf-8")
