"""Which search to use: exact, unless there are very many vectors and faiss is installed."""

from collections.abc import Callable
from typing import TypeAlias

from neardup.search import inverted
from neardup.search.equal import MANY, Distinct, restored
from neardup.search.exact import Pairs, Vectors, nearest_pairs

EXACT_UP_TO = 100_000
"""Vectors that are always searched exactly; above, by inverted file when faiss is installed. Of so
many it finds .999 of the pairs in some half of the time (docs/benchmarks.md); of more, a smaller
share, but then the time of an exact search grows out of proportion."""

MAX_PAIRS = 10_000_000
"""More are not kept: so many mean a threshold too loose, or thousands of shots of one scene."""


def by_size(a: Vectors, threshold: float, b: Vectors | None) -> tuple[Pairs, str]:
    """At most the :data:`MAX_PAIRS` nearest pairs, and how they were searched, in words."""
    if max(len(a), 0 if b is None else len(b)) > EXACT_UP_TO and inverted.available():
        pairs, recall = inverted.pairs_within(a, threshold, b, limit=MAX_PAIRS)
        return pairs, f"inverted file; recall measured on these pictures {recall:.4f}"
    pairs = nearest_pairs(a, threshold, b, limit=MAX_PAIRS)
    return pairs, "exact: every pair within the threshold was found"


Search: TypeAlias = Callable[[Vectors, float, Vectors | None], tuple[Pairs, str]]


def search(
    a: Vectors, threshold: float, b: Vectors | None = None, *, by: Search = by_size
) -> tuple[Pairs, str]:
    """Pairs as ``pairs_within`` gives them, and how they were searched, in words.

    Of more than :data:`neardup.search.equal.MANY` equal vectors each is paired through the first;
    the others are searched by ``by``.
    """
    ours, theirs = Distinct.of(a), None if b is None else Distinct.of(b)
    pairs, how = by(ours.vectors, threshold, None if theirs is None else theirs.vectors)
    if len(pairs.left) >= MAX_PAIRS:
        how = (
            f"cut short: only the {MAX_PAIRS:,} nearest pairs, up to distance "
            f"{float(pairs.distance.max()):.4f}, were kept; the threshold is too loose for these "
            "pictures"
        )
    further = len(ours.further) + (0 if theirs is None else len(theirs.further))
    if not further:
        return pairs, how
    how += f"; {further:,} pictures have the vector of more than {MANY} and are paired through one"
    return restored(pairs, ours, theirs), how
