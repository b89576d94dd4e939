"""What a person's decisions teach: probabilities and thresholds for pictures of that kind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from neardup.bundle import Bundle, OperatingPoint
from neardup.errors import NeardupError
from neardup.probability import Calibration, log_odds, logistic
from neardup.scan.decisions import DecidedPair, Decisions

FEWEST_PAIRS, FEWEST_OF_EACH = 20, 5
"""How many decided pairs it takes, and of the accepted and of the rejected among them."""

_MIDDLE_SPREAD, _SLOPE_SPREAD = 0.3, 0.5  # of the prior: in distance, and as a share
_DOUBTFUL = 7.0  # log odds within which the bundle's own curve is taken for a line
_TABLE = 201

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was learned.

    Attributes:
        calibration: probabilities for a collection like the decided one.
        points: operating points by name.
        pairs: how many decided pairs it was learned from.
        promised: mean probability that these had before, in [0, 1].
        accepted: share of them that was accepted, in [0, 1].
        intervals: by name of a point, between which shares its precision lies with 95 percent
            confidence, by the decided pairs within its threshold alone.
    """

    calibration: Calibration
    points: dict[str, OperatingPoint]
    pairs: int
    promised: float
    accepted: float
    intervals: dict[str, tuple[float, float]]


def learn(bundle: Bundle, decided: Sequence[Decisions], precision: float = 0.99) -> Lesson:
    """Fit probabilities and thresholds to decisions.

    The probability of a pair becomes a logistic function of its distance (Platt 1999), fitted by
    maximum a posteriori with a Gaussian prior around the bundle's own; what a second look adds to
    it stays. A threshold's precision is the mean of these probabilities over the decided pairs
    within it: it holds for pairs like those that were decided, so decide on pairs as they come.

    Args:
        bundle: what measured the distances.
        decided: one or more files of decisions.
        precision: the point that becomes the default, in (0, 1).

    Raises:
        NeardupError: the bundle has no probabilities, the decisions are of another encoder, there
            are too few of them, or no threshold reaches the precision.
    """
    before = bundle.calibration
    if before is None:
        raise NeardupError(f"{bundle.directory} has no probabilities to start from")
    pairs, pictures = _usable(bundle, decided)
    _check_enough(pairs)
    promised = np.array([_promised(before, pair, pictures) for pair in pairs])
    distance = np.array([pair.distance for pair in pairs])
    same = np.array([pair.same for pair in pairs])
    weight, offset = np.array([_second_look(before, pair) for pair in pairs]).T
    height, slope = _fit(before, pictures, distance, same, weight, offset)
    learned = logistic(weight * (height - slope * distance) + offset)
    measured_on = f"{len(pairs)} pairs that a person decided"
    names = {f"precision={precision:g}": precision}
    for name in bundle.operating_points:
        if name.startswith("precision="):
            names[name] = float(name.removeprefix("precision="))
    points: dict[str, OperatingPoint] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for name, wanted in sorted(names.items(), key=lambda item: item[1]):
        points[name], intervals[name] = _point(distance, same, learned, wanted, measured_on)
    if points[f"precision={precision:g}"].threshold is None:
        raise NeardupError(
            f"no distance reaches precision {precision:g} among these {len(pairs)} pairs, of which"
            f" {same.mean():.1%} are copies: name a lower --target-precision, or decide on more"
        )
    table = np.linspace(0, 2, _TABLE)
    return Lesson(
        calibration=replace(
            before,
            pictures=pictures,
            distance=tuple(table.round(6).tolist()),
            probability=tuple(logistic(height - slope * table).round(6).tolist()),
            measured_on=measured_on,
        ),
        points=points,
        pairs=len(pairs),
        promised=float(promised.mean()),
        accepted=float(same.mean()),
        intervals=intervals,
    )


def _usable(bundle: Bundle, decided: Sequence[Decisions]) -> tuple[list[DecidedPair], int]:
    """The pairs that teach something, each once, and of how many pictures they were."""
    found: dict[tuple[str, str], DecidedPair] = {}
    for decisions in decided:
        if decisions.encoder not in (None, bundle.encoder_id):
            raise NeardupError(
                "the decisions are about distances of another encoder than that of"
                f" {bundle.directory}: name the bundle that the scan used"
            )
        for pair in decisions.pairs:
            if pair.distance is not None and pair.a != pair.b:
                found[pair.a, pair.b] = pair
    return list(found.values()), max(decisions.pictures or 2 for decisions in decided)


