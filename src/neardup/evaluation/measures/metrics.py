"""Precision, recall, ranks and false alarms of a task, and the thresholds that they choose.

A pair is called duplicate when ``distance <= threshold``, so pairs at equal distances are called
together and a threshold never falls between them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neardup.bundle import OperatingPoint
from neardup.evaluation.measures.scoring import PairScores
from neardup.evaluation.protocols.task import Ids, PairList, Task

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall by threshold.

    Attributes:
        threshold: (T,) float64, ascending; at least one pair lies at or below the first.
        true_positives: (T,) int64, duplicate pairs at or below the threshold.
        false_positives: (T,) int64, other pairs at or below the threshold.
        positives: duplicate pairs in all.
        negatives: other pairs in all.
    """

    threshold: Floats
    true_positives: Ids
    false_positives: Ids
    positives: int
    negatives: int

    @property
    def precision(self) -> Floats:
        """(T,) float64 in [0, 1]."""
        return np.asarray(self.true_positives / (self.true_positives + self.false_positives))

    @property
    def recall(self) -> Floats:
        """(T,) float64 in [0, 1], ascending."""
        return np.asarray(self.true_positives / self.positives)

    @property
    def f1(self) -> Floats:
        """(T,) float64 in [0, 1]: 2 TP / (TP + FP + positives)."""
        called = self.true_positives + self.false_positives
        return np.asarray(2 * self.true_positives / (called + self.positives))


def precision_recall_curve(scores: PairScores) -> Curve:
    """Precision and recall of a task; the counts are exact in every row.

    Up to ``scores.complete_to`` there is a row for every distance at which a decision changes,
    beyond it one at the end of every histogram bin that holds a pair.

    Raises:
        ValueError: the task has no duplicate pair.
    """
    positive = np.sort(scores.positive_distance)
    if not len(positive):
        raise ValueError("no pair is positive, so recall has no meaning")
    listed = np.union1d(positive[positive <= scores.complete_to], scores.near_distance)
    ends = np.empty(0, dtype=np.int64)
    if np.isfinite(scores.complete_to):
        occupied = scores.histogram > 0
        occupied[scores.scale.bin_of(positive)] = True
        ends = np.flatnonzero(occupied)
        ends = ends[scores.scale.bin_end(ends) > scores.complete_to]
    threshold = np.concatenate([listed.astype(np.float64), scores.scale.bin_end(ends)])
    false_listed = np.searchsorted(scores.near_distance, listed, side="right")
    return Curve(
        threshold=threshold,
        true_positives=np.searchsorted(positive, threshold, side="right"),
        false_positives=np.concatenate([false_listed, np.cumsum(scores.histogram)[ends]]),
        positives=len(positive),
        negatives=scores.negatives,
    )


def best_f1(curve: Curve) -> OperatingPoint:
    """The threshold with the highest F1; the smallest one if several share it."""
    return _point(curve, int(np.argmax(curve.f1)))


def best_recall(curve: Curve, target: float) -> OperatingPoint:
    """The threshold with the highest recall among those with precision >= ``target`` in (0, 1].

    Of equal recalls the smallest threshold, which has the higher precision. If none reaches the
    target the threshold is None: nothing is called duplicate, so recall 0 and precision 1.
    """
    reached = np.flatnonzero((curve.precision >= target) & (curve.true_positives > 0))
    if not len(reached):
        return OperatingPoint(threshold=None, precision=1.0, recall=0.0, measured_on="")
    return _point(curve, int(reached[np.argmax(curve.recall[reached])]))


def _point(curve: Curve, row: int) -> OperatingPoint:
    columns = {"threshold": curve.threshold, "precision": curve.precision, "recall": curve.recall}
    values = {name: float(column[row]) for name, column in columns.items()}
    return OperatingPoint(**values, measured_on="")


def at_threshold(scores: PairScores, threshold: float | None) -> OperatingPoint:
    """Precision and recall of a threshold chosen elsewhere; None calls nothing duplicate.

    Precision is 1 where no pair is called duplicate: no false alarm was raised.
    """
    limit = np.float32(-1 if threshold is None else threshold)
    found = int(np.count_nonzero(scores.positive_distance <= limit))
    called = found + false_positives(scores, threshold)
    return OperatingPoint(
        threshold=threshold,
        precision=found / called if called else 1.0,
        recall=found / len(scores.positive_distance),
        measured_on="",
    )


