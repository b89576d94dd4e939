"""False alarms among the pictures that are hardest to tell apart, not only among random ones."""

from dataclasses import dataclass

import numpy as np

from neardup.evaluation.measures.curve import false_positive_rate
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


def rows(task: Task, scores: PairScores, threshold: float) -> list[NegativesRow]:
    """All negatives, those of one class or burst where known, and each query's nearest."""
    everywhere = false_positive_rate(scores, threshold)
    found = [_row("all", scores.negatives, round(everywhere * scores.negatives))]
    if same_class := _same_class_pairs(task):
        close = scores.near[scores.near_distance <= np.float32(threshold)]
        if threshold <= scores.complete_to:
            alarms = int(np.count_nonzero(_is_same_class(task, close)))
            found.append(_row("same class", same_class, alarms))
    nearest = scores.nearest_distance[scores.nearest_negative >= 0]
    alarms = int(np.count_nonzero(nearest <= np.float32(threshold)))
    found.append(_row("nearest of each query", len(nearest), alarms))
    return found


def _is_same_class(task: Task, pairs: PairList) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    a, b = task.query_class[pairs[:, 0]], task.reference_class[pairs[:, 1]]
    return np.asarray((a == b) & (a >= 0))


def _same_class_pairs(task: Task) -> int:
    """How many negative pairs have one class; 0 where classes say nothing."""
    known = task.query_class[task.query_class >= 0]
    if len(np.unique(known)) < 2:
        return 0
    size = int(max(task.query_class.max(), task.reference_class.max())) + 1
    queries = np.bincount(known, minlength=size)
    references = np.bincount(task.reference_class[task.reference_class >= 0], minlength=size)
    pairs = int(queries @ references)
    taken_out = np.concatenate([task.positive, task.ignored])
    pairs -= int(np.count_nonzero(_is_same_class(task, taken_out)))
    return (pairs - len(known)) // 2 if task.same_set else pairs


def _row(kind: str, pairs: int, alarms: int) -> NegativesRow:
    return NegativesRow(
        kind=kind, pairs=pairs, false_alarms=alarms, rate=alarms / pairs if pairs else 0.0
    )
