"""A scan on Ray: sources in, their near-duplicates out, by the rules of a scan on one machine."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from neardup.bundle import Bundle
from neardup.errors import NeardupError
from neardup.files import list_files
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
        own = Path(table).absolute()
        scanned = [path for path in listing.scanned if own not in path.absolute().parents]
        names = map(str, [*scanned, *listing.against])
        vectors = _embedded(list(units(names, opened=False)), bundle, effort, table, fresh)
        listing = replace(listing, scanned=scanned)
        return Taken(listing, intake_of(vectors.read()), [vectors])
    if selection.references or selection.include or selection.exclude:
        raise NeardupError(
            "--reference, --include and --exclude are for folders of this machine alone"
        )
    unlisted: list[Skipped] = []
    ready = [[_existing(p, bundle) for p in side if VectorTable.is_at(str(p))] for side in sides]
    places = [[p for p in side if not VectorTable.is_at(str(p))] for side in sides]
    wanted = [list(_units(side, _own(table), unlisted)) for side in places]
    rows = [[row for vectors in side for row in vectors.read()] for side in ready]
    tables = list(chain(*ready))
    if any(wanted):
        vectors = _embedded(list(chain(*wanted)), bundle, effort, table, fresh)
        tables.append(vectors)
        for side, chosen in zip(rows, wanted, strict=True):
            side.extend(vectors.read(chosen))
    listing = Listing(
        scanned=_files(rows[0]),
        references=frozenset(),
        against=_files(rows[1]),
        left_out=(),
        idle=(),
        skipped=unlisted,
    )
    return Taken(listing, intake_of(chain(*rows)), tables)


def _embedded(
    wanted: Sequence[Unit], bundle: Bundle, effort: Effort, table: str, fresh: bool
) -> VectorTable:
    vectors = VectorTable(
        table, encoder_id=bundle.encoder_id, size=bundle.embedding_size, fresh=fresh
    )
    vectors.forget(vectors.stale(wanted))
    embed_units(vectors.missing(wanted), vectors, bundle, effort)
    return vectors


def _existing(place: Path, bundle: Bundle) -> VectorTable:
    return VectorTable.existing(
        str(place), encoder_id=bundle.encoder_id, size=bundle.embedding_size
    )


def _own(table: str) -> re.Pattern[str]:
    """What fits the files that a scan with this table writes, or wrote before."""
    report = "|".join(map(re.escape, REPORT_FILES))
    folder = re.escape(table.removesuffix(f"/{VECTORS}"))
    return re.compile(rf"{re.escape(table)}/.*|{folder}/({report})", re.DOTALL)


def _units(
    sources: Iterable[Path], own: re.Pattern[str], unlisted: list[Skipped]
) -> Iterator[Unit]:
    def note(folder: Path, reason: str) -> None:
        unlisted.append(Skipped(folder, reason))

    for source in map(str, sources):
        whole = is_folder(source)
        found = map(str, list_files(source, on_error=note)) if whole else items(source)
        yield from units((n for n in found if not own.fullmatch(n)), opened=not whole)


def _files(rows: Iterable[tuple[File | Skipped, Content]]) -> list[Path]:
    return [entry.path for entry, _ in rows if isinstance(entry, File)]
