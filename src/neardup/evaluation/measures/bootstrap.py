"""Error bars: the sources are drawn again with replacement, and all their pairs with them.

Pairs that share a picture are not independent, so resampling pairs would make the bars far too
short. A pair counts as often as its two sources were drawn together (the pigeonhole bootstrap,
Owen 2007): the product of both counts, or the count itself for a pair within one source.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neardup.evaluation.measures import curve
from neardup.evaluation.measures.curve import false_positives_at_positives
from neardup.evaluation.measures.ranking import query_average_precision, query_rank_1
from neardup.evaluation.measures.scoring import PairScores
from neardup.evaluation.protocols.task import Ids, PairList, Task

Weights = NDArray[np.float64]
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Resampler:
    """Draws of the S sources of a task and what they make a pair count.

    Attributes:
        query, reference: (Q,) and (R,) int64 position of the picture's source in the draw.
        sources: S.
    """

    query: Ids
    reference: Ids
    sources: int

    @classmethod
    def of(cls, task: Task) -> "Resampler":
        known = task.sources
        return cls(
            np.searchsorted(known, task.query_source),
            np.searchsorted(known, task.reference_source),
            len(known),
        )

    def draws(self, count: int, *, seed: int) -> Iterator[Weights]:
        """``count`` times how often each source was drawn, (S,) float64."""
        rng = np.random.default_rng(seed)
        even = np.full(self.sources, 1 / self.sources)
        for _ in range(count):
            yield rng.multinomial(self.sources, even).astype(np.float64)

    def of_pairs(self, drawn: Weights, pairs: PairList) -> Weights:
        """(P,) float64: how often each pair counts."""
        a, b = self.query[pairs[:, 0]], self.reference[pairs[:, 1]]
        return np.where(a == b, drawn[a], drawn[a] * drawn[b])

    def of_all_negatives(self, drawn: Weights, task: Task) -> float:
        """The total of the weights of all negative pairs, without listing them."""
        in_query = np.bincount(self.query, minlength=self.sources)
        in_reference = np.bincount(self.reference, minlength=self.sources)
        within = float(np.sum(drawn * in_query * in_reference))
        across = float((drawn @ in_query) * (drawn @ in_reference))
        across -= float(np.sum(drawn**2 * in_query * in_reference))
        if task.same_set:
            itself = float(np.sum(drawn * in_query))
            taken_out = self.of_pairs(drawn, np.concatenate([task.positive, task.ignored])).sum()
            return (within - itself + across - float(taken_out)) / 2
        taken_out = self.of_pairs(drawn, np.concatenate([task.positive, task.ignored])).sum()
        return within + across - float(taken_out)


def intervals(
    task: Task,
    scores: PairScores,
    *,
    thresholds: Mapping[str, float | None],
    precisions: tuple[float, ...],
    draws: int,
    seed: int,
) -> dict[str, tuple[float, float]]:
    """95 % intervals of the headline figures.

    Where not one false alarm (or not one miss) was seen, redrawing cannot show any: the lower end
    then allows for three of them (the rule of three, Hanley & Lippman-Hand 1983).

    Args:
        task, scores: what was measured.
        thresholds: by name, where ``precision at NAME`` and ``recall at NAME`` are taken.
        precisions: targets of ``recall_at_precision=...``.
        draws: how many times the sources are drawn.
        seed: of the draws.

    Returns:
        Figure name to (low, high); empty when there are fewer than 5 sources to draw from.
    """
    sources = len(task.positive_sources)
    if sources < 5 or draws < 1:
        return {}
    resampler = Resampler.of(task)
    prepared = _Prepared(task, scores, resampler, thresholds, precisions)
    results = [prepared.figures(drawn) for drawn in resampler.draws(draws, seed=seed)]
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    found = {}
    for name in results[0]:
        low, high = np.quantile([result[name] for result in results], tails)
        found[name] = (float(low), float(high))
    for name, threshold in thresholds.items():
        precision, recall = curve.at(scores, threshold)
        pairs = recall * len(scores.positive_distance)
        for key, value, lowest in (
            (f"precision at {name}", precision, pairs / (pairs + 3)),
            (f"recall at {name}", recall, max(0.0, 1 - 3 / sources)),
        ):
            if value == 1 and key in found:
                found[key] = (min(found[key][0], lowest), found[key][1])
    return found


def precision_band(
    task: Task, scores: PairScores, recalls: NDArray[np.float64], *, draws: int, seed: int
) -> NDArray[np.float64] | None:
    """95 % band of the best precision at each recall (n,) or more: (2, n) low and high.

    None when there are fewer than 5 sources to draw from.
    """
    if len(task.positive_sources) < 5 or draws < 1:
        return None
    resampler = Resampler.of(task)
    prepared = _Prepared(task, scores, resampler, {}, ())
    drawn = [prepared.precision_at(w, recalls) for w in resampler.draws(draws, seed=seed)]
    band = np.quantile(np.stack(drawn), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return np.asarray(band)


class _Prepared:
    """Everything that does not change from draw to draw."""

    def __init__(
        self,
        task: Task,
        scores: PairScores,
        resampler: Resampler,
        thresholds: Mapping[str, float | None],
        precisions: tuple[float, ...],
    ) -> None:
        self.task, self.resampler, self.precisions = task, resampler, precisions
        order = np.argsort(scores.positive_distance, kind="stable")
        self.positive, distance = scores.positive[order], scores.positive_distance[order]
        self.last_equal = np.searchsorted(distance, distance, side="right") - 1
        self.near = scores.near
        self.closer = np.searchsorted(scores.near_distance, distance, side="right")
        _, most = false_positives_at_positives(scores)
        self.beyond = np.where(distance > scores.complete_to, most, 0)
        self.negatives = max(scores.negatives, 1)
        self.at: dict[str, tuple[int, int | None]] = {}
        for name, threshold in thresholds.items():
            limit = np.float32(-1 if threshold is None else threshold)
            below = int(np.searchsorted(distance, limit, side="right"))
            false = int(np.searchsorted(scores.near_distance, limit, side="right"))
            self.at[name] = below, false if limit <= scores.complete_to else None
        self.ap_query, self.ap = query_average_precision(scores)
        self.rank_query, self.rank = query_rank_1(scores)

    def precision_at(self, drawn: Weights, recalls: NDArray[np.float64]) -> NDArray[np.float64]:
        found, _, true_at, precision = self._curve(drawn)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        first = np.searchsorted(true_at, recalls * found[-1], side="left")
        return np.asarray(np.append(best, 0.0)[first])

    def _curve(self, drawn: Weights) -> tuple[Weights, Weights, Weights, Weights]:
        found = np.cumsum(self.resampler.of_pairs(drawn, self.positive))
        false = np.concatenate([[0.0], np.cumsum(self.resampler.of_pairs(drawn, self.near))])
        average = self.resampler.of_all_negatives(drawn, self.task) / self.negatives
        true_at = found[self.last_equal]
        false_at = np.where(self.beyond > 0, self.beyond * average, false[self.closer])
        return found, false, true_at, true_at / np.maximum(true_at + false_at, 1e-12)

    def figures(self, drawn: Weights) -> dict[str, float]:
        found, false, true_at, precision = self._curve(drawn)
        total = max(float(found[-1]), 1e-12)
        step = np.diff(found, prepend=0.0)
        false_at = true_at / np.maximum(precision, 1e-12) - true_at
        strict = found / np.maximum(found + false_at, 1e-12)  # equals in the worst order
        figures = {
            "average_precision": float(np.sum(step * precision) / total),
            "micro_average_precision_isc2021": float(np.sum(step * strict) / total),
            "recall_at_p90_isc2021": float(np.max(found[strict >= 0.9], initial=0.0) / total),
        }
        for target in self.precisions:
            reached = (precision >= target) & (true_at > 0)
            figures[f"recall_at_precision={target:g}"] = float(
                np.max(true_at[reached], initial=0.0) / total
            )
        for name, (below, false_below) in self.at.items():
            true_below = float(found[below - 1]) if below else 0.0
            figures[f"recall at {name}"] = true_below / total
            if false_below is not None:
                called = true_below + float(false[false_below])
                figures[f"precision at {name}"] = true_below / called if called else 1.0
        figures["mean_average_precision"] = self._mean(drawn, self.ap_query, self.ap)
        figures["rank_1"] = self._mean(drawn, self.rank_query, self.rank.astype(np.float64))
        return figures

    def _mean(self, drawn: Weights, queries: Ids, values: NDArray[np.float64]) -> float:
        weight = drawn[self.resampler.query[queries]]
        return float(np.sum(weight * values) / max(float(weight.sum()), 1e-12))
