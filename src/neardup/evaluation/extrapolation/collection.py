"""How many false pairs to expect when a whole collection is searched."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from neardup.evaluation.config import EvalConfig
from neardup.evaluation.extrapolation.tail import TailFit, fit_depths, fit_tail
from neardup.evaluation.measures.bootstrap import TAILS, Resampler
from neardup.evaluation.measures.metrics import at_threshold, false_positives
from neardup.evaluation.measures.results import Result
from neardup.evaluation.measures.scoring import PairScores
from neardup.evaluation.protocols.task import Ids, Task, renumber

_ENOUGH_SEEN = 30
"""False pairs in the sample from which their share is taken as it is, without a model."""

_FARTHEST = 1000.0
"""The model is asked for rates down to 1 / (1000 x the negative pairs of the sample), not less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FalsePairRates:
    """False-positive rates by threshold, from counts where they are enough and a model below.

    Attributes:
        scores: of the sample.
        fit: the tail's model, or why there is none.
        redrawn: the models of resampled sources, all with the level of ``fit``; empty without one.
    """

    scores: PairScores
    fit: TailFit | str
    redrawn: list[TailFit]

    @property
    def negatives(self) -> int:
        """Negative pairs in the sample."""
        return self.scores.negatives

    def rate(self, threshold: float) -> tuple[float, float, float] | None:
        """Estimate and 95 % interval of the rate at a threshold; None where neither way carries."""
        below = false_positives(self.scores, threshold)
        if below >= _ENOUGH_SEEN and threshold <= self.scores.complete_to:
            return below / self.negatives, *self._spread_of_count(below)
        if isinstance(self.fit, str) or threshold > self.fit.level:
            return None
        estimate = float(self.fit.rate(threshold))
        if estimate < 1 / (_FARTHEST * self.negatives):
            return None
        low, high = np.quantile([float(fit.rate(threshold)) for fit in self.redrawn], TAILS)
        return estimate, float(low), float(high)

    def threshold(self, rate: float) -> float | str:
        """The largest distance whose rate stays within ``rate`` at the upper end of its interval.

        Or a sentence that says why the sample cannot tell.
        """
        lowest = 1 / (_FARTHEST * self.negatives)
        if rate < lowest:
            return (
                f"a false-positive rate of {rate:.1e} is more than {_FARTHEST:.0f} times below "
                f"what {self.negatives:,} negative pairs show: evaluate on more pictures"
            )
        if isinstance(self.fit, str) and rate * self.negatives < _ENOUGH_SEEN:
            return self.fit
        high = float(self.scores.near_distance[-1]) if len(self.scores.near_distance) else 0.0
        low = 0.0 if isinstance(self.fit, str) else max(0.0, self.fit.threshold(lowest))
        for _ in range(50):  # bisection: the upper end grows with the threshold
            middle = (low + high) / 2
            bounds = self.rate(middle)
            low, high = (middle, high) if bounds is None or bounds[2] <= rate else (low, middle)
        final = self.rate(low)
        if final is None or final[2] > rate:
            return (
                f"no distance above 0 is sure (95 %) to keep the false-positive rate within "
                f"{rate:.1e}: the encoder does not keep different pictures far enough apart"
            )
        return float(np.float32(low))

    def _spread_of_count(self, below: int) -> tuple[float, float]:
        """Pairs that share a picture come in clumps: the spread that the redrawn levels show."""
        relative = 1.0
        if self.redrawn and isinstance(self.fit, TailFit):
            shares = np.array([fit.share_below for fit in self.redrawn]) / self.fit.share_below
            relative = float(shares.std()) * np.sqrt(self.fit.count / below)
        half_width = 1.96 * max(relative, 1 / np.sqrt(below))
        centre = below / self.negatives
        return centre * float(np.exp(-half_width)), centre * float(np.exp(half_width))


def false_pair_rates(task: Task, scores: PairScores, *, draws: int, seed: int) -> FalsePairRates:
    """Fit the tail of a task's negatives, with an interval from redrawing its sources.

    Args:
        task, scores: the sample.
        draws: of the sources; at least 50 are made.
        seed: of the draws.
    """
    if scores.scale.whole:
        reason = "distances that are whole numbers have no continuous tail"
        return FalsePairRates(scores=scores, fit=reason, redrawn=[])
    fit = fit_tail(scores.near_distance, scores.negatives, seed=seed)
    if isinstance(fit, str):
        return FalsePairRates(scores=scores, fit=fit, redrawn=[])
    resampler = Resampler(task)
    pairs = scores.near[: fit.count]
    depth = fit.level - scores.near_distance[: fit.count].astype(np.float64)
    redrawn = []
    for drawn in resampler.draws(max(draws, 50), seed=seed):
        weight = resampler.of_pairs(drawn, pairs)
        if np.count_nonzero(weight) >= 10:
            share = float(weight.sum()) / resampler.of_all_negatives(drawn)
            shape, scale = fit_depths(depth, weight)
            redrawn.append(replace(fit, share_below=share, shape=shape, scale=scale))
    return FalsePairRates(scores=scores, fit=fit, redrawn=redrawn)


