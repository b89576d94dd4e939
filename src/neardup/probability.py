"""How probable it is that a pair is one picture, learned from pairs that are known."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from neardup.verify.match import Kind, Match

SURE, LIKELY = 0.99, 0.8
"""Probabilities from which a pair is called sure, and likely; below, it is doubtful."""

_MOST_CERTAIN = 1e-6


def in_a_word(probability: float) -> str:
    """``sure``, ``likely`` or ``doubtful``."""
    return "sure" if probability >= SURE else "likely" if probability >= LIKELY else "doubtful"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """From distance, and from what the second look found, to a probability.

    By distance alone the probability is read from a table, made by isotonic regression (Zadrozny
    & Elkan 2002). A pair of twice as many pictures is half as likely to be more than chance: the
    odds shrink as the collection grows. After a second look it is a logistic function (Platt 1999)
    of the log odds by distance and of :func:`evidence`.

    Attributes:
        pictures: size of the collection that the table holds for.
        distance: (T,) ascending distances of the table.
        probability: (T,) probabilities at them, descending.
        weights: of the log odds by distance and of each evidence; empty: no second look was fitted.
        intercept: of the logistic function.
        measured_on: the data, in words.
    """

    pictures: int
    distance: tuple[float, ...]
    probability: tuple[float, ...]
    weights: tuple[float, ...] = ()
    intercept: float = 0.0
    measured_on: str = ""

    def by_distance(
        self, distance: npt.ArrayLike, pictures: int | None = None
    ) -> npt.NDArray[np.float64]:
        """Probabilities in (0, 1) of pairs at (...) L2 distances.

        Args:
            distance: in [0, 2].
            pictures: size of the collection that they were found in; None: the table's own.
        """
        table = np.interp(np.asarray(distance, np.float64), self.distance, self.probability)
        odds = log_odds(table) + np.log(self.pictures / max(pictures or self.pictures, 2))
        return logistic(odds)

    def after_second_look(
        self, distance: npt.ArrayLike, found: npt.NDArray[np.float64], pictures: int | None = None
    ) -> npt.NDArray[np.float64]:
        """Probabilities in (0, 1) of (P,) pairs with (P, E) evidence: see :func:`evidence`.

        The fit has seen copies that look like another shot of a scene, but hardly other shots: such
        a pair is never surer than its distance alone.
        """
        alone = self.by_distance(distance, pictures)
        if not self.weights:
            return alone
        inputs = np.column_stack([log_odds(alone), found])
        after = logistic(inputs @ np.array(self.weights) + self.intercept)
        return np.where(found[:, 1] > 0, np.minimum(alone, after), after)

    def of(
        self, distance: float, match: Match | None, *, looked: bool, pictures: int | None = None
    ) -> float:
        """The probability in (0, 1) that one pair is one picture.

        Args:
            distance: L2, in [0, 2].
            match: what the second look found; None: nothing.
            looked: whether there was a second look at this pair.
            pictures: size of the collection.
        """
        if match is not None and match.kind is Kind.IDENTICAL:
            return 1.0
        if not looked:
            return float(self.by_distance(distance, pictures))
        return float(self.after_second_look([distance], evidence(match)[None], pictures)[0])

    def as_dict(self) -> dict[str, Any]:
        """Plain values for ``bundle.json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> Self:
        """What :meth:`as_dict` wrote.

        Raises:
            TypeError, ValueError: it is damaged.
        """
        lists = {
            name: tuple(float(value) for value in written[name])
            for name in ("distance", "probability", "weights")
        }
        calibration = cls(**{**written, **lists})
        if not calibration.distance or len(calibration.distance) != len(calibration.probability):
            raise ValueError("a calibration whose table is empty or of two lengths")
        if len(calibration.weights) not in (0, 1 + len(evidence(None))):
            raise ValueError(f"a calibration with {len(calibration.weights)} weights")
        if calibration.pictures < 1:
            raise ValueError(f"a calibration for {calibration.pictures} pictures")
        return calibration


def evidence(match: Match | None) -> npt.NDArray[np.float64]:
    """(4,) what a second look says: matched, same scene only, log2 of the keypoints, agreement."""
    if match is None:
        return np.zeros(4)
    scene = float(match.kind is Kind.SCENE)
    return np.array([1.0, scene, np.log2(max(match.inliers, 1)), match.agreement])


def log_odds(probability: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """log(p / (1 - p)), with p kept off 0 and 1 by a millionth."""
    kept = np.clip(np.asarray(probability, np.float64), _MOST_CERTAIN, 1 - _MOST_CERTAIN)
    return np.asarray(np.log(kept / (1 - kept)))


def logistic(odds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 / (1 + exp(-odds)): the probability of log odds."""
    return np.asarray(1 / (1 + np.exp(-odds)))
