"""How many false pairs to expect when a whole collection is searched."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neardup.evaluation.config import EvalConfig
from neardup.evaluation.extrapolation.tail import TailFit, fit_depths, fit_tail
from neardup.evaluation.measures.bootstrap import LEVEL, Resampler
from neardup.evaluation.measures.curve import false_positive_rate
from neardup.evaluation.measures.measure import Judged, tested
from neardup.evaluation.measures.scoring import PairScores
from neardup.evaluation.protocols.task import Ids, Task

_ENOUGH_SEEN = 30
"""False pairs in the sample from which their share is taken as it is, without a model."""

_FARTHEST = 1000.0
"""The model is asked for rates down to 1 / (1000 x the negative pairs of the sample), not less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FalsePairRates:
    """False-positive rates by threshold, from counts where they are enough and a model below.

    Attributes:
        negatives: negative pairs in the sample.
        fit: the tail's model, or why there is none.
        redrawn: the model of each resampling of the sources: (B, 3) share below the level, shape,
            scale; empty without a model.
        seen: (K,) ascending distances of the closest negatives.
        complete_to: up to which distance ``seen`` is complete.
    """

    negatives: int
    fit: TailFit | str
    redrawn: NDArray[np.float64]
    seen: NDArray[np.float32]
    complete_to: float

    @property
    def counted_from(self) -> float:
        """The distance from which counts are used; inf when even the last count is too small."""
        if len(self.seen) < _ENOUGH_SEEN:
            return float("inf")
        return float(self.seen[_ENOUGH_SEEN - 1])

    def rate(self, threshold: float) -> tuple[float, float, float] | None:
        """Estimate and 95 % interval of the rate at a threshold; None where neither way carries."""
        if self.counted_from <= threshold <= self.complete_to:
            below = int(np.searchsorted(self.seen, np.float32(threshold), side="right"))
            return below / self.negatives, *self._spread_of_count(below)
        if isinstance(self.fit, str) or threshold > self.fit.level:
            return None
        estimate = float(self.fit.rate(threshold))
        if estimate < 1 / (_FARTHEST * self.negatives):
            return None
        return estimate, *self._spread(threshold)

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
        high = float(self.seen[-1]) if len(self.seen) else 0.0
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

    def _spread(self, threshold: float) -> tuple[float, float]:
        assert isinstance(self.fit, TailFit)
        rates = [
            float(
                TailFit(
                    level=self.fit.level,
                    share_below=share,
                    shape=shape,
                    scale=scale,
                    count=self.fit.count,
                    fit_p_value=1.0,
                ).rate(threshold)
            )
            for share, shape, scale in self.redrawn
        ]
        low, high = np.quantile(rates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(low), float(high)

    def _spread_of_count(self, below: int) -> tuple[float, float]:
        """Pairs that share a picture come in clumps: the spread that the redrawn levels show."""
        relative = 1.0
        if len(self.redrawn) and isinstance(self.fit, TailFit):
            shares = self.redrawn[:, 0] / self.fit.share_below
            relative = float(shares.std()) * np.sqrt(self.fit.count / below)
        half_width = 1.96 * max(relative, 1 / np.sqrt(below))
        centre = below / self.negatives
        return centre * float(np.exp(-half_width)), centre * float(np.exp(half_width))


def false_pair_rates(task: Task, scores: PairScores, *, draws: int, seed: int) -> FalsePairRates:
    """Fit the tail of a task's negatives, with an interval from redrawing its sources."""
    fit: TailFit | str
    if scores.scale.whole:
        fit = "distances that are whole numbers have no continuous tail"
    else:
        fit = fit_tail(scores.near_distance, scores.negatives, seed=seed)
    redrawn = np.empty((0, 3))
    if isinstance(fit, TailFit):
        redrawn = _redraw(task, scores, fit, draws=max(draws, 50), seed=seed)
    return FalsePairRates(
        negatives=scores.negatives,
        fit=fit,
        redrawn=redrawn,
        seen=scores.near_distance,
        complete_to=scores.complete_to,
    )


def _redraw(
    task: Task, scores: PairScores, fit: TailFit, *, draws: int, seed: int
) -> NDArray[np.float64]:
    resampler = Resampler.of(task)
    pairs = scores.near[: fit.count]
    depth = fit.level - scores.near_distance[: fit.count].astype(np.float64)
    rows = []
    for drawn in resampler.draws(draws, seed=seed):
        weight = resampler.of_pairs(drawn, pairs)
        if np.count_nonzero(weight) < 10:
            continue
        share = float(weight.sum()) / resampler.of_all_negatives(drawn, task)
        rows.append((share, *fit_depths(depth, weight)))
    return np.array(rows).reshape(-1, 3)


def expected_false_pairs(images: float, rate: float) -> float:
    """N (N - 1) / 2 times the false-positive rate."""
    return images * (images - 1) / 2 * rate


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutRow:
    """A prediction from a part against the count in the whole."""

    threshold: float
    predicted: float
    low: float
    high: float
    counted: int


def check_by_holding_out(
    task: Task, scores: PairScores, *, share: float, draws: int, seed: int
) -> list[HeldOutRow] | str:
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
    part, part_scores = _restrict(task, scores, np.sort(chosen))
    rates = false_pair_rates(part, part_scores, draws=draws, seed=seed)
    if isinstance(rates.fit, str):
        return f"held-out check: {rates.fit}"
    rows = []
    for counted in (3, 10, 30, 100, 300, 1000, 3000):
        if (
            counted > len(scores.near_distance)
            or scores.near_distance[counted - 1] > rates.fit.level
        ):
            break
        threshold = float(scores.near_distance[counted - 1])
        predicted = rates.rate(threshold)
        if predicted is not None:
            estimate, low, high = (scores.negatives * value for value in predicted)
            rows.append(
                HeldOutRow(
                    threshold=threshold,
                    predicted=estimate,
                    low=low,
                    high=high,
                    counted=round(false_positive_rate(scores, threshold) * scores.negatives),
                )
            )
    return rows


def _restrict(task: Task, scores: PairScores, chosen: Ids) -> tuple[Task, PairScores]:
    """The close negatives among the chosen sources, from what is already measured."""
    part, queries, references = task.of_sources(chosen)
    inside = np.isin(scores.near[:, 0], queries) & np.isin(scores.near[:, 1], references)
    pairs = scores.near[inside]
    renumbered = np.stack(
        [np.searchsorted(queries, pairs[:, 0]), np.searchsorted(references, pairs[:, 1])], axis=1
    )
    counted = np.array([part.pair_count - _once(part)], dtype=np.int64)
    return part, PairScores(
        positive=part.positive,
        positive_distance=np.zeros(len(part.positive), dtype=np.float32),
        ranked=part.positive,
        ranked_distance=np.zeros(len(part.positive), dtype=np.float32),
        closer_negatives=np.zeros(len(part.positive), dtype=np.int64),
        near=renumbered,
        near_distance=scores.near_distance[inside],
        complete_to=scores.complete_to,
        histogram=counted,
        nearest_negative=np.empty(0, dtype=np.int64),
        nearest_distance=np.empty(0, dtype=np.float32),
        scale=scores.scale,
    )


def _once(task: Task) -> int:
    return len(task.positive) // (2 if task.same_set else 1)


def describe(config: EvalConfig, main: Judged, rates: FalsePairRates) -> dict[str, Any]:
    """Expected false pairs, the tail behind them, its check, and a threshold or a refusal.

    The threshold, or None, becomes an operating point of ``main``, named like ``collection=1e6``.
    """
    size, whole = config.collection_size, main.measured.whole
    allowed = config.false_pairs_per_image * size
    found = rates.threshold(allowed / (size * (size - 1) / 2))
    held_out = check_by_holding_out(
        whole.task, whole.scores, share=0.4, draws=config.bootstrap, seed=config.seed
    )
    result: dict[str, Any] = {
        "size": size,
        "allowed_false_pairs": allowed,
        "fit": rates.fit if isinstance(rates.fit, str) else asdict(rates.fit),
        "threshold": found if isinstance(found, float) else None,
        "refusal": found if isinstance(found, str) else None,
        "held_out": held_out if isinstance(held_out, str) else [asdict(row) for row in held_out],
        "curves": {},
    }
    name = point_name(size)
    main.points[name] = tested(main.measured, result["threshold"])
    for point in dict.fromkeys([main.chosen, "f1", name]):
        threshold = main.points[point].threshold
        known = None if threshold is None else rates.rate(threshold)
        if known is not None:
            result["curves"][point] = [
                [n, *(expected_false_pairs(n, value) for value in known)]
                for n in np.logspace(3, 8, 26).tolist()
            ]
            result.setdefault("expected", {})[point] = [
                expected_false_pairs(size, value) for value in known
            ]
    return result


def point_name(size: float) -> str:
    """1,000,000 -> ``collection=1e6``, 250,000 -> ``collection=2.5e5``: what follows ``--at``."""
    mantissa, exponent = f"{size:e}".split("e")
    return f"collection={mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
