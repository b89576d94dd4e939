"""What a threshold on the distance buys: exact precision and recall at every one of them.

A pair is called duplicate when ``distance <= threshold``, so pairs at equal distances are called
together and a threshold never falls between them. Distances are L2 (smaller is closer).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neardup.bundle import OperatingPoint


@dataclass(frozen=True, slots=True)
class Sweep:
    """Precision and recall at every distinct distance, ascending.

    Attributes:
        threshold: (T,) float64, the distinct distances.
        precision: (T,) float64 in [0, 1].
        recall: (T,) float64 in [0, 1], ascending.
        true_positives: (T,) int64, duplicate pairs at or below the threshold.
        false_positives: (T,) int64, other pairs at or below the threshold.
        positives: duplicate pairs in all.
        negatives: other pairs in all.
    """

    threshold: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]
    positives: int
    negatives: int

    @property
    def f1(self) -> NDArray[np.float64]:
        """(T,) float64 in [0, 1]: 2 TP / (predicted + positives)."""
        predicted = self.true_positives + self.false_positives
        return 2 * self.true_positives / (predicted + self.positives)

    @property
    def false_positive_rate(self) -> NDArray[np.float64]:
        """(T,) float64 in [0, 1]; 0 when there is no negative pair."""
        return self.false_positives / max(self.negatives, 1)


def sweep(distance: ArrayLike, is_positive: ArrayLike) -> Sweep:
    """Count the pairs at or below every distinct distance.

    Args:
        distance: (P,) finite.
        is_positive: (P,) bool; True where the two pictures have the same source.

    Raises:
        ValueError: the lengths differ, a distance is not finite, or no pair is positive.
    """
    distance, is_positive = _checked(distance, is_positive)
    order = np.argsort(distance, kind="stable")
    ascending = distance[order]
    last_of_each = np.flatnonzero(np.append(np.diff(ascending) > 0, True))
    true_positives = np.cumsum(is_positive[order], dtype=np.int64)[last_of_each]
    return from_counts(
        ascending[last_of_each],
        true_positives,
        last_of_each + 1 - true_positives,
        negatives=int(len(distance) - true_positives[-1]),
    )


def from_counts(
    threshold: NDArray[np.floating],
    true_positives: NDArray[np.int64],
    false_positives: NDArray[np.int64],
    *,
    positives: int | None = None,
    negatives: int,
) -> Sweep:
    """A sweep from counts (T,) at ascending thresholds (T,), each with at least one pair below.

    ``positives`` is given when duplicate pairs lie beyond the last threshold, or were never scored.
    """
    positives = int(true_positives[-1]) if positives is None else positives
    return Sweep(
        threshold=threshold.astype(np.float64),
        precision=true_positives / (true_positives + false_positives),
        recall=true_positives / positives,
        true_positives=true_positives,
        false_positives=false_positives,
        positives=positives,
        negatives=negatives,
    )


def average_precision(distance: ArrayLike, is_positive: ArrayLike) -> float:
    """Area under the precision/recall steps, as scikit-learn defines it on ``-distance``.

    AP = sum over thresholds of (R_n - R_{n-1}) P_n, equal distances taken together.

    Raises:
        ValueError: as :func:`sweep`.
    """
    return area(sweep(distance, is_positive))


def area(swept: Sweep) -> float:
    """Average precision of a sweep that is already there."""
    return float(np.sum(np.diff(swept.recall, prepend=0.0) * swept.precision))


def max_f1(swept: Sweep, *, measured_on: str = "") -> OperatingPoint:
    """The threshold with the highest F1; the smallest one if several share it."""
    return _point(swept, int(np.argmax(swept.f1)), measured_on)


def recall_at_precision(swept: Sweep, target: float, *, measured_on: str = "") -> OperatingPoint:
    """The threshold with the highest recall among those with precision >= ``target`` in (0, 1].

    Of equal recalls the smallest threshold, which has the higher precision. If none reaches the
    target the threshold is None: nothing is called duplicate, so recall 0 and precision 1.
    """
    reached = np.flatnonzero((swept.precision >= target) & (swept.true_positives > 0))
    if not len(reached):
        return OperatingPoint(threshold=None, precision=1.0, recall=0.0, measured_on=measured_on)
    best = reached[np.argmax(swept.recall[reached])]
    return _point(swept, int(best), measured_on)


def at_threshold(
    distance: ArrayLike, is_positive: ArrayLike, threshold: float | None
) -> tuple[float, float]:
    """Precision and recall of a threshold chosen elsewhere; None calls nothing duplicate.

    Precision is 1 when no pair is called duplicate: no false alarm was raised.

    Raises:
        ValueError: as :func:`sweep`.
    """
    distance, is_positive = _checked(distance, is_positive)
    predicted = distance <= (-np.inf if threshold is None else threshold)
    true_positives = int(np.count_nonzero(predicted & is_positive))
    called = int(np.count_nonzero(predicted))
    precision = true_positives / called if called else 1.0
    return precision, true_positives / int(np.count_nonzero(is_positive))


def _point(swept: Sweep, row: int, measured_on: str) -> OperatingPoint:
    return OperatingPoint(
        threshold=float(swept.threshold[row]),
        precision=float(swept.precision[row]),
        recall=float(swept.recall[row]),
        measured_on=measured_on,
    )


def _checked(
    distance: ArrayLike, is_positive: ArrayLike
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    distance = np.asarray(distance)
    is_positive = np.asarray(is_positive, dtype=bool)
    if distance.shape != is_positive.shape or distance.ndim != 1:
        raise ValueError(
            f"expected two arrays (P,), got {distance.shape} distances "
            f"and {is_positive.shape} labels"
        )
    if not np.isfinite(distance).all():
        raise ValueError("a distance is not finite")
    if not is_positive.any():
        raise ValueError("no pair is positive, so recall has no meaning")
    return distance, is_positive
