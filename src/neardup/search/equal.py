"""Many equal vectors, as plain pages have: the first stands for all while pairs are searched.

Twenty thousand equal ones would be two hundred million pairs at distance zero, beside which no
other pair would be kept.
"""

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from neardup.search.exact import Indices, Pairs, Vectors

MANY = 20
"""Equal vectors of which all pairs are searched; of more, each is paired through the first."""


class Distinct(NamedTuple):
    """Vectors without those beyond the first of many that are equal.

    Attributes:
        vectors: (K, D), those that are left.
        rows: (K,) ascending, where they were.
        further: (F,) the rows that are left out.
        first: (F,) the row that stands for each.
    """

    vectors: Vectors
    rows: Indices
    further: Indices
    first: Indices

    @classmethod
    def of(cls, vectors: Vectors) -> Self:
        """Vectors (N, D) are equal where all their bytes are, as a 64-bit hash tells."""
        hashes = np.fromiter(
            (hash(vector.tobytes()) for vector in vectors), dtype=np.int64, count=len(vectors)
        )
        _, first, which, count = np.unique(
            hashes, return_index=True, return_inverse=True, return_counts=True
        )
        rows = np.arange(len(vectors))
        left_out = (count[which] > MANY) & (first[which] != rows)
        further = np.flatnonzero(left_out)
        if len(further):
            vectors, rows = vectors[~left_out], rows[~left_out]
        return cls(vectors, rows, further, first[which[further]])


def restored(pairs: Pairs, a: Distinct, b: Distinct | None) -> Pairs:
    """Pairs of what is left as pairs of all rows, those left out paired through their first.

    Args:
        pairs: rows of ``a.vectors`` and ``b.vectors``; without ``b``, within ``a.vectors``.
        a, b: each row left out gets one pair: without ``b`` with its first, else with the row
            that its first is nearest to, if any.
    """
    if b is None:
        found = Pairs(a.rows[pairs.left], a.rows[pairs.right], pairs.distance)
        zero = np.zeros(len(a.first), dtype=np.float32)
        return Pairs.collect([found, Pairs(a.first, a.further, zero)])
    found = Pairs(a.rows[pairs.left], b.rows[pairs.right], pairs.distance)
    of_a, a_further = _as_the_first(found.left, found.distance, a)
    of_b, b_further = _as_the_first(found.right, found.distance, b)
    return Pairs.collect(
        [
            found,
            Pairs(a_further, found.right[of_a], found.distance[of_a]),
            Pairs(found.left[of_b], b_further, found.distance[of_b]),
        ]
    )


def _as_the_first(
    rows: Indices, distance: npt.NDArray[np.float32], distinct: Distinct
) -> tuple[Indices, Indices]:
    """Of each row left out whose first has pairs: the place of the nearest; and the row."""
    order = np.lexsort((distance, rows))
    start = np.searchsorted(rows[order], distinct.first)
    has = np.isin(distinct.first, rows)
    return order[start[has]], distinct.further[has]