def expected_false_pairs(images: float, rate: float) -> float:
    """N (N - 1) / 2 times the false-positive rate."""
    return images * (images - 1) / 2 * rate


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """False pairs of the whole at a threshold: predicted from a part, and counted.

    Attributes:
        threshold: distance.
        predicted, low, high: false pairs to expect, and the 95 % interval of that.
        counted: false pairs there are.
    """

    threshold: float
    predicted: float
    low: float
    high: float
    counted: int


def check_predictions(
    task: Task, scores: PairScores, *, share: float, draws: int, seed: int
) -> list[PredictionRow] | str:
    """Fit on the pairs among a part of the sources, predict the false pairs of the whole.

    Args:
        task, scores: the whole.
        share: of the sources that the fit may see, in (0, 1); the share of the pairs is its square.
        draws: for the interval of the prediction.
        seed: of the choice of sources and the draws.

    Returns:
        One row per threshold, where the whole has about 3, 10, 30, ... false pairs; or a sentence
        that says why the part was too small.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(task.sources)[: max(2, round(share * len(task.sources)))]
    rates = false_pair_rates(*_among(task, scores, np.sort(chosen)), draws=draws, seed=seed)
    if isinstance(rates.fit, str):
        return f"held-out check: {rates.fit}"
    rows = []
    for place in (3, 10, 30, 100, 300, 1000, 3000):
        near = scores.near_distance[place - 1 : place]
        if not len(near) or near[0] > rates.fit.level:
            break
        threshold = float(near[0])
        if predicted := rates.rate(threshold):
            estimate, low, high = (scores.negatives * value for value in predicted)
            counted = false_positives(scores, threshold)
            rows.append(PredictionRow(threshold, estimate, low, high, counted))
    return rows


def _among(task: Task, scores: PairScores, chosen: Ids) -> tuple[Task, PairScores]:
    """The part among the chosen sources, with its near negatives from what is already scored."""
    part, queries, references = task.of_sources(chosen)
    inside = np.isin(scores.near[:, 0], queries) & np.isin(scores.near[:, 1], references)
    return part, replace(
        scores,
        near=renumber(scores.near, queries, references),
        near_distance=scores.near_distance[inside],
        histogram=np.array([part.pair_count - part.copy_count]),
    )


def point_name(size: float) -> str:
    """1,000,000 -> ``collection=1e6``, 250,000 -> ``collection=2.5e5``: what follows ``--at``."""
    mantissa, exponent = f"{size:e}".split("e")
    return f"collection={mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def extrapolate(config: EvalConfig, result: Result) -> tuple[Result, dict[str, Any]]:
    """Expected false pairs in a collection of ``config.collection_size`` pictures.

    Returns:
        The result with one more operating point, named like ``collection=1e6``, whose threshold is
        None where the sample cannot support one; and the report's section: that threshold or the
        refusal, the model, its check, and the false pairs to expect.
    """
    size, whole = config.collection_size, result.scores.whole
    draw = {"draws": config.bootstrap, "seed": config.seed}
    rates = false_pair_rates(whole.task, whole.scores, **draw)
    allowed = config.false_pairs_per_image * size
    found = rates.threshold(allowed / (size * (size - 1) / 2))
    checked = check_predictions(whole.task, whole.scores, share=0.4, **draw)
    section: dict[str, Any] = {
        "size": size,
        "allowed_false_pairs": allowed,
        "fit": rates.fit if isinstance(rates.fit, str) else asdict(rates.fit),
        "threshold": found if isinstance(found, float) else None,
        "refusal": found if isinstance(found, str) else None,
        "held_out": checked if isinstance(checked, str) else [asdict(row) for row in checked],
        "curves": {},
    }
    name = point_name(size)
    point = at_threshold(result.scores.test.scores, section["threshold"])
    result = replace(result, points=result.points | {name: point})
    for at in dict.fromkeys([result.chosen, "f1", name]):
        threshold = result.points[at].threshold
        known = None if threshold is None else rates.rate(threshold)
        if known is not None:
            section.setdefault("expected", {})[at] = _expected(size, known)
            sizes = np.logspace(3, 8, 26).tolist()
            section["curves"][at] = [[n, *_expected(n, known)] for n in sizes]
    return result, section


def _expected(images: float, rates: Sequence[float]) -> list[float]:
    return [expected_false_pairs(images, rate) for rate in rates]
