"""From the distances of a task to its precision/recall and ROC curves, and what is exact there."""

import numpy as np
from numpy.typing import NDArray

from neardup.evaluation.measures.metrics import Sweep, from_counts
from neardup.evaluation.measures.scoring import PairScores


def sweep_scores(scores: PairScores) -> Sweep:
    """Precision and recall of a task.

    Up to ``scores.complete_to`` there is a row for every distance at which a decision changes.
    Beyond, there is one at the end of every occupied histogram bin. The counts are exact in all.

    Raises:
        ValueError: the task has no duplicate pair.
    """
    positive = np.sort(scores.positive_distance)
    if not len(positive):
        raise ValueError("no pair is positive, so recall has no meaning")
    listed = np.union1d(positive[positive <= scores.complete_to], scores.near_distance)
    false_listed = np.searchsorted(scores.near_distance, listed, side="right")

    total = np.cumsum(scores.histogram)
    counts, _ = _binned(positive, scores)
    index = np.flatnonzero((scores.histogram + counts) > 0)
    if np.isfinite(scores.complete_to):
        index = index[scores.scale.bin_end(index) > scores.complete_to]
    else:
        index = index[:0]
    ends = scores.scale.bin_end(index)

    threshold = np.concatenate([listed.astype(np.float64), ends])
    false_positives = np.concatenate([false_listed, total[index]]).astype(np.int64)
    true_positives = np.searchsorted(positive, threshold, side="right").astype(np.int64)
    kept = (true_positives + false_positives) > 0
    return from_counts(
        threshold[kept],
        true_positives[kept],
        false_positives[kept],
        positives=len(positive),
        negatives=scores.negatives,
    )


def false_positives_at_positives(
    scores: PairScores,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """For every duplicate, ascending: its distance and how many negatives are at most as far.

    Returns:
        (P,) float32 distances and (P,) int64 counts: exact up to ``complete_to``, beyond it too
        many by less than the pairs of one bin.
    """
    positive = np.sort(scores.positive_distance)
    exact = np.searchsorted(scores.near_distance, positive, side="right").astype(np.int64)
    _, index = _binned(positive, scores)
    beyond = positive > scores.complete_to
    return positive, np.where(beyond, np.cumsum(scores.histogram)[index], exact)


def average_precision_of(scores: PairScores) -> float:
    """Average precision as scikit-learn defines it: equal distances share their precision.

    Exact up to ``complete_to``; beyond, the smallest that the counts of the bins allow.
    """
    positive, false_positives = false_positives_at_positives(scores)
    true_positives = np.searchsorted(positive, positive, side="right")
    return float(np.mean(true_positives / (true_positives + false_positives)))


def false_positive_rate(scores: PairScores, threshold: float | None) -> float:
    """Share of the negatives at or below a threshold; exact up to ``complete_to``, else a bin off.

    None calls nothing duplicate.
    """
    if threshold is None or not scores.negatives:
        return 0.0
    if threshold <= scores.complete_to:
        below = int(np.searchsorted(scores.near_distance, np.float32(threshold), side="right"))
    else:
        index = min(int(threshold / scores.scale.step), len(scores.histogram) - 1)
        below = int(scores.histogram[: index + 1].sum())
    return below / scores.negatives


def at(scores: PairScores, threshold: float | None) -> tuple[float, float]:
    """Precision and recall of a threshold chosen elsewhere; precision 1 where nothing is called."""
    if threshold is None:
        return 1.0, 0.0
    found = int(np.count_nonzero(scores.positive_distance <= np.float32(threshold)))
    false = round(false_positive_rate(scores, threshold) * scores.negatives)
    precision = found / (found + false) if found + false else 1.0
    return precision, found / len(scores.positive_distance)


def _binned(
    distance: NDArray[np.float32], scores: PairScores
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    index = (distance * np.float32(1 / scores.scale.step)).astype(np.int64)
    return np.bincount(index, minlength=len(scores.histogram)), index
