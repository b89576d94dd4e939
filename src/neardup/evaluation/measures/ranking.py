"""Measures of ranked lists: rank-1, mean average precision, and those of the ISC 2021 challenge."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neardup.evaluation.measures.curve import false_positives_at_positives
from neardup.evaluation.measures.scoring import PairScores
from neardup.evaluation.protocols.task import Ids

Pair = tuple[Hashable, Hashable]


@dataclass(frozen=True, slots=True)
class IscMetrics:
    """Image Similarity Challenge 2021, descriptor track (Douze et al. 2021, section 4).

    Attributes:
        micro_average_precision: all queries' predictions in one list; equal scores count in the
            worst order; true pairs that were not predicted count as missed. In [0, 1].
        recall_at_p90: highest recall of a prefix of the list with precision >= 0.9; None if none.
        distance_at_p90: where that prefix ends; None if there is none.
    """

    micro_average_precision: float
    recall_at_p90: float | None
    distance_at_p90: float | None


def isc_metrics(
    predictions: Iterable[tuple[Hashable, Hashable, float]], true_pairs: Iterable[Pair]
) -> IscMetrics:
    """The metrics of a list of predictions (query, reference, distance).

    Raises:
        ValueError: a pair is predicted twice, or there is no true pair.
    """
    truth = set(true_pairs)
    predictions = list(predictions)
    if len({(query, reference) for query, reference, _ in predictions}) != len(predictions):
        raise ValueError("a pair is predicted twice")
    if not truth:
        raise ValueError("there is no true pair, so recall has no meaning")
    found = np.array([(query, reference) in truth for query, reference, _ in predictions], bool)
    distance = np.array([d for _, _, d in predictions], dtype=np.float64)
    positive, negative = np.sort(distance[found]), np.sort(distance[~found])
    return _isc(positive, np.searchsorted(negative, positive, side="right"), len(truth))


def isc_of_scores(scores: PairScores) -> IscMetrics:
    """The metrics when every query-reference pair is predicted.

    Beyond ``scores.complete_to`` negatives count at the start of their histogram bin, which can
    only lower the figures.
    """
    positive, most = false_positives_at_positives(scores)
    return _isc(positive.astype(np.float64), most, len(positive))


def _isc(positive: NDArray[np.float64], closer: Ids, true_pairs: int) -> IscMetrics:
    """``positive`` (P,) ascending; ``closer`` (P,): negatives at most as far as each."""
    found = np.arange(1, len(positive) + 1)
    precision = found / (found + closer)
    reached = np.flatnonzero(precision >= 0.9)
    last = int(reached[-1]) if len(reached) else None
    return IscMetrics(
        micro_average_precision=float(precision.sum() / true_pairs),
        recall_at_p90=None if last is None else (last + 1) / true_pairs,
        distance_at_p90=None if last is None else float(positive[last]),
    )


def query_average_precision(scores: PairScores) -> tuple[Ids, NDArray[np.float64]]:
    """Average precision of each query that has a duplicate, as Copydays reports its mean (mAP).

    Negatives at the distance of a duplicate rank before it.

    Returns:
        (Q',) int64 query indices, ascending, and (Q',) float64 in [0, 1].
    """
    query = scores.ranked[:, 0]
    order = np.lexsort((scores.ranked_distance, query))
    queries, first, counts = np.unique(query[order], return_index=True, return_counts=True)
    rank = np.arange(1, len(query) + 1) - np.repeat(first, counts)
    precision = rank / (rank + scores.closer_negatives[order])
    return queries, np.add.reduceat(precision, first) / counts if len(query) else precision


def query_rank_1(scores: PairScores) -> tuple[Ids, NDArray[np.bool_]]:
    """Whether each query with a duplicate has one closer than every negative; a tie is a miss.

    Returns:
        (Q',) int64 query indices, ascending, and (Q',) bool.
    """
    queries = np.unique(scores.ranked[:, 0])
    hit = np.zeros(len(queries), dtype=bool)
    first = scores.ranked[scores.closer_negatives == 0, 0]
    hit[np.searchsorted(queries, np.unique(first))] = True
    return queries, hit
