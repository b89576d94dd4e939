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

_SLOPE_SPREAD, _SHIFT_SPREAD = 0.5, 3.0  # of the prior around what was promised

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

    The log odds that the bundle gives each decided pair are stretched and shifted to what the
    person said (Platt 1999), by maximum a posteriori with a Gaussian prior around the bundle's own.
    A threshold's precision is the mean of these probabilities over the decided pairs within it: it
    holds for pairs like those that were decided, so decide on pairs as they come.

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
    pairs, sizes = _usable(bundle, decided)
    _check_enough(pairs)
    size = round(float(np.exp(np.mean(np.log(sizes)))))
    distance = np.array([pair.distance for pair in pairs])
    same = np.array([pair.same for pair in pairs])
    odds = np.array([_log_odds(before, pair, n) for pair, n in zip(pairs, sizes, strict=True)])
    slope, shift = _stretch(odds, same)
    measured_on = f"{len(pairs)} pairs that a person decided"
    after = before.stretched(slope, shift, size, measured_on)
    learned = logistic(slope * odds + shift)
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
    return Lesson(
        calibration=after,
        points=points,
        pairs=len(pairs),
        promised=float(logistic(odds).mean()),
        accepted=float(same.mean()),
        intervals=intervals,
    )


def _usable(bundle: Bundle, decided: Sequence[Decisions]) -> tuple[list[DecidedPair], list[int]]:
    """The pairs that teach something, each once, and of how many pictures they were."""
    found: dict[tuple[str, str], tuple[DecidedPair, int]] = {}
    for decisions in decided:
        if decisions.encoder not in (None, bundle.encoder_id):
            raise NeardupError(
                f"the decisions are about distances of another encoder than that of"
                f" {bundle.directory}: name the bundle that the scan used"
            )
        for pair in decisions.pairs:
            if pair.distance is not None and pair.a != pair.b:
                found[pair.a, pair.b] = pair, decisions.pictures or 2
    return [pair for pair, _ in found.values()], [size for _, size in found.values()]


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


def _log_odds(calibration: Calibration, pair: DecidedPair, pictures: int) -> float:
    assert pair.distance is not None
    if pair.evidence is None or not calibration.weights:
        return float(log_odds(calibration.by_distance(pair.distance, pictures)))
    evidence = np.array([pair.evidence])
    return float(log_odds(calibration.after_second_look([pair.distance], evidence, pictures))[0])


def _stretch(odds: Values, same: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The slope and shift of log odds that fit best, by Newton's method."""
    inputs = np.column_stack([odds, np.ones(len(odds))])
    prior = np.array([1.0, 0.0])
    precision = np.diag([_SLOPE_SPREAD**-2, _SHIFT_SPREAD**-2])
    fit = prior.copy()
    for _ in range(50):
        p = logistic(inputs @ fit)
        gradient = inputs.T @ (p - same) + precision @ (fit - prior)
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs + precision
        step = np.linalg.solve(curvature, gradient)
        fit -= step / max(1.0, float(np.abs(step).max()))  # never a wild step
    return max(float(fit[0]), 0.05), float(fit[1])  # nearer is never less probable


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


def teach(bundle: Bundle, lesson: Lesson, precision: float) -> Bundle:
    """The bundle with what was learned; the points that decisions say nothing of are left out."""
    return replace(
        bundle,
        calibration=lesson.calibration,
        operating_points=lesson.points,
        default_at=f"precision={precision:g}",
    )
