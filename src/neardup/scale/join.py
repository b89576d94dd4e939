"""The join: near pairs among very many vectors, by cells that are searched exactly, as Ray tasks.

Each vector goes to its few nearest cells, whose centres k-means found on a sample; pairs that share
a cell are compared. A cell that holds too many is cut into blocks, each compared with each, so that
no task grows however alike the pictures are. What the cells miss is measured on a sample.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from neardup.search.choice import MAX_PAIRS
from neardup.search.exact import Indices, NearestPairs, Pairs, Vectors, nearest_pairs
from neardup.search.inverted import centres, recall

CELL = 20_000
"""Vectors that a cell may hold: a few seconds and 100 MB of one core."""

CELLS_EACH = 4
"""Cells that a vector goes to, where there are so many."""

_SAMPLE_PER_CELL = 256


class Task(NamedTuple):
    """Rows to compare: with each other, or with others.

    Attributes:
        a: (N,) rows of the left vectors.
        b: (M,) rows of the right ones; None: pairs within ``a``.
    """

    a: Indices
    b: Indices | None


def join(
    ray: Any, a: Vectors, threshold: float, b: Vectors | None = None, *, capacity: int = CELL
) -> tuple[Pairs, str]:
    """Pairs at ``distance <= threshold`` and how they were searched, in words.

    Args:
        ray: started.
        a, threshold, b: as for :func:`neardup.search.exact.pairs_within`.
        capacity: vectors of one cell.
    """
    tasks = list(plan(a, b, capacity))
    left = ray.put(a)
    right = left if b is None else ray.put(b)
    search = ray.remote(num_cpus=1, max_retries=-1)(_search)
    found = NearestPairs(threshold, MAX_PAIRS * CELLS_EACH)  # a pair may share several cells
    running: list[Any] = []
    waiting = iter(tasks)
    at_once = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
    while True:
        for task in waiting:
            running.append(search.remote(left, right, *task, b is None, found.threshold))
            if len(running) >= at_once:
                break
        if not running:
            break
        ready, running = ray.wait(running)
        for part in ray.get(ready):
            found.add(Pairs(*part))
    pairs = found.pairs().distinct()
    if len(pairs.left) > MAX_PAIRS:
        pairs = pairs.nearest(MAX_PAIRS)
    if len(tasks) == 1:
        return pairs, "exact: every pair within the threshold was found"
    share = recall(pairs, a, a if b is None else b, threshold, within_one=b is None)
    return pairs, f"by {len(tasks)} cells; recall measured on these pictures {share:.4f}"


def _search(
    a: Vectors, b: Vectors, i: Indices, j: Indices | None, within_one: bool, threshold: float
) -> Pairs:
    others = None if j is None else b[j]
    found = nearest_pairs(a[i], threshold, others, limit=MAX_PAIRS)
    left, right = i[found.left], (i if j is None else j)[found.right]
    if within_one:
        left, right = np.minimum(left, right), np.maximum(left, right)
    return Pairs(left, right, found.distance)


def plan(a: Vectors, b: Vectors | None, capacity: int) -> Iterator[Task]:
    """The cells to search, none with more than ``capacity`` vectors on a side."""
    whole = np.arange(len(a)), None if b is None else np.arange(len(b))
    larger = max(len(a), 0 if b is None else len(b))
    if larger <= capacity:
        yield Task(*whole)
        return
    cells = -(-CELLS_EACH * larger // (capacity // 2))  # half full, for they are not alike
    means = centres(a if b is None else np.concatenate([a, b]), cells, _SAMPLE_PER_CELL)
    left = _members(a, means)
    right = [None for _ in left] if b is None else _members(b, means)
    for i, j in zip(left, right, strict=True):
        yield from _split(i, j, capacity)


def _members(vectors: Vectors, means: Vectors) -> list[Indices]:
    """The rows in each cell."""
    each = min(CELLS_EACH, len(means))
    nearest = np.empty((len(vectors), each), dtype=np.int64)
    for start in range(0, len(vectors), 8192):
        cosine = vectors[start : start + 8192] @ means.T
        nearest[start : start + 8192] = np.argpartition(-cosine, each - 1, axis=1)[:, :each]
    order = np.argsort(nearest.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(nearest.ravel(), minlength=len(means)))[:-1]
    return np.split(order // each, ends)


def _split(i: Indices, j: Indices | None, capacity: int) -> Iterator[Task]:
    """A cell, or blocks of it that are compared each with each."""
    left = [i[start : start + capacity] for start in range(0, len(i), capacity)]
    if j is None:
        for place, rows in enumerate(left):
            yield Task(rows, None)
            for others in left[place + 1 :]:
                yield Task(rows, others)
        return
    for rows in left:
        for start in range(0, len(j), capacity):
            yield Task(rows, j[start : start + capacity])
