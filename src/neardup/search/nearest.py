"""The nearest neighbours of every vector, exactly: candidates for a second look."""

import numpy as np

from neardup.search.exact import Pairs, Vectors, verified

_DISTANCES = 12_000_000  # held at once: 150 MB, with their places


def neighbours(a: Vectors, count: int, threshold: float, b: Vectors | None = None) -> Pairs:
    """The pairs of each row of ``a`` and its ``count`` nearest rows, within ``threshold``.

    Args:
        a: (N, D) unit vectors.
        count: neighbours of each row, at least 1.
        threshold: L2 distance in [0, 2] beyond which no neighbour counts.
        b: (M, D) unit vectors to look for neighbours among. None: among the other rows of ``a``;
            each pair then comes once, found from either side.
    """
    others = a if b is None else b
    count = min(count, len(others) - (b is None))
    if len(a) == 0 or count < 1:
        return Pairs.collect([])
    step = max(1, _DISTANCES // len(others))
    found: list[Pairs] = []
    for start in range(0, len(a), step):
        cosine = a[start : start + step] @ others.T
        rows = np.arange(len(cosine))
        if b is None:
            cosine[rows, start + rows] = -np.inf
        near = np.argpartition(cosine, -count, axis=1)[:, -count:]
        i, j = np.repeat(start + rows, count), near.ravel().astype(np.int64)
        if b is None:
            i, j = np.minimum(i, j), np.maximum(i, j)
        found.extend(verified(a, others, i, j, threshold))
    return Pairs.collect(found).distinct()
