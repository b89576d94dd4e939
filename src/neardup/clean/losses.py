"""What only a file that goes says about the picture, and the copy kept does not."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from neardup.clean.plan import Removal
from neardup.embedder import available_cores
from neardup.images.metadata import only_in
from neardup.library.pool import WorkerPool
from neardup.progress import progress

Losses: TypeAlias = Mapping[Path, Mapping[str, Sequence[str]]]
"""A file that would go to what would go with it: ``{"rating": ["5"]}``."""


def metadata_at_stake(removals: Sequence[Removal], *, show_progress: bool = True) -> Losses:
    """Rating, position, date taken and keywords that the first copy kept of a file lacks."""
    pairs = [
        (removal.file.path, removal.kept[0].path)
        for removal in removals
        if removal.file.sha256 != removal.kept[0].sha256
    ]
    paths = list(dict.fromkeys(path for pair in pairs for path in pair))
    tasks = ({"task": "metadata", "path": os.fspath(path)} for path in paths)
    found: dict[Path, dict[str, list[str]]] = {}
    show = show_progress and bool(paths)
    with (
        WorkerPool(min(available_cores(), max(1, len(paths)))) as pool,
        progress("Reading metadata", len(paths), unit="files", show=show) as advance,
    ):
        for path, answer in zip(paths, pool.map(tasks), strict=True):
            if answer.header["error"] is None:
                found[path] = answer.header["metadata"]
            advance(1)
    at_stake = {file: only_in(found.get(file, {}), found.get(kept, {})) for file, kept in pairs}
    return {file: entries for file, entries in at_stake.items() if entries}
