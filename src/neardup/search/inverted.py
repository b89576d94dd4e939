"""Approximate search for very many vectors, with its recall measured on the data itself.

An inverted file (Sivic & Zisserman 2003) compares each vector only with those of the nearest cells,
by product-quantised codes of half a bit a dimension that fit in a processor's registers (Andre et
al. 2015; Douze et al. 2024, the faiss library). What it proposes is decided by ``distance.l2``, so
that only misses are possible, no false finds; a sample of exact searches says how many.

Whitened embeddings are spread evenly over all directions, so that a copy may lie far from its
original's cell. Many small cells find it at least cost where each vector is at home in several and
visits many. How well a cell's centre is placed hardly matters, so k-means is given few vectors.
"""

import importlib
import importlib.util
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neardup.search.exact import NearestPairs, Pairs, Vectors, verified

_SAMPLE = 1000  # rows whose neighbours are searched exactly
_STORED_AT_ONCE = 50_000
_QUERIES_AT_ONCE = 4096
_SLACK = 1e-5  # of a squared distance, for the rounding of a product
_PROPOSED_AT_ONCE = 4_000_000  # about; bounds the memory where everything is like everything
_CELLS = 8.0  # times the root of the number of vectors
_HOMES = 4  # cells that a vector is in
_VISITED, _VISITED_AT_LEAST = 80_000_000, 64  # cells, the former divided by the number of vectors
_VECTORS_PER_CELL = 5  # that k-means sees
_ROUNDS = 2  # of k-means
_MISSED_AT_THRESHOLD = 0.03  # of the pairs as far apart as the threshold, by the codes


def available() -> bool:
    """Whether faiss is installed."""
    return importlib.util.find_spec("faiss") is not None


def pairs_within(
    a: Vectors, threshold: float, b: Vectors | None = None, *, limit: int
) -> tuple[Pairs, float]:
    """Most pairs at ``distance <= threshold``, and the share found of a sample's pairs.

    Args:
        a, threshold, b: as for :func:`neardup.search.exact.pairs_within`.
        limit: of more pairs than this only the nearest are kept, which bounds the memory.

    Returns:
        The pairs, and their recall in [0, 1], measured by searching the neighbours of up to 1,000
        random rows of ``a`` exactly, as far as the pairs reach.
    """
    stored = a if b is None else b
    index = _index(stored)
    likeness = _Likeness.measured(index, stored)
    found = NearestPairs(threshold, 2 * limit)  # within one set a pair may be found from both sides
    start, step = 0, _QUERIES_AT_ONCE // 64
    while start < len(a):
        queries = _padded(a[start : start + step])
        limits, _, near = index.range_search(queries, likeness.least(found.threshold))
        i = np.repeat(
            np.arange(len(queries), dtype=np.int64) + start, np.diff(limits.astype(np.int64))
        )
        j = near.astype(np.int64)
        if b is None:
            i, j = np.minimum(i, j)[i != j], np.maximum(i, j)[i != j]
        i, j = np.divmod(np.unique(i * len(stored) + j), len(stored))  # met in several cells
        for part in verified(a, stored, i, j, found.threshold):
            found.add(part)
        start += len(queries)
        each = max(1.0, len(near) / len(queries))
        step = int(np.clip(_PROPOSED_AT_ONCE / each, 1, min(4 * step, _QUERIES_AT_ONCE)))
    pairs = found.each_once(limit)
    reach = float(pairs.distance.max()) if len(pairs.left) == limit else found.threshold
    return pairs, recall(pairs, a, stored, reach, within_one=b is None)


