"""A scan on Ray: sources in, their near-duplicates out, by the rules of a scan on one machine."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeAlias

from neardup.bundle import Bundle
from neardup.errors import NeardupError
from neardup.files import is_remote
from neardup.library.file import File, Lots, Skipped
from neardup.library.intake import Effort, Intake, timed
from neardup.library.listing import REPORT_FILES, VECTORS, Listing, Selection, list_selection
from neardup.library.store import Content
from neardup.scale.copies import MOST_BYTES, brought_here
from neardup.scale.embedding import embed_units, start_ray
from neardup.scale.join import find_pairs
from neardup.scale.sources import Unit, is_folder, items, units
from neardup.scale.table import VectorTable, intake_of
from neardup.scan.pipeline import ScanOptions, chosen_point, compare
from neardup.scan.result import ScanResult

Row: TypeAlias = tuple[File | Skipped, Content]


def scan(
    selection: Selection, bundle: Bundle, options: ScanOptions, table: str
) -> tuple[ScanResult, Lots]:
    """Find near-duplicates as :func:`neardup.scan.pipeline.scan` does, on Ray.

    Args:
        selection: its folders may also be what :mod:`neardup.scale.sources` understands, or tables
            of vectors.
        bundle: the encoder.
        options: what to look for; ``resume`` goes on with the table.
        table: where the vectors are kept.

    Returns:
        What was found, and what brings pictures here to draw previews of them.

    Raises:
        NeardupError: a source cannot be listed, or packages are missing.
        BundleError: there is no such operating point.
    """
    chosen_point(bundle, options)
    seconds: dict[str, float] = {}
    with timed("start", seconds):
        ray = start_ray()
    with timed("embed", seconds):
        taken = take_in(
            selection,
            bundle,
            options.effort,
            table,
            report=options.report_folder,
            fresh=not options.resume,
        )
    result = compare(
        selection,
        taken.listing,
        taken.intake,
        bundle,
        options,
        seconds,
        search=partial(find_pairs, ray),
        lots=partial(brought_here, taken.tables),
    )
    return result, partial(brought_here, taken.tables, most_bytes=MOST_BYTES)


class Taken(NamedTuple):
    """Attributes:
    listing: what was looked at.
    intake: what became of it.
    tables: that hold its vectors.
    """

    listing: Listing
    intake: Intake
    tables: Sequence[VectorTable]


def take_in(
    selection: Selection,
    bundle: Bundle,
    effort: Effort,
    table: str,
    *,
    report: Path | None = None,
    fresh: bool = True,
) -> Taken:
    """Embed sources on Ray; tables of vectors among them are taken as they are.

    Args:
        selection, bundle, effort: as for :func:`scan`.
        table: where the vectors are kept.
        report: where the report goes, if that is on this machine.
        fresh: forget what the table holds.

    Raises:
        NeardupError: a source cannot be listed, is a table of another encoder, or lies elsewhere
            and was given patterns or the role of a reference.
    """
    against = () if selection.against is None else (selection.against,)
    sides = selection.folders, against
    if all(is_folder(str(place)) for place in [*selection.folders, *against]):
        listing = list_selection(selection, report)
        kept = Path(table).absolute()
        scanned = [path for path in listing.scanned if kept not in path.absolute().parents]
        names = map(str, [*scanned, *listing.against])
        vectors = _embedded(list(units(names, opened=False)), bundle, effort, table, fresh)
        listing = replace(listing, scanned=scanned)
        return Taken(listing, intake_of(vectors.read()), [vectors])
    if selection.references or selection.include or selection.exclude:
        raise NeardupError(
            "--reference, --include and --exclude are for folders of this machine alone"
        )
    unlisted: list[Skipped] = []
    ready = [
        [_table(str(p), bundle, fresh=False) for p in side if VectorTable.is_at(str(p))]
        for side in sides
    ]
    places = [[p for p in side if not VectorTable.is_at(str(p))] for side in sides]
    wanted = [list(_units(side, _own(table), unlisted)) for side in places]
    rows = [[row for vectors in side for row in vectors.read()] for side in ready]
    tables = list(chain(*ready))
    if any(wanted):
        if _whereabouts(table) in [_whereabouts(each.uri) for each in tables]:
            raise NeardupError(f"{table}: this scan would write there: give another --out")
        vectors = _embedded(list(chain(*wanted)), bundle, effort, table, fresh)
        tables.append(vectors)
        for side, chosen in zip(rows, wanted, strict=True):
            side.extend(vectors.read(chosen))
    own, others = map(_each_once, rows)
    if twice := own.keys() & others.keys():
        shared, _ = own[min(twice)]
        raise NeardupError(f"{shared.path} is scanned and also compared against")
    listing = Listing(
        scanned=_files(own.values()),
        references=frozenset(),
        against=_files(others.values()),
        left_out=(),
        idle=(),
        skipped=unlisted,
    )
    return Taken(listing, intake_of(chain(own.values(), others.values())), tables)


def _each_once(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    """Rows by where the file is and its sha256: several sources may name it."""
    found: dict[tuple[str, str], Row] = {}
    for entry, content in rows:
        sha256 = entry.sha256 if isinstance(entry, File) else ""
        found.setdefault((_whereabouts(str(entry.path)), sha256), (entry, content))
    return found


def _whereabouts(name: str) -> str:
    """The same for all names of a file: relative, absolute, through links to its folder."""
    if is_remote(name):
        return name
    folder, file = os.path.split(name)
    return os.path.join(_real(folder), file)


_real = lru_cache(maxsize=4096)(os.path.realpath)


def _embedded(
    wanted: Sequence[Unit], bundle: Bundle, effort: Effort, table: str, fresh: bool
) -> VectorTable:
    vectors = _table(table, bundle, fresh)
    vectors.forget(vectors.stale(wanted))
    embed_units(vectors.missing(wanted), vectors, bundle, effort)
    return vectors


def _table(uri: str, bundle: Bundle, fresh: bool) -> VectorTable:
    return VectorTable(uri, encoder_id=bundle.encoder_id, size=bundle.embedding_size, fresh=fresh)


def _own(table: str) -> re.Pattern[str]:
    """What fits the whereabouts of what a scan with this table writes, or wrote before."""
    report = "|".join(map(re.escape, REPORT_FILES))
    table = _whereabouts(table)
    folder = re.escape(table.removesuffix(f"/{VECTORS}"))
    return re.compile(rf"{re.escape(table)}/.*|{folder}/({report})", re.DOTALL)


def _units(
    sources: Iterable[Path], own: re.Pattern[str], unlisted: list[Skipped]
) -> Iterator[Unit]:
    for source in sources:
        whole = is_folder(str(source))
        if whole:
            listing = list_selection(Selection(folders=[source]))
            unlisted += listing.skipped
            found = list(map(str, listing.scanned))
        else:
            found = items(str(source))
        yield from units((n for n in found if not own.fullmatch(_whereabouts(n))), opened=not whole)


def _files(rows: Iterable[Row]) -> list[Path]:
    return [entry.path for entry, _ in rows if isinstance(entry, File)]
