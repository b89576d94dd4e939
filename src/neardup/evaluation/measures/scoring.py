"""Compare every query with every reference in bounded memory, in one pass.

What is kept, and exact: the distance of every duplicate pair; every negative pair up to a distance
``complete_to`` (as many of the nearest as memory is given for); the number of negatives in each of
65,536 equal steps of distance; the nearest negative of every query; and how many negatives lie
nearer than each duplicate. Nothing is sampled.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neardup.evaluation.protocols.task import Ids, Task
from neardup.progress import progress

Distances = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
"""Encodings (n, D) and (m, D) -> distances (n, m) float32, smaller is closer."""

_PAIRS_AT_ONCE = 8_000_000
_FEWEST_KEPT = 1_000_000
_WORTH_A_BAR = 50_000_000  # pairs


@dataclass(frozen=True, slots=True)
class Scale:
    """The range of a distance and its steps in the histogram.

    Attributes:
        upper: the largest possible distance.
        step: width of a histogram bin, a power of two.
        whole: distances are whole numbers and ``step`` is 1, so that a bin holds one distance.
    """

    upper: float
    step: float
    whole: bool = False

    @property
    def bins(self) -> int:
        return round(self.upper / self.step) + 1

    def bin_of(self, distance: NDArray[np.float32]) -> Ids:
        """The bin of each distance; the same shape."""
        # Dividing by a power of two is exact in float32, so no pair lands in a neighbour's bin.
        return (distance * np.float32(1 / self.step)).astype(np.int64)

    def bin_end(self, index: Ids) -> NDArray[np.float64]:
        """The largest float32 distance that falls in each bin."""
        if self.whole:
            return index.astype(np.float64)
        edge = ((index + 1) * self.step).astype(np.float32)
        return np.nextafter(edge, np.float32(0)).astype(np.float64)


L2_SCALE = Scale(upper=2.0, step=2.0**-15)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairScores:
    """Distances of the pairs of a task: P duplicates, K nearest negatives, Q queries.

    Attributes:
        positive: (P, 2) int64, each duplicate pair once.
        positive_distance: (P,) float32.
        ranked: (P', 2) int64, duplicates as seen from each query (twice P in a same-set task).
        ranked_distance: (P',) float32.
        closer_negatives: (P',) int64, negatives of the same query at most as far.
        near: (K, 2) int64, the nearest negative pairs.
        near_distance: (K,) float32, ascending.
        complete_to: every negative at or below this distance is in ``near``; inf: all are.
        histogram: (bins,) int64, all negatives by distance.
        nearest_distance: (Q,) float32, of each query's nearest negative; inf if it has none.
        scale: of the distances.
    """

    positive: Ids
    positive_distance: NDArray[np.float32]
    ranked: Ids
    ranked_distance: NDArray[np.float32]
    closer_negatives: Ids
    near: Ids
    near_distance: NDArray[np.float32]
    complete_to: float
    histogram: Ids
    nearest_distance: NDArray[np.float32]
    scale: Scale

    @property
    def negatives(self) -> int:
        """Negative pairs in all."""
        return int(self.histogram.sum())


def score(
    task: Task,
    queries: NDArray[np.float32],
    references: NDArray[np.float32],
    distances: Distances,
    scale: Scale = L2_SCALE,
    *,
    keep: int | None = None,
    show_progress: bool = False,
) -> PairScores:
    """The distances of all pairs of a task.

    Args:
        task: what is compared.
        queries: (Q, D) encodings.
        references: (R, D) encodings; the same array as ``queries`` in a same-set task.
        distances: the distance between encodings.
        scale: its range.
        keep: K, how many of the nearest negatives to keep; None: 1,000,000, or four times the
            duplicates if that is more, which makes the thresholds for any precision >= 0.2 exact.
        show_progress: on stderr, where the pairs are many.
    """
    ranked = task.positive[np.lexsort((task.positive[:, 1], task.positive[:, 0]))]
    ignored = task.ignored[np.argsort(task.ignored[:, 0], kind="stable")]
    nearest = _NearestPairs(max(_FEWEST_KEPT, 4 * len(ranked)) if keep is None else keep)
    histogram = np.zeros(scale.bins + 1, dtype=np.int64)  # the last: pairs that were taken out
    ranked_distance = np.empty(len(ranked), dtype=np.float32)
    closer = np.empty(len(ranked), dtype=np.int64)
    nearest_distance = np.full(len(queries), np.inf, dtype=np.float32)

    step = max(1, _PAIRS_AT_ONCE // max(1, len(references)))
    show_progress &= len(queries) * len(references) >= _WORTH_A_BAR
    with progress("comparing", len(queries), unit="queries", show=show_progress) as advance:
        for start in range(0, len(queries), step):
            stop = min(start + step, len(queries))
            block = distances(queries[start:stop], references)
            first, last = np.searchsorted(ranked[:, 0], [start, stop])
            rows, columns = ranked[first:last, 0] - start, ranked[first:last, 1]
            ranked_distance[first:last] = block[rows, columns]
            block[rows, columns] = np.inf
            skipped = slice(*np.searchsorted(ignored[:, 0], [start, stop]))
            block[ignored[skipped, 0] - start, ignored[skipped, 1]] = np.inf
            if task.same_set:
                block[np.arange(stop - start), np.arange(start, stop)] = np.inf
            nearest_distance[start:stop] = block.min(axis=1, initial=np.inf)
            for begin in range(first, last, step):
                part = slice(begin, min(begin + step, last))
                negatives = block[ranked[part, 0] - start]
                closer[part] = np.count_nonzero(negatives <= ranked_distance[part, None], axis=1)
            if task.same_set:
                block[:, :start] = np.inf
                block[:, start:stop][np.tril_indices(stop - start)] = np.inf
            bins = scale.bin_of(np.minimum(block, np.float32(scale.bins * scale.step)))
            histogram += np.bincount(bins.ravel(), minlength=scale.bins + 1)
            nearest.add(block, start)
            advance(stop - start)

    once = ranked[:, 0] < ranked[:, 1] if task.same_set else np.ones(len(ranked), dtype=bool)
    near, near_distance = nearest.sorted()
    return PairScores(
        positive=ranked[once],
        positive_distance=ranked_distance[once],
        ranked=ranked,
        ranked_distance=ranked_distance,
        closer_negatives=closer,
        near=near,
        near_distance=near_distance,
        complete_to=nearest.complete_to,
        histogram=histogram[:-1],
        nearest_distance=nearest_distance,
        scale=scale,
    )


class _NearestPairs:
    """The ``keep`` nearest pairs seen so far; about twice as many are in memory at most.

    Attributes:
        complete_to: every pair at or below this distance is held; inf: every pair seen.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._pairs: list[Ids] = []
        self._distances: list[NDArray[np.float32]] = []
        self._held = 0
        self.complete_to = float("inf")

    def add(self, block: NDArray[np.float32], first_row: int) -> None:
        """See the pairs of a block (n, m); inf is no pair; its first row has this number."""
        limit = min(self.complete_to, float(np.finfo(np.float32).max))
        rows, columns = np.nonzero(block <= np.float32(limit))
        self._pairs.append(np.stack([rows + first_row, columns], axis=1))
        self._distances.append(block[rows, columns])
        self._held += len(rows)
        if self._held > 2 * self._keep:
            self._trim()

    def sorted(self) -> tuple[Ids, NDArray[np.float32]]:
        """(K, 2) int64 row and column, and (K,) float32 distances, ascending; K <= ``keep``."""
        if self._held > self._keep:
            self._trim()
        distances = np.concatenate(self._distances or [np.empty(0, dtype=np.float32)])
        pairs = np.concatenate(self._pairs or [np.empty((0, 2), dtype=np.int64)])
        order = np.argsort(distances, kind="stable")
        return pairs[order], distances[order]

    def _trim(self) -> None:
        """Drop everything as far as the first pair too many, so that ties stay whole."""
        distances, pairs = np.concatenate(self._distances), np.concatenate(self._pairs)
        first_out = np.partition(distances, self._keep)[self._keep]
        stays = distances < first_out
        self._distances, self._pairs = [distances[stays]], [pairs[stays]]
        self._held = int(np.count_nonzero(stays))
        self.complete_to = float(np.nextafter(first_out, np.float32(-1)))
