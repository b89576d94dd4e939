"""From pairs that are known to probabilities: the fit, and whether it keeps what it promises."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neardup.probability import Calibration, log_odds

_BINS = 15
_FARTHEST = 2.0
_STEP = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPairs:
    """Pairs of copies and references of which it is known whether they are one picture.

    Attributes:
        distance: (P,) L2 distances in [0, 2] of the pairs that got a second look.
        evidence: (P, 4) what it found: see :func:`neardup.probability.evidence`.
        positive: (P,) bool, whether they are one picture.
        query, reference: (P,) int64, which copy and which reference.
        group: (P,) int64, the source picture of the copy, by which pairs are split.
        sources: (S,) int64, the source pictures.
        positives: (S, B) int64, how many copies of each source lie in each step of 0.005 of the
            distance to it, looked at or not.
        others: (S, B) int64, the same for all other pairs of its copies.
        references: how many pictures each copy was compared with.
    """

    distance: NDArray[np.float64]
    evidence: NDArray[np.float64]
    positive: NDArray[np.bool_]
    query: NDArray[np.int64]
    reference: NDArray[np.int64]
    group: NDArray[np.int64]
    sources: NDArray[np.int64]
    positives: NDArray[np.int64]
    others: NDArray[np.int64]
    references: int

    def of_groups(self, chosen: NDArray[np.int64]) -> "KnownPairs":
        """The pairs of some of the sources."""
        keep, rows = np.isin(self.group, chosen), np.isin(self.sources, chosen)
        return replace(
            self,
            distance=self.distance[keep],
            evidence=self.evidence[keep],
            positive=self.positive[keep],
            query=self.query[keep],
            reference=self.reference[keep],
            group=self.group[keep],
            sources=self.sources[rows],
            positives=self.positives[rows],
            others=self.others[rows],
        )


def histogram(distances: NDArray[np.floating]) -> NDArray[np.int64]:
    """(B,) int64: how many of the distances in [0, 2] lie in each step of 0.005."""
    edges = np.arange(0, _FARTHEST + _STEP, _STEP)
    return np.histogram(distances, edges)[0].astype(np.int64)


def fit(pairs: KnownPairs, measured_on: str) -> Calibration:
    """Learn probabilities from known pairs: isotonic by distance, logistic after a second look.

    Every copy has one picture among the references that it belongs to, so the probabilities hold
    for a collection of that many pictures in which a picture has one copy.

    Args:
        pairs: to learn from.
        measured_on: the data, in words.
    """
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    centres = np.arange(pairs.positives.shape[1], dtype=np.float64) * _STEP + _STEP / 2
    counts = np.concatenate([pairs.positives.sum(axis=0), pairs.others.sum(axis=0)])
    labels = np.repeat([1.0, 0.0], len(centres))
    isotonic = IsotonicRegression(increasing=False, y_min=0.0, y_max=1.0)
    isotonic.fit(np.tile(centres, 2)[counts > 0], labels[counts > 0], counts[counts > 0])
    table = np.asarray(isotonic.predict(np.clip(centres, *_range(centres, counts))))
    kept = np.unique(np.concatenate([[0, len(table) - 1], *np.nonzero(np.diff(table))]))
    kept = np.unique(np.concatenate([kept, np.minimum(kept + 1, len(table) - 1)]))
    by_distance = Calibration(
        pictures=pairs.references,
        distance=tuple(centres[kept].round(6).tolist()),
        probability=tuple(table[kept].round(6).tolist()),
        measured_on=measured_on,
    )
    if pairs.positive.all() or not pairs.positive.any():
        return by_distance  # a second look at one kind of pairs teaches nothing
    inputs = np.column_stack([log_odds(by_distance.by_distance(pairs.distance)), pairs.evidence])
    logistic = LogisticRegression(C=10.0, max_iter=2000).fit(inputs, pairs.positive)
    return replace(
        by_distance,
        weights=tuple(logistic.coef_[0].round(6).tolist()),
        intercept=float(logistic.intercept_[0].round(6)),
    )


def _range(centres: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[float, float]:
    seen = np.tile(centres, 2)[counts > 0]
    return float(seen.min()), float(seen.max())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How far probabilities can be believed.

    Attributes:
        expected_calibration_error: mean gap of promise and truth over bins, in [0, 1] (Guo et al.
            2017).
        brier: mean squared difference of probability and truth, in [0, 1].
        promised: mean probability of each bin that has pairs.
        true: share of them that are one picture.
        pairs: how many.
        pictures: size of the collection that they were found in.
    """

    expected_calibration_error: float
    brier: float
    promised: tuple[float, ...]
    true: tuple[float, ...]
    pairs: tuple[int, ...]
    pictures: int


def reliability(
    probability: NDArray[np.float64], positive: NDArray[np.bool_], pictures: int
) -> Reliability:
    """Compare promised probabilities (P,) with what is known (P,), in bins of equal width."""
    place = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    pairs = np.bincount(place, minlength=_BINS)
    some = pairs > 0
    promised = np.bincount(place, probability, _BINS)[some] / pairs[some]
    true = np.bincount(place, positive.astype(np.float64), _BINS)[some] / pairs[some]
    gap = float(np.sum(np.abs(promised - true) * pairs[some]) / len(probability))
    return Reliability(
        expected_calibration_error=gap,
        brier=float(np.mean((probability - positive) ** 2)),
        promised=tuple(promised.tolist()),
        true=tuple(true.tolist()),
        pairs=tuple(pairs[some].tolist()),
        pictures=pictures,
    )
