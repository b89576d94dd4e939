"""The scan: a folder in, its near-duplicates out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neardup.bundle import Bundle
from neardup.embedder import Embedder
from neardup.library.file import Picture
from neardup.library.intake import Effort, take_in, timed
from neardup.library.listing import list_two
from neardup.library.store import Content
from neardup.scan import matching
from neardup.scan.decisions import Decisions
from neardup.scan.result import DuplicateGroup, FilePairs, ScanResult
from neardup.search.choice import search
from neardup.search.exact import Vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """What to look for, and how.

    Attributes:
        at: operating point or threshold: see ``Bundle.threshold``.
        against: list copies across the two folders instead of within the first.
        decisions: what a person decided before.
        report_folder: keeps the cache that ``resume`` goes on from; None: no cache is kept.
        resume: go on with what the cache holds instead of starting afresh.
        effort: changes nothing that is found.
    """

    at: str | float | None = None
    against: Path | None = None
    decisions: Decisions = field(default_factory=Decisions)
    report_folder: Path | None = None
    resume: bool = False
    effort: Effort = field(default_factory=Effort)


def scan(folder: Path, bundle: Bundle, embedder: Embedder, options: ScanOptions) -> ScanResult:
    """Find the near-duplicates below a folder.

    Raises:
        ImageError: a folder does not exist or cannot be listed.
        BundleError: there is no such operating point.
        NeardupError: the two folders are one, or the cache is damaged or in use.
    """
    threshold = bundle.threshold(options.at)
    seconds: dict[str, float] = {}
    with timed("list", seconds):
        paths, others, unlisted = list_two(folder, options.against, options.report_folder)
    intake = take_in(
        [*paths, *others],
        bundle,
        embedder,
        options.effort,
        cache_folder=options.report_folder,
        resume=options.resume,
    )
    seconds |= intake.seconds
    with timed("search", seconds):
        own, references = intake.pictures(paths), intake.pictures(others)
        groups, pairs, how = _match(
            own, references, intake.contents, threshold, bundle.embedding_size, options
        )
    return ScanResult(
        folder=folder,
        against=options.against,
        threshold=threshold,
        at=str(options.at if options.at is not None else bundle.default_at),
        encoder_id=bundle.encoder_id,
        groups=groups,
        pairs=pairs,
        blank=intake.blank,
        skipped=sorted([*unlisted, *intake.skipped], key=lambda entry: entry.path),
        decisions=options.decisions,
        counts=intake.counts,
        seconds=seconds,
        search=how,
        stray_decisions=options.decisions.stray(intake.contents),
    )


def _match(
    own: Sequence[Picture],
    references: Sequence[Picture],
    contents: Mapping[str, Content],
    threshold: float,
    embedding_size: int,
    options: ScanOptions,
) -> tuple[list[DuplicateGroup], FilePairs, str]:
    def vectors(pictures: Sequence[Picture]) -> Vectors:
        rows = [contents[picture.sha256].vector for picture in pictures]
        return np.array(rows, dtype=np.float32).reshape(len(rows), embedding_size)

    if options.against is None:
        found, how = search(vectors(own), threshold)
        found = matching.without_decided(found, own, own, options.decisions)
        groups = matching.groups_within(own, found, options.decisions)
        return groups, FilePairs(own, own, found, identical=True), how
    found, how = search(vectors(references), threshold, vectors(own))
    found = matching.without_decided(found, references, own, options.decisions)
    groups = matching.groups_across(references, own, found)
    return groups, FilePairs(references, own, found, identical=False), how
