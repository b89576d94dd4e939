"""Groups of near pictures without chains: every member is near the one worth most."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neardup.search.equal import MANY
from neardup.search.exact import Indices, Pairs


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
    degree = np.bincount(np.concatenate([pairs.left, pairs.right]), minlength=len(rank))
    follows = (pairs.distance == 0) & (degree[pairs.right] == 1)
    count = np.bincount(pairs.left[follows], minlength=len(rank))
    follows &= count[pairs.left] > MANY // 2  # fewer lack pairs for other reasons: a decision, say
    if not follows.any():
        return _group(pairs, rank)
    first, follower = pairs.left[follows], pairs.right[follows]
    row = _best_first(first, follower, rank)
    left, right = row[pairs.left], row[pairs.right]
    found = _group(Pairs(left, right, pairs.distance).chosen(~follows), rank)
    return sorted(
        _with_equal(found, row[first], row[follower], rank),
        key=lambda each: int(rank[each.representative]),
    )


def _best_first(first: Indices, follower: Indices, rank: Indices) -> Indices:
    """(N,) which row takes the place of each, that the best of equal vectors be the first.

    Args:
        first, follower: (F,) rows of equal vectors: of many, the search pairs the first with each
            other, and the first alone with what is near them all.
        rank: see :func:`group`.
    """
    best = rank.copy()
    np.minimum.at(best, first, rank[follower])
    better = best[first] == rank[follower]
    row = np.arange(len(rank))
    row[first[better]], row[follower[better]] = follower[better], first[better]
    return row


def _with_equal(
    groups: Iterable[Group], first: Indices, follower: Indices, rank: Indices
) -> Iterator[Group]:
    """The groups with each first's followers beside it, and those of firsts in no group."""
    order = np.argsort(first, kind="stable")
    first, follower = first[order], follower[order]
    starts = np.flatnonzero(np.diff(first, prepend=-1))
    sets = dict(zip(first[starts].tolist(), np.split(follower, starts)[1:], strict=True))
    for found in groups:
        members, distance = [found.members], [found.distance]
        rows = (found.representative, *found.members.tolist())
        for row, near in zip(rows, (0.0, *found.distance.tolist()), strict=True):
            equal = sets.pop(row, follower[:0])
            members.append(equal)
            distance.append(np.full(len(equal), near, dtype=np.float32))
        yield _nearest_first(found.representative, members, distance, rank)
    for row, equal in sets.items():
        yield _nearest_first(row, [equal], [np.zeros(len(equal), dtype=np.float32)], rank)


def _nearest_first(
    representative: int,
    members: list[Indices],
    distance: list[npt.NDArray[np.float32]],
    rank: Indices,
) -> Group:
    rows, near = np.concatenate(members), np.concatenate(distance)
    order = np.lexsort((rank[rows], near))
    return Group(representative, rows[order], near[order])


def _group(pairs: Pairs, rank: Indices) -> list[Group]:
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
