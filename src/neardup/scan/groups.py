"""From pairs to groups, without chains.

Vectors are visited from the most to the least worth keeping. Each that is not yet within the
threshold of a representative becomes one. Then every other vector joins the nearest
representative that is more worth keeping than itself. So every member is within the threshold of
its representative, which is the best copy of its group; two representatives are never within the
threshold of each other; and A~B~C~...~Z does not make A and Z one group.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neardup.scan.search import Indices, Pairs


class Group(NamedTuple):
    """Attributes:
    representative: row.
    members: (K,) int64 rows, nearest first, without the representative.
    distance: (K,) float32, of each member to the representative.
    """

    representative: int
    members: Indices
    distance: npt.NDArray[np.float32]


def group(pairs: Pairs, rank: Indices) -> list[Group]:
    """Group the rows that occur in pairs.

    Args:
        pairs: within the threshold.
        rank: (N,) int64, all different; the smaller, the more worth keeping.

    Returns:
        Groups of at least two rows, no row in two of them, by the rank of the representative.
        The order of the pairs does not matter.
    """
    source = np.concatenate([pairs.left, pairs.right])
    target = np.concatenate([pairs.right, pairs.left])
    distance = np.concatenate([pairs.distance, pairs.distance])
    order = np.argsort(rank[source], kind="stable")
    source, target, distance = source[order], target[order], distance[order]
    starts = np.flatnonzero(np.diff(source, prepend=-1))
    ends = np.append(starts, len(source))[1:]

    covered = np.zeros(len(rank), dtype=bool)
    representative = np.zeros(len(rank), dtype=bool)
    for start, end in zip(starts, ends, strict=True):
        row = source[start]
        if not covered[row]:
            representative[row] = covered[row] = True
            covered[target[start:end]] = True
    return _nearest(source, target, distance, representative, rank)


def _nearest(
    source: Indices,
    target: Indices,
    distance: npt.NDArray[np.float32],
    representative: npt.NDArray[np.bool_],
    rank: Indices,
) -> list[Group]:
    joins = representative[source] & ~representative[target] & (rank[source] < rank[target])
    source, target, distance = source[joins], target[joins], distance[joins]
    order = np.lexsort((rank[source], distance, target))
    source, target, distance = source[order], target[order], distance[order]
    first = np.diff(target, prepend=-1) != 0
    source, target, distance = source[first], target[first], distance[first]

    order = np.lexsort((rank[target], distance, rank[source]))
    source, target, distance = source[order], target[order], distance[order]
    edges = np.flatnonzero(np.diff(source, prepend=-1))[1:]
    return [
        Group(int(rows[0]), members, near)
        for rows, members, near in zip(
            np.split(source, edges), np.split(target, edges), np.split(distance, edges), strict=True
        )
        if len(rows)
    ]
