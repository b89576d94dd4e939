"""Which search to use: exact, unless there are very many vectors and faiss is installed."""

from neardup.scan.search import Pairs, Vectors, pairs_within

EXACT_UP_TO = 300_000
"""Vectors that are always searched exactly; above, by inverted file when faiss is installed."""


def search(a: Vectors, threshold: float, b: Vectors | None = None) -> tuple[Pairs, str]:
    """Pairs as :func:`pairs_within` gives them, and how they were searched, in words."""
    if max(len(a), 0 if b is None else len(b)) > EXACT_UP_TO:
        from neardup.scan import inverted

        if inverted.available():
            pairs, recall = inverted.pairs_within(a, threshold, b)
            return pairs, f"inverted file; recall measured on these pictures {recall:.4f}"
    return pairs_within(a, threshold, b), "exact: every pair within the threshold was found"
