"""Error bars: the sources are drawn again with replacement, and all their pairs with them.

Pairs that share a picture are not independent, so resampling pairs would make the bars far too
short. A pair counts as often as its two sources were drawn together (the pigeonhole bootstrap,
Owen 2007): the product of both counts, or the count itself for a pair within one source.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from neardup.evaluation.measures.metrics import (
    Floats,
    at_threshold,
    false_positives_at_positives,
    query_average_precision,
    query_rank_1,
)
from neardup.evaluation.measures.scoring import PairScores
from neardup.evaluation.protocols.task import Ids, PairList, Task

TAILS = (0.025, 0.975)
"""The quantiles between which 95 % of the draws lie."""


class Resampler:
    """Draws of the S sources of a task and what they make a pair count."""

    def __init__(self, task: Task) -> None:
        self.task, self.sources = task, len(task.sources)
        self.query = np.searchsorted(task.sources, task.query_source)
        self.reference = np.searchsorted(task.sources, task.reference_source)

    def draws(self, count: int, *, seed: int) -> Iterator[Floats]:
        """``count`` times how often each source was drawn, (S,) float64."""
        rng = np.random.default_rng(seed)
        even = np.full(self.sources, 1 / self.sources)
        for _ in range(count):
            yield rng.multinomial(self.sources, even).astype(np.float64)

    def of_pairs(self, drawn: Floats, pairs: PairList) -> Floats:
        """(P,) float64: how often each pair counts."""
        a, b = self.query[pairs[:, 0]], self.reference[pairs[:, 1]]
        return np.where(a == b, drawn[a], drawn[a] * drawn[b])

    def of_all_negatives(self, drawn: Floats) -> float:
        """The total of the weights of all negative pairs, without listing them."""
        in_query = np.bincount(self.query, minlength=self.sources)
        in_reference = np.bincount(self.reference, minlength=self.sources)
        within = float(np.sum(drawn * in_query * in_reference))
        across = float((drawn @ in_query) * (drawn @ in_reference))
        across -= float(np.sum(drawn**2 * in_query * in_reference))
        listed = np.concatenate([self.task.positive, self.task.ignored])
        total = within + across - float(self.of_pairs(drawn, listed).sum())
        if self.task.same_set:  # each pair once, and no picture with itself
            return (total - float(np.sum(drawn * in_query))) / 2
        return total


def intervals(
    task: Task,
    scores: PairScores,
    thresholds: Mapping[str, float | None],
    precisions: tuple[float, ...],
    *,
    draws: int,
    seed: int,
) -> dict[str, tuple[float, float]]:
    """95 % intervals of the headline figures.

    Where not one false alarm (or not one miss) was seen, redrawing cannot show any: the lower end
    then allows for three of them (the rule of three, Hanley & Lippman-Hand 1983).

    Args:
        task, scores: what was scored.
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
    redrawn = Redrawn(task, scores, thresholds, precisions)
    results = [redrawn.figures(drawn) for drawn in redrawn.resampler.draws(draws, seed=seed)]
    found = {}
    for name in results[0]:
        low, high = np.quantile([result[name] for result in results], TAILS)
        found[name] = (float(low), float(high))
    for name, threshold in thresholds.items():
        point = at_threshold(scores, threshold)
        pairs = point.recall * len(scores.positive_distance)
        for key, value, lowest in (
            (f"precision at {name}", point.precision, pairs / (pairs + 3)),
            (f"recall at {name}", point.recall, max(0.0, 1 - 3 / sources)),
        ):
            if value == 1 and key in found:
                found[key] = (min(found[key][0], lowest), found[key][1])
    return found


def precision_band(
    task: Task, scores: PairScores, recalls: Floats, *, draws: int, seed: int
) -> Floats | None:
    """95 % band of the best precision at each recall (n,) or more: (2, n) low and high.

    None when there are fewer than 5 sources to draw from.
    """
    if len(task.positive_sources) < 5 or draws < 1:
        return None
    redrawn = Redrawn(task, scores)
    weights = redrawn.resampler.draws(draws, seed=seed)
    best = np.stack([redrawn.precision_at(drawn, recalls) for drawn in weights])
    return np.asarray(np.quantile(best, TAILS, axis=0))


class Redrawn:
    """The figures of a task when its sources count as often as they were drawn.

    Args:
        task, scores: what was scored.
        thresholds: as for :func:`intervals`.
        precisions: as for :func:`intervals`.
    """

    def __init__(
        self,
        task: Task,
        scores: PairScores,
        thresholds: Mapping[str, float | None] | None = None,
        precisions: tuple[float, ...] = (),
    ) -> None:
        self.resampler, self.precisions = Resampler(task), precisions
        order = np.argsort(scores.positive_distance, kind="stable")
        self.positive, distance = scores.positive[order], scores.positive_distance[order]
        self.last_equal = np.searchsorted(distance, distance, side="right") - 1
        self.near = scores.near
        self.closer = np.searchsorted(scores.near_distance, distance, side="right")
        _, most = false_positives_at_positives(scores)
        self.beyond = np.where(distance > scores.complete_to, most, 0)
        self.negatives = max(scores.negatives, 1)
        self.at: dict[str, tuple[int, int | None]] = {}
        for name, threshold in (thresholds or {}).items():
            limit = np.float32(-1 if threshold is None else threshold)
            below = int(np.searchsorted(distance, limit, side="right"))
            false = int(np.searchsorted(scores.near_distance, limit, side="right"))
            self.at[name] = below, false if limit <= scores.complete_to else None
        self.ap_query, self.ap = query_average_precision(scores)
        self.rank_query, self.rank = query_rank_1(scores)

    def precision_at(self, drawn: Floats, recalls: Floats) -> Floats:
        """The best precision (n,) at each recall (n,) or more, by the weights (S,) of a draw."""
        found, _, true_at, false_at = self._counts(drawn)
        precision = _share(true_at, false_at)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        first = np.searchsorted(true_at, recalls * found[-1], side="left")
        return np.asarray(np.append(best, 0.0)[first])

    def _counts(self, drawn: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Weights of pairs, added up.

        Returns:
            (P,) of the duplicates one by one, ascending; (K + 1,) of the nearest negatives, from
            none to all; (P,) of the duplicates, and (P,) of the negatives, at most as far as each.
        """
        found = np.cumsum(self.resampler.of_pairs(drawn, self.positive))
        false = np.concatenate([[0.0], np.cumsum(self.resampler.of_pairs(drawn, self.near))])
        average = self.resampler.of_all_negatives(drawn) / self.negatives
        false_at = np.where(self.beyond > 0, self.beyond * average, false[self.closer])
        return found, false, found[self.last_equal], false_at

    def figures(self, drawn: Floats) -> dict[str, float]:
        """Every figure that :func:`intervals` has, by the weights (S,) of a draw."""
        found, false, true_at, false_at = self._counts(drawn)
        total = max(float(found[-1]), 1e-12)
        step = np.diff(found, prepend=0.0)
        precision = _share(true_at, false_at)
        strict = _share(found, false_at)  # equals in the worst order
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

    def _mean(self, drawn: Floats, queries: Ids, values: Floats) -> float:
        weight = drawn[self.resampler.query[queries]]
        return float(np.sum(weight * values) / max(float(weight.sum()), 1e-12))


def _share(true: Floats, false: Floats) -> Floats:
    return np.asarray(true / np.maximum(true + false, 1e-12))
