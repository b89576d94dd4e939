"""The scan: folders in, their near-duplicates out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from neardup.bundle import Bundle
from neardup.embedder import Embedder
from neardup.images.traces import Traces
from neardup.library.file import Lots, Picture, where_they_are
from neardup.library.intake import Effort, Intake, take_in, timed
from neardup.library.listing import Listing, Selection, list_selection
from neardup.library.store import Content
from neardup.scan import matching, shots
from neardup.scan.decisions import Decisions
from neardup.scan.original import Originals, read_traces
from neardup.scan.result import Evidence, FilePairs, Leakage, ScanResult
from neardup.scan.second_look import (
    NO_MATCHES,
    Bursts,
    accepted,
    candidates,
    look_again,
    strict_point,
)
from neardup.scan.shots import RawPairs
from neardup.search.choice import Search, search
from neardup.search.exact import Pairs, Vectors
from neardup.verify.features import opencv

ReadTraces: TypeAlias = Callable[[Sequence[Picture], Effort], dict[str, Traces]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """What to look for, and how.

    Attributes:
        at: operating point or threshold: see ``Bundle.threshold``.
        decisions: what a person decided before.
        report_folder: keeps the cache that ``resume`` goes on from; None: no cache is kept.
        resume: go on with what the cache holds instead of starting afresh.
        verify: pairs that the distance leaves in doubt get a second look, by local features; then
            ``at`` is the strict threshold unless it is given.
        bursts: what to do with pairs that the second look takes for shots of one scene: ``report``
            lists them apart unless they are within the threshold, ``keep`` calls none of them
            duplicates, ``merge`` all.
        raw_pairs: what to do with a RAW file and the picture of the same name beside it, which are
            one shot: ``keep`` does not call them duplicates, ``report`` does.
        effort: changes nothing that is found.
    """

    at: str | float | None = None
    decisions: Decisions = field(default_factory=Decisions)
    report_folder: Path | None = None
    resume: bool = False
    verify: bool = False
    bursts: Bursts = "report"
    raw_pairs: RawPairs = "keep"
    effort: Effort = field(default_factory=Effort)


def scan(
    selection: Selection, bundle: Bundle, embedder: Embedder, options: ScanOptions
) -> ScanResult:
    """Find the near-duplicates below some folders, or those across them and another.

    Raises:
        ImageError: a folder does not exist or cannot be listed.
        BundleError: there is no such operating point.
        NeardupError: a folder has two roles, the cache is damaged or in use, or ``verify`` is
            asked for without OpenCV.
    """
    chosen_point(bundle, options)
    seconds: dict[str, float] = {}
    with timed("list", seconds):
        listing = list_selection(selection, options.report_folder)
    intake = take_in(
        [*listing.scanned, *listing.against],
        bundle,
        embedder,
        options.effort,
        cache_folder=options.report_folder,
        resume=options.resume,
    )
    seconds |= intake.seconds
    return compare(selection, listing, intake, bundle, options, seconds)


def chosen_point(bundle: Bundle, options: ScanOptions) -> str | float | None:
    """The operating point; refuses, before hours of work, what could not be done after them.

    Raises:
        BundleError: there is no such operating point.
        NeardupError: ``verify`` is asked for without OpenCV.
    """
    if options.verify:
        opencv()
    at = strict_point(bundle, options.at) if options.verify else options.at
    bundle.threshold(at)
    return at


def compare(
    selection: Selection,
    listing: Listing,
    intake: Intake,
    bundle: Bundle,
    options: ScanOptions,
    seconds: dict[str, float],
    *,
    search: Search = search,
    read_traces: ReadTraces = read_traces,
    lots: Lots = where_they_are,
) -> ScanResult:
    """Find the near-duplicates among files that were taken in.

    Args:
        selection, listing: where the files are.
        intake: what became of them.
        bundle: the encoder that embedded them.
        options: what to look for.
        seconds: how long each stage took; more are added.
        search: finds the pairs within a distance, and says how.
        read_traces: reads the traces of processing in some pictures, by sha256.
        lots: brings pictures here, to read them again.
    """
    across = selection.against is not None
    at = chosen_point(bundle, options)
    threshold = bundle.threshold(at)
    own = intake.pictures(listing.scanned, listing.references)
    others = intake.pictures(listing.against, frozenset(listing.against))
    loose = [*(entry.path for entry in intake.skipped), *listing.left_out]
    companions = shots.companions([*own, *others], loose)
    own = shots.whole_first(own, companions)
    with timed("search", seconds):
        own_vectors = _vectors(own, intake.contents, bundle.embedding_size)
        if across:
            left, within = others, _vectors(others, intake.contents, bundle.embedding_size)
            found, how = search(within, threshold, own_vectors)
        else:
            left, within = own, own_vectors
            found, how = search(own_vectors, threshold, None)

    def in_question(pairs: Pairs) -> Pairs:
        pairs = matching.without_untouched(pairs, left, own)
        if across or options.raw_pairs == "report":
            return pairs
        return pairs.chosen(~shots.spoken_for(pairs, own))

    found = in_question(found)
    matches, scenes = NO_MATCHES, Pairs.collect([])
    if options.verify:
        with timed("second look", seconds):
            looked_at = in_question(candidates(found, within, own_vectors if across else None))
            matches = look_again(
                looked_at,
                left,
                own,
                options.effort,
                cache_folder=options.report_folder,
                encoder_id=bundle.encoder_id,
                lots=lots,
            )
            pairs = Pairs.collect([found, looked_at]).distinct()
            found, scenes = accepted(pairs, threshold, left, own, matches, options.bursts)
    found, scenes = (
        matching.without_decided(pairs, left, own, options.decisions) for pairs in (found, scenes)
    )
    evidence = Evidence(bundle.calibration, matches, len(left))
    if across:
        groups = matching.groups_across(others, own, found, evidence)
    else:
        with timed("originals", seconds):
            rows = np.unique(np.concatenate([found.left, found.right]))
            traces: dict[str, Traces] = {}
            for lot in lots([own[row] for row in rows.tolist()]):
                traces |= read_traces(lot, options.effort)
        originals = Originals(traces, evidence)
        groups = matching.groups_within(own, found, options.decisions, evidence, originals)
    return ScanResult(
        selection=selection,
        leakage=Leakage.of(groups, own, others) if across else None,
        threshold=threshold,
        at=str(at if at is not None else bundle.default_at),
        encoder_id=bundle.encoder_id,
        groups=groups,
        pairs=FilePairs(left, own, found, identical=not across, evidence=evidence),
        scenes=FilePairs(left, own, scenes, identical=False, evidence=evidence),
        blank=intake.blank,
        skipped=sorted(
            [*listing.skipped, *shots.explained(intake.skipped, companions)],
            key=lambda entry: entry.path,
        ),
        companions=companions,
        decisions=options.decisions,
        counts=intake.counts,
        left_out=len(listing.left_out),
        idle_patterns=listing.idle,
        seconds=seconds,
        search=how,
        stray_decisions=options.decisions.stray(intake.contents),
    )


def _vectors(
    pictures: Sequence[Picture], contents: Mapping[str, Content], embedding_size: int
) -> Vectors:
    rows = [contents[picture.sha256].vector for picture in pictures]
    return np.array(rows, dtype=np.float32).reshape(len(rows), embedding_size)
