"""Approximate search for very many vectors, with its recall measured on the data itself.

An inverted file (Sivic & Zisserman 2003; Douze et al. 2024, the faiss library) compares each
vector only with those of the nearest cells. What it proposes is decided by ``distance.l2``, so
that only misses are possible, no false finds; a sample of exact searches says how many.
"""

import importlib
import importlib.util
from typing import Any

import numpy as np

from neardup.search.exact import Indices, NearestPairs, Pairs, Vectors, verified
from neardup.search.exact import pairs_within as exact_pairs_within

_QUERIES_AT_ONCE = 4096
_SAMPLE = 1000
_VECTORS_PER_CELL = 100
_CELLS_VISITED = 16
_SLACK = 1e-4  # of a squared distance, for faiss's float32


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
    found = NearestPairs(threshold, 2 * limit)  # within one set a pair may be found from both sides
    for start in range(0, len(a), _QUERIES_AT_ONCE):
        queries = a[start : start + _QUERIES_AT_ONCE]
        limits, _, near = index.range_search(queries, found.threshold**2 + _SLACK)
        i = np.repeat(
            np.arange(len(queries), dtype=np.int64) + start, np.diff(limits.astype(np.int64))
        )
        j = near.astype(np.int64)
        if b is None:
            i, j = np.minimum(i, j), np.maximum(i, j)
            i, j = _distinct(i[i != j], j[i != j], len(a))
        for part in verified(a, stored, i, j, found.threshold):
            found.add(part)
    pairs = found.pairs()
    if b is None:
        pairs = pairs.distinct()
    if len(pairs.left) > limit:
        pairs = pairs.nearest(limit)
    reach = float(pairs.distance.max()) if len(pairs.left) == limit else found.threshold
    return pairs, _recall(pairs, a, stored, reach, within_one=b is None)


def _index(vectors: Vectors) -> Any:
    faiss = importlib.import_module("faiss")
    cells = max(1, min(len(vectors) // _VECTORS_PER_CELL, 16_384))
    index = faiss.index_factory(vectors.shape[1], f"IVF{cells},Flat")
    rows = np.random.default_rng(0).permutation(len(vectors))[: 40 * cells]
    index.train(vectors[rows])
    index.add(vectors)
    index.nprobe = min(cells, _CELLS_VISITED)
    return index


def _distinct(i: Indices, j: Indices, n: int) -> tuple[Indices, Indices]:
    left, right = np.divmod(np.unique(i * n + j), n)
    return left, right


def _recall(
    pairs: Pairs, a: Vectors, stored: Vectors, threshold: float, *, within_one: bool
) -> float:
    rows = np.random.default_rng(1).permutation(len(a))[:_SAMPLE]
    truth = exact_pairs_within(a[rows], threshold, stored)
    i, j = rows[truth.left], truth.right
    if within_one:
        i, j = np.minimum(i, j)[i != j], np.maximum(i, j)[i != j]
    expected = np.unique(i * len(stored) + j)
    found = np.isin(expected, pairs.left * len(stored) + pairs.right)
    return float(found.mean()) if len(expected) else 1.0