def false_positives(scores: PairScores, threshold: float | None) -> int:
    """Other pairs at or below a threshold; exact up to ``complete_to``, else at most a bin off."""
    if threshold is None:
        return 0
    if threshold <= scores.complete_to:
        return int(np.searchsorted(scores.near_distance, np.float32(threshold), side="right"))
    return int(scores.histogram[: int(threshold / scores.scale.step) + 1].sum())


@dataclass(frozen=True, slots=True)
class NegativesRow:
    """False alarms at a threshold among one kind of negatives.

    Attributes:
        kind: which pairs.
        pairs: how many of them.
        false_alarms: how many lie at or below the threshold.
        rate: their share, in [0, 1].
    """

    kind: str
    pairs: int
    false_alarms: int
    rate: float


def false_alarm_rows(task: Task, scores: PairScores, threshold: float) -> list[NegativesRow]:
    """All negatives, those of one class or burst where known, and each query's nearest."""
    counts = [("all", scores.negatives, false_positives(scores, threshold))]
    same_class = _same_class_pairs(task)
    if same_class and threshold <= scores.complete_to:
        alarms = _same_class(task, scores.near[scores.near_distance <= np.float32(threshold)])
        counts.append(("same class", same_class, int(alarms.sum())))
    nearest = scores.nearest_distance[np.isfinite(scores.nearest_distance)]
    alarms = nearest <= np.float32(threshold)
    counts.append(("nearest of each query", len(nearest), int(alarms.sum())))
    return [NegativesRow(kind, pairs, n, n / pairs if pairs else 0.0) for kind, pairs, n in counts]


def _same_class(task: Task, pairs: PairList) -> NDArray[np.bool_]:
    """(P,) bool: both pictures have the same known class."""
    a, b = task.query_class[pairs[:, 0]], task.reference_class[pairs[:, 1]]
    return np.asarray((a == b) & (a >= 0))


def _same_class_pairs(task: Task) -> int:
    """How many negative pairs have one class; 0 where classes say nothing."""
    known = task.query_class[task.query_class >= 0]
    if len(np.unique(known)) < 2:
        return 0
    size = int(max(task.query_class.max(), task.reference_class.max())) + 1
    in_references = task.reference_class[task.reference_class >= 0]
    pairs = int(np.bincount(known, minlength=size) @ np.bincount(in_references, minlength=size))
    pairs -= int(_same_class(task, np.concatenate([task.positive, task.ignored])).sum())
    return (pairs - len(known)) // 2 if task.same_set else pairs


def false_positives_at_positives(scores: PairScores) -> tuple[NDArray[np.float32], Ids]:
    """For every duplicate, ascending: its distance and how many negatives are at most as far.

    Returns:
        (P,) float32 distances and (P,) int64 counts: exact up to ``complete_to``, beyond it too
        many by less than the pairs of one bin.
    """
    positive = np.sort(scores.positive_distance)
    exact = np.searchsorted(scores.near_distance, positive, side="right")
    binned = np.cumsum(scores.histogram)[scores.scale.bin_of(positive)]
    return positive, np.where(positive > scores.complete_to, binned, exact)


def average_precision(scores: PairScores) -> float:
    """Area under the precision/recall steps as scikit-learn defines it, in [0, 1].

    Equal distances share their precision. Exact up to ``complete_to``; beyond it the smallest value
    that the counts of the bins allow.
    """
    positive, false = false_positives_at_positives(scores)
    true = np.searchsorted(positive, positive, side="right")
    return float(np.mean(true / (true + false)))


def isc2021(scores: PairScores) -> tuple[float, float | None]:
    """Micro average precision and recall at precision 0.9, as the ISC 2021 challenge counts them.

    All pairs are predictions in one list, in which equal distances stand in the worst order
    (Douze et al. 2021, section 4). Beyond ``complete_to`` negatives count at the start of their
    bin, which can only lower the figures.

    Returns:
        The micro average precision in [0, 1], and the highest recall of a prefix of the list whose
        precision is at least 0.9, or None if no prefix has that.
    """
    _, false = false_positives_at_positives(scores)
    true = np.arange(1, len(false) + 1)
    precision = true / (true + false)
    reached = true[precision >= 0.9]
    return float(precision.mean()), float(reached[-1] / len(true)) if len(reached) else None


def query_average_precision(scores: PairScores) -> tuple[Ids, Floats]:
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
    return queries, np.isin(queries, scores.ranked[scores.closer_negatives == 0, 0])
