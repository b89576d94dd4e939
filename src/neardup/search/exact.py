"""All pairs of vectors within a distance, exactly, in memory that does not grow with N^2.

Projecting on orthonormal directions can only shorten distances (Pythagoras), so pairs that are
too far apart in the few directions of greatest variance need no further look. The projected
distances are one blocked matrix product; the survivors are decided by ``distance.l2``, and by
nothing else.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neardup.distance import l2

Vectors = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

_BLOCK = 2048  # rows on each side of one matrix product
_WORTH_PROJECTING = 4_000_000  # pairs
_SAMPLE = 2000  # vectors that the directions and their number are chosen on
_VERIFY = 8192  # survivors looked at together
_SLACK = 1e-5  # more than float32 can be wrong about a squared distance between unit vectors
_SURVIVOR_COST = 150_000.0  # looking at one survivor, in units of one multiply-add of the product
_PAIR_COST = 30.0  # everything but the product, per pair, in the same unit


class Pairs(NamedTuple):
    """Pairs of rows, sorted by (left, right), with their distance.

    Attributes:
        left: (P,) int64.
        right: (P,) int64; ``left < right`` within one set of vectors.
        distance: (P,) float32 in [0, 2].
    """

    left: Indices
    right: Indices
    distance: npt.NDArray[np.float32]

    @classmethod
    def collect(cls, parts: list["Pairs"]) -> "Pairs":
        """One sorted list from several."""
        left = np.concatenate([np.empty(0, np.int64), *(part.left for part in parts)])
        right = np.concatenate([np.empty(0, np.int64), *(part.right for part in parts)])
        distance = np.concatenate([np.empty(0, np.float32), *(part.distance for part in parts)])
        order = np.lexsort((right, left))
        return cls(left[order], right[order], distance[order])

    def distinct(self) -> "Pairs":
        """Each pair of rows once."""
        first = np.ones(len(self.left), dtype=bool)
        first[1:] = (np.diff(self.left) != 0) | (np.diff(self.right) != 0)
        return self.chosen(first)

    def chosen(self, which: npt.NDArray[np.bool_] | Indices) -> "Pairs":
        """Some of the pairs: (P,) bool or their places."""
        return Pairs(self.left[which], self.right[which], self.distance[which])

    def nearest(self, count: int) -> "Pairs":
        """The ``count`` nearest, in the order of rows; of equal distances the first rows win."""
        chosen = np.sort(np.argsort(self.distance, kind="stable")[:count])
        return self.chosen(chosen)

    def nearest_of_each(self, count: int) -> "Pairs":
        """The pairs that are among the ``count`` nearest of their left row, or of their right."""
        near = np.zeros(len(self.left), dtype=bool)
        for rows in (self.left, self.right):
            order = np.lexsort((self.distance, rows))
            rows = rows[order]
            near[order] |= np.arange(len(rows)) - np.searchsorted(rows, rows) < count
        return self.chosen(near)


def pairs_within(a: Vectors, threshold: float, b: Vectors | None = None) -> Pairs:
    """Every pair at ``distance <= threshold``; none is missed.

    Args:
        a: (N, D) unit vectors.
        threshold: L2 distance in [0, 2].
        b: (M, D) unit vectors: pairs of a row of ``a`` and a row of ``b``. None: pairs within
            ``a``, each once, no row with itself.
    """
    return nearest_pairs(a, threshold, b, limit=None)


def nearest_pairs(
    a: Vectors, threshold: float, b: Vectors | None = None, *, limit: int | None
) -> Pairs:
    """The ``limit`` nearest pairs at ``distance <= threshold``: all, if they are no more.

    The memory is bounded by the limit, even where everything is like everything. Of pairs at the
    same distance the first rows win. Other arguments: see :func:`pairs_within`.
    """
    others = a if b is None else b
    if len(a) == 0 or len(others) == 0:
        return Pairs.collect([])
    if len(a) * len(others) > _WORTH_PROJECTING:
        directions = _directions(a, others, threshold)
    else:
        directions = np.eye(a.shape[1], dtype=np.float32)
    # One product gives -distance^2 / 2: the squared lengths ride along as two more columns.
    left, left_squares = _project(a, directions)
    right, right_squares = _project(others, directions)
    left = np.column_stack([left, -left_squares / 2, np.ones_like(left_squares)])
    right = np.column_stack([right, np.ones_like(right_squares), -right_squares / 2])
    found = NearestPairs(threshold, limit)
    buffer = np.empty(_BLOCK * _BLOCK, dtype=np.float32)
    for rows, columns in _blocks(len(a), len(others), upper=b is None):
        floor = np.float32(-(found.threshold**2 + _SLACK) / 2)
        queries, references = left[rows], right[columns]
        shape = len(queries), len(references)
        product = buffer[: shape[0] * shape[1]].reshape(shape)
        np.matmul(queries, references.T, out=product)
        i, j = np.divmod(np.flatnonzero(product >= floor), shape[1])
        i, j = i + rows.start, j + columns.start
        if b is None:
            above = i < j
            i, j = i[above], j[above]
        for part in verified(a, others, i, j, found.threshold):
            found.add(part)
    return found.pairs()


class NearestPairs:
    """Collects pairs; beyond twice the limit, forgets all but the nearest and looks no farther."""

    def __init__(self, threshold: float, limit: int | None) -> None:
        self.threshold = threshold
        self._limit = limit
        self._parts: list[Pairs] = []
        self._count = 0

    def add(self, part: Pairs) -> None:
        self._parts.append(part)
        self._count += len(part.left)
        if self._limit is not None and self._count > 2 * self._limit:
            self._parts = [self.pairs()]
            self._count = self._limit
            self.threshold = float(self._parts[0].distance.max())

    def pairs(self) -> Pairs:
        pairs = Pairs.collect(self._parts)
        if self._limit is None or len(pairs.left) <= self._limit:
            return pairs
        return pairs.nearest(self._limit)

    def each_once(self, count: int) -> Pairs:
        """The nearest ``count``, where a pair may have been found from both sides."""
        pairs = self.pairs().distinct()
        return pairs if len(pairs.left) <= count else pairs.nearest(count)


def verified(a: Vectors, b: Vectors, i: Indices, j: Indices, threshold: float) -> Iterator[Pairs]:
    """Those of the pairs (i, j) whose distance is within the threshold, a few at a time."""
    for start in range(0, len(i), _VERIFY):
        left, right = i[start : start + _VERIFY], j[start : start + _VERIFY]
        rough = a[left] - b[right]
        near = np.einsum("pd,pd->p", rough, rough) <= threshold * threshold + _SLACK
        left, right = left[near], right[near]
        distance = l2(a[left], b[right])
        within = distance <= np.float32(threshold)
        if within.any():
            yield Pairs(left[within], right[within], distance[within])


def _blocks(n: int, m: int, *, upper: bool) -> Iterator[tuple[slice, slice]]:
    for row in range(0, n, _BLOCK):
        for column in range(row if upper else 0, m, _BLOCK):
            yield slice(row, row + _BLOCK), slice(column, column + _BLOCK)


def _project(vectors: Vectors, directions: Vectors) -> tuple[Vectors, Vectors]:
    projected = vectors @ directions
    return projected, np.einsum("nk,nk->n", projected, projected)


def _directions(a: Vectors, b: Vectors, threshold: float) -> Vectors:
    """(D, k) orthonormal directions of greatest variance, k the one that promises least work."""
    rng = np.random.default_rng(0)  # affects the time taken, never the result
    sample = np.concatenate(
        [vectors[rng.integers(0, len(vectors), _SAMPLE)] for vectors in (a, b)]
    ).astype(np.float64)
    _, basis = np.linalg.eigh(sample.T @ sample - _SAMPLE * 2 * np.outer(*[sample.mean(0)] * 2))
    basis = basis[:, ::-1]
    projected = sample @ basis
    left, right = rng.integers(0, len(sample), (2, 20_000))
    apart = np.cumsum((projected[left] - projected[right]) ** 2, axis=1)
    size = basis.shape[1]
    choices = sorted({min(k, size) for k in (16, 32, 64, 128, 256, size)})
    work = [
        k + _PAIR_COST + _SURVIVOR_COST * np.mean(apart[:, k - 1] <= threshold**2 + _SLACK)
        for k in choices
    ]
    return np.ascontiguousarray(basis[:, : choices[int(np.argmin(work))]], dtype=np.float32)
