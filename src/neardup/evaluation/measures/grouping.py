"""How good are whole groups, after the grouping that ``neardup scan`` uses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neardup.evaluation.protocols.task import Ids, PairList
from neardup.scan.grouping import group
from neardup.search.exact import pairs_within


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupQuality:
    """Predicted groups against true ones; shares in [0, 1].

    Attributes:
        true_groups, found_groups: of two pictures or more.
        over_merged: found groups that mix pictures of several true ones.
        split: true groups whose pictures are not all in one found group.
        pair_precision, pair_recall: over pairs in one group, ignored pairs left out.
        bcubed_precision, bcubed_recall: mean over pictures of the share of its found group that
            truly belongs with it, and of its true group that was found with it (Amigo et al. 2009).
    """

    true_groups: int
    found_groups: int
    over_merged: int
    split: int
    pair_precision: float
    pair_recall: float
    bcubed_precision: float
    bcubed_recall: float


def find_groups(vectors: NDArray[np.float32], threshold: float) -> Ids:
    """(N, D) unit vectors -> (N,) int64 number of each picture's group, earlier ones kept first."""
    labels = np.arange(len(vectors), dtype=np.int64)
    for representative, members, _ in group(pairs_within(vectors, threshold), labels.copy()):
        labels[members] = representative
    return labels


def quality(found: Ids, true: Ids, ignored: PairList | None = None) -> GroupQuality:
    """Compare group numbers (N,) with the true ones (N,).

    Args:
        found, true: any numbers; equal means one group.
        ignored: (I, 2) pairs of pictures that count nowhere among the pairs.
    """
    found, true = (np.unique(x, return_inverse=True)[1] for x in (found, true))
    both = np.unique(np.stack([found, true], axis=1), axis=0, return_inverse=True)[1].ravel()
    in_found, in_true, in_both = (np.bincount(x) for x in (found, true, both))
    together = _pairs(in_both)
    called, actual = _pairs(in_found), _pairs(in_true)
    for a, b in {(min(p), max(p)) for p in (ignored if ignored is not None else ())}:
        called -= int(found[a] == found[b])
        actual -= int(true[a] == true[b])
        together -= int(found[a] == found[b] and true[a] == true[b])
    first = np.unique(both, return_index=True)[1]
    kinds_in_found, parts_of_true = np.bincount(found[first]), np.bincount(true[first])
    return GroupQuality(
        true_groups=int(np.count_nonzero(in_true > 1)),
        found_groups=int(np.count_nonzero(in_found > 1)),
        over_merged=int(np.count_nonzero(kinds_in_found > 1)),
        split=int(np.count_nonzero(parts_of_true > 1)),
        pair_precision=together / called if called else 1.0,
        pair_recall=together / actual if actual else 1.0,
        bcubed_precision=float(np.mean(in_both[both] / in_found[found])),
        bcubed_recall=float(np.mean(in_both[both] / in_true[true])),
    )


def _pairs(sizes: NDArray[np.int64]) -> int:
    return int(np.sum(sizes * (sizes - 1) // 2))