def _index(vectors: Vectors) -> Any:
    """Cells by k-means; they, and the vectors in them, by codes of half a bit a dimension."""
    faiss = importlib.import_module("faiss")
    rng = np.random.default_rng(0)
    n = len(vectors)
    size = _padded(vectors[:1]).shape[1]
    cells = max(1, min(round(_CELLS * n**0.5), n // _VECTORS_PER_CELL))
    means = _padded(centres(vectors, cells))
    product = faiss.METRIC_INNER_PRODUCT
    if cells < _QUERIES_AT_ONCE // 4:
        coarse = faiss.IndexFlatIP(size)
    else:
        coarse = faiss.IndexPQFastScan(size, size // 8, 4, product)
        coarse.train(means)
    coarse.add(means)
    index = faiss.IndexIVFPQ(coarse, size, cells, size // 8, 4, product)
    index.by_residual = False
    index.train(_padded(vectors[rng.permutation(n)[:20_000]]))
    for start in range(0, n, _STORED_AT_ONCE):
        part = _padded(vectors[start : start + _STORED_AT_ONCE])
        rows, codes = np.arange(start, start + len(part)), index.pq.compute_codes(part)
        _, homes = coarse.search(part, min(cells, _HOMES))
        for home in homes.T:  # faiss adds a vector to one cell; as a code, to a given one
            cell = home.astype("<i8")[:, None].view(np.uint8)[:, : index.coarse_code_size()]
            index.add_sa_codes(np.hstack([cell, codes]), rows)
    quick = faiss.IndexIVFPQFastScan(index)
    quick.nprobe = min(cells, max(_VISITED_AT_LEAST, _VISITED // n))
    return quick


def centres(vectors: Vectors, cells: int, sample: int = _VECTORS_PER_CELL) -> Vectors:
    """(cells, D) unit vectors in the middle of the given ones, by k-means on ``sample`` a cell."""
    faiss = importlib.import_module("faiss")
    rows = np.random.default_rng(0).permutation(len(vectors))[: sample * cells]
    means = faiss.Kmeans(
        vectors.shape[1], cells, niter=_ROUNDS, spherical=True, seed=1, min_points_per_centroid=1
    )
    means.train(np.ascontiguousarray(vectors[np.sort(rows)]))
    return np.asarray(means.centroids, dtype=np.float32)


def _padded(vectors: Vectors) -> Vectors:
    """Zeros added to a multiple of 16 columns, which the codes need; no distance changes."""
    lacking = -vectors.shape[1] % 16
    return np.pad(vectors, ((0, 0), (0, lacking))) if lacking else np.ascontiguousarray(vectors)


class _Likeness(NamedTuple):
    """How like pairs appear by their codes, to say from which likeness on they are looked at.

    Attributes:
        own: (S,) inner products of vectors with what their codes stand for.
        across: (S,) the same with unit vectors at right angles to them.
    """

    own: npt.NDArray[np.float32]
    across: npt.NDArray[np.float32]

    @classmethod
    def measured(cls, index: Any, vectors: Vectors) -> "_Likeness":
        rng = np.random.default_rng(2)
        x, y = (
            _padded(vectors[rng.integers(0, len(vectors), 20 * _SAMPLE)]).astype(np.float32)
            for _ in range(2)
        )
        coded = index.pq.decode(index.pq.compute_codes(x))
        y -= np.einsum("sd,sd->s", x, y)[:, None] * x
        length = np.linalg.norm(y, axis=1)
        own, across = np.einsum("sd,sd->s", x, coded), np.einsum("sd,sd->s", y, coded)
        apart = length > 1e-3
        return cls(own[apart], across[apart] / length[apart])

    def least(self, threshold: float) -> float:
        """The inner product that nearly all pairs at a distance reach."""
        if len(self.own) == 0:  # all vectors are one
            return 0.0
        cosine = 1 - threshold**2 / 2
        sine = (1 - cosine**2) ** 0.5
        return float(np.quantile(cosine * self.own + sine * self.across, _MISSED_AT_THRESHOLD))


def recall(
    pairs: Pairs, a: Vectors, stored: Vectors, threshold: float, *, within_one: bool
) -> float:
    """The share of the pairs of up to 1,000 random rows of ``a`` that was found, in [0, 1].

    Args:
        pairs: what was found, sorted.
        a, stored: vectors that ``left`` and ``right`` count.
        threshold: within which the sample is searched exactly.
        within_one: ``a`` and ``stored`` are one.
    """
    rows = np.random.default_rng(1).permutation(len(a))[:_SAMPLE]
    keys = []
    for start in range(0, len(stored), _STORED_AT_ONCE):
        cosine = a[rows] @ stored[start : start + _STORED_AT_ONCE].T
        i, j = np.nonzero(cosine >= 1 - (threshold**2 + _SLACK) / 2)
        i, j = rows[i], j + start
        truth = Pairs.collect(list(verified(a, stored, i, j, threshold)))
        i, j = truth.left, truth.right
        if within_one:
            i, j = np.minimum(i, j)[i != j], np.maximum(i, j)[i != j]
        keys.append(i * len(stored) + j)
    expected = np.unique(np.concatenate(keys))
    found = np.isin(expected, pairs.left * len(stored) + pairs.right)
    return float(found.mean()) if len(expected) else 1.0
