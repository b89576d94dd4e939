"""A scan on Ray: sources in, their near-duplicates out, by the rules of a scan on one machine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from neardup.bundle import Bundle
from neardup.files import list_files
from neardup.images.traces import Traces
from neardup.library.file import Picture
from neardup.library.intake import Effort, Intake, timed
from neardup.library.listing import Listing, Selection, list_selection
from neardup.scale.embedding import embed_units, start_ray
from neardup.scale.join import find_pairs
from neardup.scale.sources import is_archive, is_remote, items, spooled, units
from neardup.scale.table import SUFFIX, VectorTable, intake_of
from neardup.scan.original import read_traces
from neardup.scan.pipeline import ScanOptions, chosen_point, compare
from neardup.scan.result import ScanResult


def scan(selection: Selection, bundle: Bundle, options: ScanOptions, table: str) -> ScanResult:
    """Find near-duplicates as :func:`neardup.scan.pipeline.scan` does, on Ray.

    Args:
        selection: its folders may also be what :mod:`neardup.scale.sources` understands.
        bundle: the encoder.
        options: what to look for; ``resume`` goes on with the table.
        table: where the vectors are kept.

    Raises:
        NeardupError: a source cannot be listed, or packages are missing.
        BundleError: there is no such operating point.
    """
    chosen_point(bundle, options)
    seconds: dict[str, float] = {}
    with timed("start", seconds):
        ray = start_ray()
    against = [] if selection.against is None else [selection.against]
    if all(is_table(place) for place in [*selection.folders, *against]):
        own, others = (
            [_existing(place, bundle) for place in places]
            for places in (selection.folders, against)
        )
        intake, other = intake_of(own, seconds), intake_of(others, seconds)
        listing = _listing(intake, other)
        intake = intake_of([*own, *others], seconds)
    else:
        with timed("embed", seconds):
            vectors, listed = embed(
                selection,
                bundle,
                options.effort,
                table,
                report=options.report_folder,
                fresh=not options.resume,
            )
        intake = intake_of([vectors], seconds)
        listing = listed or _listing(intake)
    return compare(
        selection,
        listing,
        intake,
        bundle,
        options,
        seconds,
        search=partial(find_pairs, ray),
        read_traces=_read_traces,
    )


def embed(
    selection: Selection,
    bundle: Bundle,
    effort: Effort,
    table: str,
    *,
    report: Path | None = None,
    fresh: bool = True,
) -> tuple[VectorTable, Listing | None]:
    """Embed sources on Ray; the table, and the listing where all sources are local folders.

    Args:
        selection, bundle, effort: as for :func:`scan`.
        table: where the vectors are kept.
        report: where the report goes.
        fresh: forget what the table holds.
    """
    listing = None
    if selection.against is not None or all(Path(folder).is_dir() for folder in selection.folders):
        listing = list_selection(selection, report)
        own = Path(table).absolute()
        listing = replace(listing, scanned=[p for p in listing.scanned if own not in _above(p)])
        names = list(map(str, [*listing.scanned, *listing.against]))
    else:
        names = list(_names(list(map(str, selection.folders))))
    vectors = VectorTable(
        table, encoder_id=bundle.encoder_id, size=bundle.embedding_size, fresh=fresh
    )
    vectors.forget(vectors.changed(names))
    embed_units(units(names, vectors.done()), vectors, bundle, effort)
    return vectors, listing


def is_table(place: Path) -> bool:
    """Whether a source is a table of vectors that exist already."""
    return place.suffix == SUFFIX


def _existing(place: Path, bundle: Bundle) -> VectorTable:
    return VectorTable.existing(
        str(place), encoder_id=bundle.encoder_id, size=bundle.embedding_size
    )


def _listing(own: Intake, other: Intake | None = None) -> Listing:
    return Listing(
        scanned=[file.path for file in own.files],
        references=frozenset(),
        against=() if other is None else [file.path for file in other.files],
        left_out=(),
        idle=(),
        skipped=(),
    )


def _above(path: Path) -> Sequence[Path]:
    return path.absolute().parents


def _names(sources: Sequence[str]) -> Iterator[str]:
    for source in sources:
        if not is_remote(source) and Path(source).is_dir():
            yield from map(str, list_files(source))
        else:
            yield from items(source)


def _read_traces(pictures: Sequence[Picture], effort: Effort) -> dict[str, Traces]:
    with _brought_here(pictures) as local:
        return read_traces(local, effort)


@contextmanager
def _brought_here(pictures: Sequence[Picture]) -> Iterator[list[Picture]]:
    """The pictures as files of this machine: those in archives and storages are copied."""
    wanted = {str(picture.path): picture for picture in pictures}
    here: dict[str, Path] = {}
    places = {name: name.partition("!")[0] for name in wanted}
    apart = sorted({p for p in places.values() if is_archive(p) or is_remote(p)})
    with TemporaryDirectory() as kept, TemporaryDirectory() as spool:
        for lot in (lot for place in apart for lot in spooled([place], Path(spool))):
            for local in lot:
                if local.name in wanted and local.path is not None:
                    here[local.name] = local.path.rename(Path(kept, str(len(here))))
        yield [
            replace(picture, files=(replace(picture.files[0], path=here.get(name, picture.path)),))
            for name, picture in wanted.items()
        ]
