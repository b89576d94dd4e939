"""How rare are false pairs at distances that the sample hardly shows: an extreme-value fit.

The closest negatives are modelled by a generalised Pareto distribution of their depth y = u - d
below a level u (Pickands 1975; Coles 2001, chapter 4):

    P(d <= t) = P(d <= u) (1 + shape (u - t) / scale)^(-1 / shape)

with the limit exp(-(u - t) / scale) at shape 0. Parameters come from probability-weighted moments
(Hosking & Wallis 1987). The level is the widest whose fit is not rejected, as in Bader, Yan &
Zhang 2018. A negative shape is replaced by 0: it would promise a distance below which there is no
false pair at all, and on normally distributed distances it predicts rates 100 times beyond the
sample up to 1000 times too low, where shape 0 predicts them 3 to 30 times too high.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import genpareto

FEWEST = 100
"""Negatives below the level that a fit needs at least."""

_SIZES = (2000, 1400, 1000, 700, 500, 350, 250, 175, 125, FEWEST)
_REJECT = 0.1
_SIMULATIONS = 200


@dataclass(frozen=True, slots=True)
class TailFit:
    """A fitted lower tail of the distances of negatives.

    Attributes:
        level: u, the distance below which the model holds.
        share_below: P(d <= u).
        shape: 0: exponential; positive: heavier than that.
        scale: positive, in units of distance.
        count: how many negatives lie below the level.
        fit_p_value: chance of a Kolmogorov-Smirnov distance as large as seen, if the model were
            true and the pairs independent, by simulation; small is bad.
    """

    level: float
    share_below: float
    shape: float
    scale: float
    count: int
    fit_p_value: float

    def rate(self, threshold: ArrayLike) -> NDArray[np.float64]:
        """False-positive rate at thresholds up to ``level``, the same shape, in [0, 1]."""
        depth = self.level - np.asarray(threshold, dtype=np.float64)
        return np.asarray(self.share_below * genpareto.sf(depth, self.shape, scale=self.scale))

    def threshold(self, rate: float) -> float:
        """The distance with this false-positive rate, which is at most ``share_below``."""
        share = rate / self.share_below
        return self.level - float(genpareto.isf(share, self.shape, scale=self.scale))


def fit_tail(near_distance: NDArray[np.float32], negatives: int, *, seed: int) -> TailFit | str:
    """Fit the lower tail, or say in a sentence why the data cannot carry it.

    Args:
        near_distance: (K,) ascending, the closest negatives, complete up to its last.
        negatives: how many negatives there are in all.
        seed: of the simulations behind the goodness of fit.
    """
    rng = np.random.default_rng(seed)
    most = min(len(near_distance) - 1, negatives // 10)
    if most < FEWEST:
        return (
            f"{negatives} negative pairs leave {max(most, 0)} for the tail; a fit needs {FEWEST} "
            f"in the closest tenth: evaluate on more pictures"
        )
    p_value = 0.0
    for size in (n for n in _SIZES if n <= most):
        level = float(near_distance[size])
        depth = level - near_distance[:size].astype(np.float64)
        if len(np.unique(depth)) < FEWEST // 2:
            return "the distances take too few values for a continuous tail"
        shape, scale = fit_depths(depth)
        p_value = _goodness(depth, shape, scale, rng)
        if p_value >= _REJECT:
            return TailFit(level, size / negatives, shape, scale, size, p_value)
    return (
        f"no generalised Pareto tail fits the closest negatives (p = {p_value:.3f} for the "
        f"closest {FEWEST}): look for unlabelled copies among them"
    )


def fit_depths(
    depth: NDArray[np.float64], weight: NDArray[np.float64] | None = None
) -> tuple[float, float]:
    """Shape >= 0 and scale > 0 from depths (n,) >= 0, optionally weighted (n,).

    Hosking & Wallis (1987), equation 5: with a0 the mean of y and a1 that of y (1 - F(y)),
    shape = 2 - a0 / (a0 - 2 a1) and scale = 2 a0 a1 / (a0 - 2 a1).
    """
    order = np.argsort(depth)
    y = depth[order]
    w = np.ones(len(y)) if weight is None else weight[order]
    total = w.sum()
    above = 1 - (np.cumsum(w) - (0.35 if weight is None else 0.5 * w)) / total
    a0 = float(np.sum(w * y) / total)
    a1 = float(np.sum(w * y * above) / total)
    shape = 2 - a0 / max(a0 - 2 * a1, 1e-12)
    if shape <= 0:
        return 0.0, max(a0, 1e-12)
    return shape, max(2 * a0 * a1 / (a0 - 2 * a1), 1e-12)


def _goodness(
    depth: NDArray[np.float64], shape: float, scale: float, rng: np.random.Generator
) -> float:
    """P-value of the Kolmogorov-Smirnov distance, the parameters refitted in each simulation."""
    seen = _distance_to_model(depth, shape, scale)
    simulated = genpareto.rvs(shape, scale=scale, size=(_SIMULATIONS, len(depth)), random_state=rng)
    worse = sum(_distance_to_model(y, *fit_depths(y)) >= seen for y in simulated)
    return (worse + 1) / (_SIMULATIONS + 1)


def _distance_to_model(depth: NDArray[np.float64], shape: float, scale: float) -> float:
    model = genpareto.cdf(np.sort(depth), shape, scale=scale)
    steps = np.arange(len(depth) + 1) / len(depth)
    return float(max((steps[1:] - model).max(), (model - steps[:-1]).max()))
