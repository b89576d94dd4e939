"""False alarms among the pictures that are hardest to tell apart, not only among random ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neardup.evaluation.measures.metrics import false_positives
from neardup.evaluation.measures.scoring import PairScores
from neardup.evaluation.protocols.task import PairList, Task


@dataclass(frozen=True, slots=True, kw_only=True)
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
    return [
        NegativesRow(kind=kind, pairs=pairs, false_alarms=n, rate=n / pairs if pairs else 0.0)
        for kind, pairs, n in counts
    ]


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
