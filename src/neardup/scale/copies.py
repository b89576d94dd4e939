"""Pictures in containers and storages, copied here a few at a time by what reads them again."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from neardup.files import is_remote
from neardup.library.file import Picture
from neardup.scale.sources import Unit, spooled, units
from neardup.scale.table import VectorTable

MOST_BYTES = 5_000_000_000
"""Bytes of pictures that are fetched for previews, the surest groups first."""


def brought_here(
    tables: Sequence[VectorTable], pictures: Sequence[Picture], most_bytes: int | None = None
) -> Iterator[Sequence[Picture]]:
    """The pictures in lots; the files of a lot are gone when the next is asked for.

    Args:
        tables: that hold the pictures.
        pictures: those that cannot be had are in no lot.
        most_bytes: of files to fetch; beyond it the later pictures are in no lot. None: no limit.
    """
    wanted = {str(picture.path): picture for picture in pictures}
    within = {name: c for table in tables for name, c in table.containers(wanted).items()}
    yield [p for name, p in wanted.items() if name not in within and not is_remote(name)]
    apart = [name for name in wanted if name in within or is_remote(name)]
    sizes = accumulate(wanted[name].files[0].bytes for name in apart)
    chosen = {n for n, size in zip(apart, sizes, strict=True) if size <= (most_bytes or size)}
    alone = [name for name in apart if name in chosen and name not in within]
    containers = sorted({within[name] for name in chosen if name in within})
    with TemporaryDirectory() as spool:
        for unit in [*units(alone, opened=False), *(Unit([c], opened=True) for c in containers)]:
            for lot in spooled(unit, Path(spool), chosen):
                yield [
                    replace(
                        wanted[local.name],
                        files=(replace(wanted[local.name].files[0], path=local.path),),
                    )
                    for local in lot
                    if local.path is not None
                ]
