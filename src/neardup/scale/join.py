"""The join: near pairs among very many vectors, by cells that are searched exactly, as Ray tasks.

Each vector is at home in its nearest cell, whose centres k-means found on a sample, and is compared
with all that are at home in the cells nearest to it. A cell with too many, or with too many
visitors, is cut into blocks, each compared with each, so that no task grows however alike the
pictures are. What the cells miss is measured on a sample.
"""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neardup.search.choice import MAX_PAIRS, by_size, search
from neardup.search.exact import Indices, NearestPairs, Pairs, Vectors, nearest_pairs
from neardup.search.inverted import centres, recall

CELL = 20_000
"""Vectors whose comparison with as many others is a task: seconds of one core."""

ON_THE_DRIVER = 3_000_000
"""Vectors that one machine searches in minutes, by :func:`neardup.search.choice.search`."""

_WIDEST = 5  # times as many others, where those at home are few: each task finds its directions
_PER_CELL = 10  # cells for each that a task's vectors would fill
SAMPLE_PER_CELL = 40
_PLACED_AT_ONCE = 16_384  # vectors; the memory then holds 4 bytes for each visit


def visits(cells: int) -> int:
    """How many cells a vector visits, of so many: with 50 to 5,000 cells, .988 to .993 of planted
    copies are then compared (``benchmarks/cells.py``)."""
    return min(cells, max(2, int(1.8 * math.pow(cells, 0.6))))


class Task(NamedTuple):
    """Rows to compare: with each other, or with others.

    Attributes:
        a: (N,) rows of the left vectors.
        b: (M,) rows of the right ones; None: pairs within ``a``.
    """

    a: Indices
    b: Indices | None


def find_pairs(
    ray: Any, a: Vectors, threshold: float, b: Vectors | None = None
) -> tuple[Pairs, str]:
    """:func:`neardup.search.choice.search`, by :func:`join` where there are more than one machine
    searches in minutes."""
    few = max(len(a), 0 if b is None else len(b)) <= ON_THE_DRIVER
    return search(a, threshold, b, by=by_size if few else partial(join, ray))


def join(
    ray: Any, a: Vectors, threshold: float, b: Vectors | None = None, *, capacity: int = CELL
) -> tuple[Pairs, str]:
    """Pairs at ``distance <= threshold`` and how they were searched, in words.

    Args:
        ray: started.
        a, threshold, b: as for :func:`neardup.search.exact.pairs_within`.
        capacity: vectors of one cell.
    """
    left = ray.put(a)
    right = left if b is None else ray.put(b)
    remotely = ray.remote(num_cpus=1, max_retries=-1)(compare)
    found = NearestPairs(threshold, 2 * MAX_PAIRS)  # a pair may be found from both sides
    running: list[Any] = []
    waiting = plan(a, b, capacity)
    begun = 0
    at_once = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
    while True:
        for task in waiting:
            running.append(remotely.remote(left, right, *task, b is None, found.threshold))
            begun += 1
            if len(running) >= at_once:
                break
        if not running:
            break
        ready, running = ray.wait(running)
        for part in ray.get(ready):
            found.add(Pairs(*part))
    pairs = found.each_once(MAX_PAIRS)
    if begun == 1:
        return pairs, "exact: every pair within the threshold was found"
    share = recall(pairs, a, a if b is None else b, threshold, within_one=b is None)
    return pairs, f"by cells, {begun} tasks; recall measured on these pictures {share:.4f}"


def compare(
    a: Vectors, b: Vectors, i: Indices, j: Indices | None, within_one: bool, threshold: float
) -> Pairs:
    """What a task does: see :class:`Task`; ``i``, ``j`` are its rows of ``a`` and ``b``."""
    others = None if j is None else b[j]
    found = nearest_pairs(a[i], threshold, others, limit=MAX_PAIRS)
    left, right = i[found.left], (i if j is None else j)[found.right]
    if within_one:
        left, right = np.minimum(left, right), np.maximum(left, right)
    return Pairs(left, right, found.distance).chosen(left != right if within_one else left >= 0)


def plan(a: Vectors, b: Vectors | None, capacity: int) -> Iterator[Task]:
    """What to compare: in a task up to ``capacity`` vectors with some more others, no more pairs
    than of ``capacity`` with as many."""
    larger = max(len(a), 0 if b is None else len(b))
    if larger <= capacity:
        yield Task(np.arange(len(a)), None if b is None else np.arange(len(b)))
        return
    means = centres(a, max(1, _PER_CELL * len(a) // capacity), SAMPLE_PER_CELL)
    homes = _cells(a, means, 1)
    visitors = _cells(a if b is None else b, means, visits(len(means)))
    for i, j in zip(homes, visitors, strict=True):
        for start in range(0, len(i), capacity):
            home = i[start : start + capacity]
            width = min(_WIDEST * capacity, capacity * capacity // len(home))
            for other in range(0, len(j), width):
                yield Task(home, j[other : other + width])


def _cells(vectors: Vectors, means: Vectors, each: int) -> Iterator[Indices]:
    """The rows for which a cell is one of the ``each`` nearest, of every cell in turn."""
    found: list[list[npt.NDArray[np.int32]]] = [[] for _ in means]
    for start in range(0, len(vectors), _PLACED_AT_ONCE):
        cosine = vectors[start : start + _PLACED_AT_ONCE] @ means.T
        nearest = np.argpartition(-cosine, each - 1, axis=1)[:, :each].ravel()
        rows = (np.argsort(nearest, kind="stable") // each + start).astype(np.int32)
        ends = np.cumsum(np.bincount(nearest, minlength=len(means)))[:-1]
        for cell, part in zip(found, np.split(rows, ends), strict=True):
            cell.append(part)
    for cell in found:
        yield np.concatenate(cell).astype(np.int64)