def _check_enough(pairs: Sequence[DecidedPair]) -> None:
    accepted = sum(pair.same for pair in pairs)
    rejected = len(pairs) - accepted
    if len(pairs) >= FEWEST_PAIRS and min(accepted, rejected) >= FEWEST_OF_EACH:
        return
    advice = "decide on more pairs of the page"
    if rejected < FEWEST_OF_EACH and len(pairs) >= FEWEST_PAIRS:
        advice = "scan less strictly, as with --at precision=0.9, and decide on what it adds"
    raise NeardupError(
        f"{accepted} accepted and {rejected} rejected pairs with a distance teach too little, it"
        f" takes {FEWEST_PAIRS} and {FEWEST_OF_EACH} of each: {advice}"
    )


def _promised(calibration: Calibration, pair: DecidedPair, pictures: int) -> float:
    """The probability that the pair had before."""
    assert pair.distance is not None
    if pair.evidence is None:
        return float(calibration.by_distance(pair.distance, pictures))
    evidence = np.array([pair.evidence])
    return float(calibration.after_second_look([pair.distance], evidence, pictures)[0])


def _second_look(calibration: Calibration, pair: DecidedPair) -> tuple[float, float]:
    """What the log odds by distance are multiplied with, and what is added to them."""
    if pair.evidence is None or not calibration.weights:
        return 1.0, 0.0
    by_distance, *others = calibration.weights
    return by_distance, float(np.dot(others, pair.evidence)) + calibration.intercept


def _fit(
    calibration: Calibration,
    pictures: int,
    distance: Values,
    same: npt.NDArray[np.bool_],
    weight: Values,
    offset: Values,
) -> tuple[float, float]:
    """Height and slope of the log odds, height - slope * distance, by Newton's method."""
    prior, precision = _prior(calibration, pictures)
    inputs = weight[:, None] * np.column_stack([np.ones(len(distance)), -distance])
    fit = prior.copy()
    for _ in range(100):
        p = logistic(inputs @ fit + offset)
        gradient = inputs.T @ (p - same) + precision @ (fit - prior)
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs + precision
        step = np.linalg.solve(curvature, gradient)
        fit -= step * min(1.0, 2.0 / float(np.abs(step).max() + 1e-12))  # never a wild step
    return float(fit[0]), max(float(fit[1]), 1.0)  # nearer is never less probable


def _prior(calibration: Calibration, pictures: int) -> tuple[Values, Values]:
    """Mean (2,) and inverse covariance (2, 2) of height and slope: a line through the bundle's."""
    grid = np.linspace(0, 2, _TABLE)
    odds = log_odds(calibration.by_distance(grid, pictures))
    doubtful = np.abs(odds) < _DOUBTFUL
    if doubtful.sum() < 2:  # a step: steep, where it is
        grid, odds, doubtful = grid, -40 * (grid - grid[np.abs(odds).argmin()]), grid >= 0
    slope, height = np.polyfit(grid[doubtful], odds[doubtful], 1)
    slope = max(-float(slope), 1.0)
    middle = float(height) / slope
    spread, shift = (_SLOPE_SPREAD * slope) ** 2, (_MIDDLE_SPREAD * slope) ** 2
    covariance = np.array(
        [[shift + middle**2 * spread, middle * spread], [middle * spread, spread]]
    )
    return np.array([slope * middle, slope]), np.linalg.inv(covariance)


def _point(
    distance: Values, same: npt.NDArray[np.bool_], learned: Values, wanted: float, measured_on: str
) -> tuple[OperatingPoint, tuple[float, float]]:
    """The farthest decided distance within which the mean probability is as wanted."""
    order = np.argsort(distance, kind="stable")
    expected = np.cumsum(learned[order]) / np.arange(1, len(order) + 1)
    last = np.append(np.diff(distance[order]) > 0, True)  # all pairs of one distance, or none
    fine = np.flatnonzero(last & (expected >= wanted))
    if not len(fine):
        nothing = OperatingPoint(threshold=None, precision=1.0, recall=0.0, measured_on=measured_on)
        return nothing, (0.0, 1.0)
    threshold = float(distance[order][fine[-1]])
    within = distance <= threshold
    low, high = _wilson(int(same[within].sum()), int(within.sum()))
    words = f"{measured_on}, {within.sum()} of them within it; 95% interval {low:.3f} to {high:.3f}"
    recall = float(same[within].sum() / same.sum())
    point = OperatingPoint(
        threshold=threshold,
        precision=float(expected[fine[-1]]),
        recall=recall,
        measured_on=words,
    )
    return point, (low, high)


def _wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 percent interval of a share (Wilson 1927)."""
    z = 1.96
    share, weight = successes / trials, z * z / trials
    middle = (share + weight / 2) / (1 + weight)
    half = z * np.sqrt(share * (1 - share) / trials + weight / (4 * trials)) / (1 + weight)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))
