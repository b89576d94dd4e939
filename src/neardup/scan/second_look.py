"""The second look of a scan: pairs that the distance leaves in doubt are verified."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from neardup.bundle import Bundle
from neardup.embedder import available_cores
from neardup.library.file import Lots, Picture, where_they_are
from neardup.library.intake import Effort, content_task, open_cache
from neardup.library.pool import WorkerPool
from neardup.library.store import ScanCache
from neardup.progress import progress
from neardup.search.equal import Distinct, restored
from neardup.search.exact import Pairs, Vectors
from neardup.search.nearest import neighbours
from neardup.verify.match import Kind, Match

REACH = 1.28
"""L2 distance beyond which no pair is looked at again: nearly all unrelated pairs lie there."""

STRICT = "precision=0.999"
"""Operating point below which a pair needs no second look to count."""

Bursts = Literal["keep", "report", "merge"]

_PAIRS_AT_ONCE = 64
_MOST_PER_PICTURE = 20


def strict_threshold(bundle: Bundle, at: str | float | None) -> float:
    """The threshold to go with a second look: ``at``, or else :data:`STRICT` if the bundle has it.

    Raises:
        BundleError: there is no such operating point.
    """
    return bundle.threshold(strict_point(bundle, at))


def strict_point(bundle: Bundle, at: str | float | None) -> str | float | None:
    """The operating point of :func:`strict_threshold`."""
    point = bundle.operating_points.get(STRICT)
    return STRICT if at is None and point is not None and point.threshold is not None else at


def neighbour_count(pictures: int) -> int:
    """How many neighbours of each picture get a second look: 10, more among many.

    A copy has the more unrelated pictures before it, the more there are. The count grows as the
    square root of their number, a compromise between finding and time.
    """
    return math.ceil(10 * math.sqrt(max(1.0, pictures / 3500)))


def candidates(found: Pairs, a: Vectors, b: Vectors | None) -> Pairs:
    """The pairs to look at: each picture's nearest neighbours, and those within the threshold.

    Of the latter there may be many in an album of one scene; the nearest are taken, as many as
    twenty for each picture. Many equal vectors have the neighbours of the first, as in the search:
    else they would be each other's.

    Args:
        found: the pairs within the threshold.
        a: (N, D) vectors that ``left`` of the pairs counts.
        b: (M, D) vectors that ``right`` counts; None: ``a`` again.
    """
    most = _MOST_PER_PICTURE * (len(a) + (0 if b is None else len(b)))
    found = found.nearest(most)
    ours, count = Distinct.of(a), neighbour_count(len(a))
    if b is None:
        near = restored(neighbours(ours.vectors, count, REACH), ours, None)
        return Pairs.collect([found, near]).distinct()
    # Those scanned look for neighbours among the references, not the other way round.
    theirs = Distinct.of(b)
    near = neighbours(theirs.vectors, count, REACH, ours.vectors)
    near = restored(Pairs(near.right, near.left, near.distance), ours, theirs)
    return Pairs.collect([found, near]).distinct()


class Matches:
    """What the second look found."""

    def __init__(self, found: Mapping[tuple[str, str], Match | None]) -> None:
        self._found = found

    def looked_at(self, a: str, b: str) -> bool:
        """Whether it looked at two contents, by sha256."""
        return (a, b) in self._found or (b, a) in self._found

    def between(self, a: str, b: str) -> Match | None:
        """How content ``b`` was made from content ``a``; None where it found nothing."""
        if (a, b) in self._found:
            return self._found[a, b]
        match = self._found.get((b, a))
        return None if match is None else match.reversed()


NO_MATCHES = Matches({})


def look_again(
    pairs: Pairs,
    left: Sequence[Picture],
    right: Sequence[Picture],
    effort: Effort,
    *,
    cache_folder: Path | None,
    encoder_id: str,
    lots: Lots = where_they_are,
) -> Matches:
    """Verify pairs of pictures by their local features.

    Features and matches are kept in the cache, so that a killed scan goes on where it was, and a
    later one looks at new pairs only. A picture that crashes the decoder costs its own pairs.

    Args:
        pairs: rows of ``left`` and ``right``.
        left, right: the pictures.
        effort: how to do it.
        cache_folder: the report's folder; None: nothing is kept.
        encoder_id: of the vectors in the cache.
        lots: brings pictures here, to read them.

    Raises:
        NeardupError: the cache cannot be written.
    """
    wanted = [
        (left[i].sha256, right[j].sha256) for i, j in zip(pairs.left, pairs.right, strict=True)
    ]
    pictures = {picture.sha256: picture for picture in (*left, *right)}
    with (
        open_cache(cache_folder, encoder_id, resume=True) as cache,
        WorkerPool(effort.workers or available_cores(), seconds=effort.seconds_per_file) as pool,
    ):
        cache.forget_features_but(pictures)
        known = cache.known_matches()
        new = [pair for pair in wanted if pair not in known]
        lacking = cache.without_features(sorted({sha256 for pair in new for sha256 in pair}))
        for lot in lots([pictures[sha256] for sha256 in lacking]):
            _extract(lot, cache, pool, effort)
        known |= _verify(new, cache, pool, effort)
    return Matches({pair: known[pair] for pair in wanted if pair in known})


def _extract(
    pictures: Sequence[Picture], cache: ScanCache, pool: WorkerPool, effort: Effort
) -> None:
    tasks = (content_task("features", picture.files) for picture in pictures)
    show = effort.show_progress and bool(pictures)
    with progress("Local features", len(pictures), show=show) as advance:
        answers = zip(pictures, pool.map(tasks), strict=True)
        while batch := list(islice(answers, effort.batch_size)):
            cache.remember_features(
                (picture.sha256, answer.payload)
                for picture, answer in batch
                if answer.header["error"] is None
            )
            advance(len(batch))


def _verify(
    pairs: Sequence[tuple[str, str]], cache: ScanCache, pool: WorkerPool, effort: Effort
) -> dict[tuple[str, str], Match | None]:
    found: dict[tuple[str, str], Match | None] = {}
    contents = {sha256 for pair in pairs for sha256 in pair}
    lacking = set(cache.without_features(contents))  # another time they may be there
    pairs = [pair for pair in pairs if not lacking.intersection(pair)]
    lots = list(_by_first(pairs))
    tasks = ({"task": "match", "cache": str(cache.path), "a": a, "others": b} for a, b in lots)
    show = effort.show_progress and bool(pairs)
    with progress("Second look", len(pairs), unit="pairs", show=show) as advance:
        answers = zip(lots, pool.map(tasks), strict=True)
        while batch := list(islice(answers, effort.batch_size)):
            done = [
                (a, b, match)
                for (a, others), answer in batch
                if answer.header["error"] is None
                for b, match in zip(others, answer.header["matches"], strict=True)
            ]
            cache.remember_matches(done)
            found |= {(a, b): None if m is None else Match.from_dict(m) for a, b, m in done}
            advance(sum(len(others) for (_, others), _ in batch))
    return found


class _Lot(NamedTuple):
    a: str
    others: list[str]


def _by_first(pairs: Sequence[tuple[str, str]]) -> Iterator[_Lot]:
    by_first: dict[str, list[str]] = {}
    for a, b in pairs:
        by_first.setdefault(a, []).append(b)
    for a, others in by_first.items():
        for start in range(0, len(others), _PAIRS_AT_ONCE):
            yield _Lot(a, others[start : start + _PAIRS_AT_ONCE])


def accepted(
    pairs: Pairs,
    threshold: float,
    left: Sequence[Picture],
    right: Sequence[Picture],
    matches: Matches,
    bursts: Bursts,
) -> tuple[Pairs, Pairs]:
    """The pairs to call duplicates, and those of one scene that are not called so.

    Args:
        pairs: that were looked at.
        threshold: within it a pair counts without being verified.
        left, right: the pictures that the pairs' rows count.
        matches: what the second look found.
        bursts: what becomes of shots of one scene.
    """
    kinds = [
        None if match is None else match.kind
        for i, j in zip(pairs.left, pairs.right, strict=True)
        for match in [matches.between(left[i].sha256, right[j].sha256)]
    ]
    scene = np.array([kind is Kind.SCENE for kind in kinds], dtype=bool)
    verified = np.array([kind is not None for kind in kinds], dtype=bool) & ~scene
    called = (pairs.distance <= np.float32(threshold)) | verified
    if bursts == "merge":
        called |= scene
    elif bursts == "keep":
        called &= ~scene
    return pairs.chosen(called), pairs.chosen(scene & ~called)
